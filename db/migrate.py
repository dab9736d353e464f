"""Forward-only migrations: numbered .sql files, each applied once, their checksums remembered."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import asyncpg
import msgspec

from common.errors import MigrationError
from db.pool import Connection, Pool

MIGRATIONS = Path(__file__).parent / "migrations"
_NAME = re.compile(r"(\d{4})_\w+\.sql")
_LOCK = 0x63757276
"""Number of the advisory lock: "curv"."""


class Migration(msgspec.Struct, frozen=True):
    """One file: `number` 1, 2, 3 … without a gap."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def load(folder: Path = MIGRATIONS) -> list[Migration]:
    """The folder's migrations in order. Raises MigrationError where names or numbers are wrong."""
    found: list[Migration] = []
    for path in sorted(folder.glob("*.sql")):
        match = _NAME.fullmatch(path.name)
        if match is None or int(match[1]) != len(found) + 1:
            raise MigrationError(
                "migrations are numbered 0001_name.sql, 0002_name.sql … without a gap",
                file=path.name,
            )
        found.append(Migration(int(match[1]), path.name, path.read_text()))
    return found


async def migrate(target: Pool | Connection, folder: Path = MIGRATIONS) -> list[str]:
    """Apply what is missing, all in one transaction; returns the names of what was applied.

    Any number of processes may call it at once: one applies, the others wait and find nothing to
    do. Raises MigrationError if an applied file was changed or the database is newer than the code.
    """
    if isinstance(target, asyncpg.Pool):
        async with target.acquire() as connection:
            return await _migrate(connection, load(folder))
    return await _migrate(target, load(folder))


async def applied(target: Pool | Connection) -> tuple[int, int]:
    """How many migrations the database has, and how many this code knows. Changes nothing."""
    exists = await target.fetchval("SELECT to_regclass('schema_migrations') IS NOT NULL")
    has = await target.fetchval("SELECT count(*) FROM schema_migrations") if exists else 0
    return int(has), len(load())


async def is_current(connection: Connection) -> bool:
    """Is every migration of the code applied? Some beyond are a newer version's, which is about to
    take over: migrations leave to the version before theirs what it needs.
    """
    newest: int | None = await connection.fetchval("SELECT max(number) FROM schema_migrations")
    return (newest or 0) >= len(load())


async def _migrate(connection: Connection, migrations: list[Migration]) -> list[str]:
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        applied = await _applied(connection)
        _check(applied, migrations)
        pending = migrations[len(applied) :]
        for migration in pending:
            await _apply(connection, migration)
        return [migration.name for migration in pending]


async def _applied(connection: Connection) -> dict[int, str]:
    """Checksum of each applied migration by number."""
    exists = await connection.fetchval("SELECT to_regclass('schema_migrations') IS NOT NULL")
    if not exists:
        await connection.execute(
            """CREATE TABLE schema_migrations (
                   number integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,
                   applied_at timestamptz NOT NULL DEFAULT now())"""
        )
    rows = await connection.fetch("SELECT number, checksum FROM schema_migrations ORDER BY number")
    return {row["number"]: row["checksum"] for row in rows}


def _check(applied: dict[int, str], migrations: list[Migration]) -> None:
    if len(applied) > len(migrations):
        raise MigrationError(
            "the database is newer than this version of curvefeed",
            hint="Update curvefeed, or use another database",
            database=max(applied),
            code=len(migrations),
        )
    for migration in migrations[: len(applied)]:
        if applied.get(migration.number) != migration.checksum:
            raise MigrationError(
                "a migration was changed after it had been applied",
                hint="Restore the file and put the change into a new, higher-numbered migration",
                file=migration.name,
            )


async def _apply(connection: Connection, migration: Migration) -> None:
    try:
        await connection.execute(migration.sql)
    except asyncpg.PostgresError as error:
        raise MigrationError(
            "a migration failed; nothing of it was kept", file=migration.name, reason=f'"{error}"'
        ) from error
    await connection.execute(
        "INSERT INTO schema_migrations (number, name, checksum) VALUES ($1, $2, $3)",
        migration.number,
        migration.name,
        migration.checksum,
    )
