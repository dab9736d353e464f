"""A Postgres for one benchmark: the embedded one in a folder that is removed afterwards."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

from common.logging import configure_logging
from db.embedded import EmbeddedServer
from db.migrate import migrate
from db.pool import pool_of


@contextmanager
def fresh_database(options: Mapping[str, str] | None = None) -> Iterator[str]:
    """URL of a migrated, empty database on a server with its defaults: it syncs every commit.

    `options` are settings of the server; its log is at `log_of(url)`.
    """
    configure_logging("warning", "console")
    with tempfile.TemporaryDirectory(prefix="curvefeed-bench-") as folder:
        server = EmbeddedServer(Path(folder), options)
        url = server.start()
        try:
            asyncio.run(_migrate(url))
            yield url
        finally:
            server.stop()


def log_of(url: str) -> Path:
    """The server's log. The URL's host is the folder of its data (and socket)."""
    return Path(unquote(url.partition("host=")[2])) / "server.log"


async def _migrate(url: str) -> None:
    async with pool_of(url, 2) as pool:
        await migrate(pool)
