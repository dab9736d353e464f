"""Postgres for the tests: one embedded server per test process, one fresh database per test."""

from __future__ import annotations

import fcntl
import itertools
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import asyncpg

from db.embedded import EmbeddedServer
from db.migrate import migrate

_PREFIX = "curvefeed-test-"
_SURELY_STARTED_S = 300
_TEMPLATE = "template_migrated"
_FAST = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_wal_size": "256MB",
}
"""A test's data need not survive a power cut; synchronous_commit stays on, as in production."""


class PostgresForTests:
    """Starts at the first database that is asked for; `close` stops it and removes its folder."""

    def __init__(self) -> None:
        _reap()
        self._folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        self.server = EmbeddedServer(self._folder, _FAST)
        self._numbers = itertools.count(1)
        self._is_ready = False

    async def create(self) -> str:
        """URL of a fresh, migrated database."""
        if not self._is_ready:
            await self._make_template()
        name = f"test_{next(self._numbers)}"
        await self._admin(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE} STRATEGY file_copy")
        return self.server.url(name)

    async def create_empty(self) -> str:
        """URL of a database without any table."""
        self.server.start()
        name = f"empty_{next(self._numbers)}"
        await self._admin(f"CREATE DATABASE {name}")
        return self.server.url(name)

    async def drop(self, url: str) -> None:
        """Remove a database, cutting whoever is still connected."""
        await self._admin(f"DROP DATABASE IF EXISTS {name_of(url)} WITH (FORCE)")

    def close(self) -> None:
        """Stop the server and remove its folder."""
        self.server.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    async def _make_template(self) -> None:
        self.server.start()
        await self._admin(f"CREATE DATABASE {_TEMPLATE}")
        connection = await asyncpg.connect(self.server.url(_TEMPLATE))
        try:
            await migrate(connection)
        finally:
            await connection.close()
        self._is_ready = True

    async def _admin(self, statement: str) -> None:
        connection = await asyncpg.connect(self.server.url("postgres"))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


def _reap() -> None:
    """Stop the servers of test processes that were killed, and remove their folders."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError), (folder / "postgres" / "users.lock").open() as users:
            if time.time() - folder.stat().st_mtime < _SURELY_STARTED_S:
                continue
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails while somebody uses it
            users.close()
            orphan = EmbeddedServer(folder)
            orphan.start()
            orphan.stop()
            shutil.rmtree(folder, ignore_errors=True)


def name_of(url: str) -> str:
    """The database a URL names."""
    return url.partition("?")[0].rpartition("/")[2]
