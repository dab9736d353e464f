"""The burner wallet is in a localnet's page, and in no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from frontend.build import build_page

MARKS = (b"Burner (localnet)", b"curvefeed.burner")
"""Its name and the place of its key: neither can be minified away."""


def with_burner(page: Path) -> set[Path]:
    """The files of a built page that hold any of it."""
    files = [path for path in page.rglob("*") if path.is_file()]
    assert len(files) > 10, "a page has more files than that"
    return {path for path in files if any(mark in path.read_bytes() for mark in MARKS)}


@pytest.mark.timeout(600)
async def test_only_a_localnets_page_contains_it() -> None:
    """Built for a live cluster not one file has it; built for a localnet it is a script of its own,
    which no document loads by itself."""
    assert with_burner(await build_page()) == set()
    page = await build_page(for_localnet=True)
    [script] = with_burner(page)
    assert script.suffix == ".js"
    assert not [html for html in page.rglob("*.html") if script.name in html.read_text()]
