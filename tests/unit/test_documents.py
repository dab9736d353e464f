"""The documentation hangs together: every page is found, every block is accounted for, every
command of ours that it names exists.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from main import app
from tests.helpers.documents import (
    MARKS,
    OTHER_NAMES,
    ROOT,
    RUN,
    Block,
    blocks,
    pages,
    run_lines,
    words_of_ours,
)

DOCS = ROOT / "docs"
PAGES = pages()
NOT_IN_THE_MENU = ("decisions/",)
COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
ANYTHING = {"test"}
"""What hands its words to another program."""


def in_nav(found: Any) -> Iterator[str]:
    """Every page below a part of the menu."""
    if isinstance(found, str):
        yield found
    else:
        for each in found.values() if isinstance(found, dict) else found:
            yield from in_nav(each)


def test_every_page_is_in_the_menu() -> None:
    """A page that nobody finds is none; decisions are listed by their folder."""
    menu = list(in_nav(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]))
    names = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")}
    assert {name for name in names if not name.startswith(NOT_IN_THE_MENU)} == set(menu)
    assert len(menu) == len(set(menu))


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_block_is_run_or_says_why_not(page: Path) -> None:
    """Code is in a language that the tests run, or names the test that does, or a reason."""
    for block in filter(lambda block: block.is_code, blocks(page)):
        assert block.language not in OTHER_NAMES, f"{block.place}: spell it sh, python or js"
        assert block.mark or block.language in RUN, f"{block.place}: nothing runs {block.language}"
        assert not block.mark or block.said, block.place
        if block.mark == "run by":
            assert_runs(block)


def assert_runs(block: Block) -> None:
    """The test that is named is there, and reads this page."""
    test = (ROOT / block.said).read_text()
    assert block.page.name in test, f"{block.place}: {block.said} does not read {block.page.name}"


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_mark_stands_above_a_block(page: Path) -> None:
    """A mark that was moved away from its block, or is misspelt, would exempt nothing."""
    marks = re.findall(rf"^<!--\s*(?:{'|'.join(MARKS)}):", page.read_text(), re.MULTILINE)
    assert len(marks) == sum(bool(block.mark) for block in blocks(page))


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_command_exists(page: Path) -> None:
    """`./run name --option` anywhere names a command that there is, with options it has."""
    for words in run_lines(page):
        name, options = words_of_ours(words)
        if name.strip("…[]") == "" or not name[0].isalpha() or name.isupper():
            continue
        assert name in COMMANDS, f"{page.relative_to(ROOT)}: ./run {' '.join(words)}"
        if name not in ANYTHING:
            known = {option for each in COMMANDS[name].params for option in each.opts} | {"--help"}
            assert set(options) <= known, f"{page.relative_to(ROOT)}: ./run {' '.join(words)}"
