"""`.env.example`, made from the settings themselves: `python -m common.settings_doc` writes it."""

from __future__ import annotations

from pathlib import Path
from textwrap import wrap

from common.settings import Settings

TARGET = Path(__file__).resolve().parent.parent / ".env.example"
HEAD = """\
# Every setting, with its default. Copy to .env and uncomment what you change; the environment wins.
# Made by `python -m common.settings_doc`. `./run doctor` checks what you wrote.
"""


def env_example() -> str:
    """The file's text."""
    blocks = [HEAD]
    for name, field in Settings.model_fields.items():
        about = "\n".join(f"# {line}" for line in wrap(field.description or "", 98))
        default = "" if field.default is None else f"{field.default}"
        blocks.append(f"{about}\n#{name.upper()}={default}\n")
    return "\n".join(blocks)


if __name__ == "__main__":
    TARGET.write_text(env_example())
