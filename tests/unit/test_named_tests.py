"""Documents that name tests name those that there are."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
    if re.search(r"`test_\w+\.test_\w+`", path.read_text())
)


@pytest.fixture(scope="module")
def known() -> dict[str, set[str]]:
    """Functions of the files of tests, by the name of the file."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in (ROOT / "tests").rglob("test_*.py"):
        found[path.stem] |= set(re.findall(r"^(?:async )?def (test_\w+)", path.read_text(), re.M))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_test_that_is_named_exists(page: Path, known: dict[str, set[str]]) -> None:
    """`file.test` is a test of that file, `tests/….py` a file, `test_file` one of them."""
    text = page.read_text()
    named = re.findall(r"`(test_\w+)\.(test_\w+)`", text)
    assert named
    assert [f"{file}.{name}" for file, name in named if name not in known[file]] == []
    assert [
        path for path in re.findall(r"`(tests/[\w/]+\.py)`", text) if not (ROOT / path).exists()
    ] == []
    files = re.findall(r"`(test_\w+?)(?:\.py)?`", text)
    assert [file for file in files if not known[file]] == []
