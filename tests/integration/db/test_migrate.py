"""Migrations: forward only, once, whoever runs them."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from common.errors import MigrationError
from db.migrate import MIGRATIONS, is_current, load, migrate
from db.pool import Pool, pool_of
from tests.helpers.pg import PostgresForTests


@pytest.fixture
async def empty(postgres: PostgresForTests) -> AsyncIterator[Pool]:
    url = await postgres.create_empty()
    async with pool_of(url, 5) as pool:
        yield pool
    await postgres.drop(url)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(MIGRATIONS, tmp_path / "migrations"))


async def test_every_migration_is_applied_once_and_in_order(empty: Pool) -> None:
    """A first run applies every file in order, a second run none."""
    assert await migrate(empty) == [migration.name for migration in load()]
    assert await migrate(empty) == []


async def test_processes_that_migrate_at_once_apply_each_file_once(empty: Pool) -> None:
    """Of several that start together one migrates and the others find it done."""
    results = await asyncio.gather(*(migrate(empty) for _ in range(4)))
    assert sorted(results, key=len)[:3] == [[], [], []]
    assert await empty.fetchval("SELECT count(*) FROM schema_migrations") == len(load())


async def test_a_changed_file_is_refused(empty: Pool, folder: Path) -> None:
    """Who edits an applied migration is told the file and what to do, and nothing is applied."""
    await migrate(empty, folder)
    first = folder / load(folder)[0].name
    first.write_text(first.read_text() + "-- changed")
    with pytest.raises(MigrationError, match=rf"{first.name}.*Restore the file"):
        await migrate(empty, folder)


async def test_a_database_newer_than_the_code_is_refused(empty: Pool, folder: Path) -> None:
    """An older program does not touch a database whose schema it cannot know."""
    number = len(load(folder)) + 1
    (folder / f"{number:04}_future.sql").write_text("CREATE TABLE future ()")
    await migrate(empty, folder)
    with pytest.raises(MigrationError, match="newer than this version"):
        await migrate(empty)
    async with empty.acquire() as connection:
        assert await is_current(connection), "who runs already goes on, until it is replaced"


async def test_a_failing_migration_leaves_nothing(empty: Pool, folder: Path) -> None:
    """If a file fails, the database is as before, those before it in the same run included."""
    number = len(load(folder)) + 1
    (folder / f"{number:04}_broken.sql").write_text("CREATE TABLE half (); SELECT nonsense")
    with pytest.raises(MigrationError, match=r"broken\.sql"):
        await migrate(empty, folder)
    assert await empty.fetchval("SELECT to_regclass('tokens')") is None
    assert await empty.fetchval("SELECT to_regclass('half')") is None


def test_numbers_have_no_gap(folder: Path) -> None:
    """A missing number is a mistake and is said."""
    (folder / "0099_lonely.sql").write_text("SELECT 1")
    with pytest.raises(MigrationError, match=r"0099_lonely\.sql"):
        load(folder)
