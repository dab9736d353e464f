"""The console script `curvefeed`: the same commands as `./run`, from an installed wheel."""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> None:
    """Run a command of main.py.

    Its packages have short names (api, db, common); so the wheel keeps them in a folder of its own
    rather than in everybody's site-packages.
    """
    sys.path.insert(0, str(Path(__file__).with_name("app")))
    from main import main as run

    run()


if __name__ == "__main__":
    main()
