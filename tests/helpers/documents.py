"""The blocks of code in README.md and docs: what each is, and what its mark says.

A comment in the line above a block may say

    <!-- not run: the reason -->             listed and counted by the tests
    <!-- run by: tests/…/test_x.py -->       that test runs it as it stands
    <!-- run until: some text -->            begun, or repeated, until it prints this

and without one it is run, and must end well.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parents[2]
RUN = ("sh", "python", "js")
CODE = (*RUN, "ts", "tsx", "sql", "c", "rust")
OTHER_NAMES = ("bash", "shell", "console", "shell-session", "zsh", "py", "javascript", "typescript")
MARKS = ("not run", "run by", "run until")
SERVERS = ("up", "localnet", "index", "serve", "traders", "relay")
_BLOCK = re.compile(
    r"^(?:<!--\s*(?P<mark>[^\n]*?)\s*-->\n)?```(?P<language>[\w-]*)[^\n]*\n(?P<text>.*?)^```",
    re.MULTILINE | re.DOTALL,
)
_INLINE = re.compile(r"`(?:[A-Z_]+=\S+ )*\./run((?: [^`]*)?)`")


class Block(msgspec.Struct, frozen=True):
    """One fenced block."""

    page: Path
    line: int
    language: str
    text: str
    mark: str
    """One of MARKS, or nothing."""
    said: str
    """What follows the mark's colon."""

    @property
    def place(self) -> str:
        """Where it stands, to be found again."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def is_code(self) -> bool:
        """Not data: it must be run, or say why not."""
        return self.language in (*CODE, *OTHER_NAMES)


def pages() -> list[Path]:
    """Every page of documentation that a reader may follow."""
    found = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"]
    found += sorted((ROOT / "docs").rglob("*.md"))
    found += [ROOT / "clients/python/README.md", ROOT / "frontend/packages/client/README.md"]
    return [page for page in found if page.exists()]


def blocks(page: Path) -> list[Block]:
    """The blocks of a page, in order."""
    text = page.read_text()
    return [
        Block(
            page,
            text.count("\n", 0, match.start("language")) + 1,
            match["language"],
            match["text"],
            *_mark(match["mark"] or ""),
        )
        for match in _BLOCK.finditer(text)
    ]


def _mark(comment: str) -> tuple[str, str]:
    name, colon, said = comment.partition(":")
    return (name.strip(), said.strip()) if colon and name.strip() in MARKS else ("", "")


def commands(text: str) -> Iterator[str]:
    """The commands of a shell block: one a line, unless a backslash or a structure joins lines."""
    if re.search(r"<<|^\s*(for|while|if|until)\b", text, re.MULTILINE):
        yield text
        return
    for line in re.sub(r"\\\n", " ", text).splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            yield line


def server_of(command: str) -> str | None:
    """The command of ours that this line starts and that goes on until it is stopped."""
    last = re.split(r"&&|;", command)[-1]
    try:
        words = shlex.split(last, comments=True)
    except ValueError:
        return None
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words.pop(0)
    if not words or words[0] not in ("./run", "curvefeed") or "--help" in words:
        return None
    name = _name(words[1:])
    return name if name in SERVERS else None


def _name(words: Sequence[str]) -> str:
    return words[0] if words and not words[0].startswith("-") else "up"


def run_lines(page: Path) -> Iterator[list[str]]:
    """The words after `./run` wherever the page says it in a block or within a line."""
    text = page.read_text()
    for match in _INLINE.finditer(text):
        yield match[1].split()
    for block in blocks(page):
        for found in re.finditer(r"(?:^|\s|\()\./run\b([^\n#|&;)]*)", block.text):
            yield found[1].split()


def words_of_ours(words: Sequence[str]) -> tuple[str, list[str]]:
    """(command, its options) of what follows `./run`."""
    name = _name(words)
    return name, [word.split("=")[0] for word in words if word.startswith("--")]
