"""What is under test: Postgres, indexers and API as processes, and one client that follows."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import asyncpg
import psutil

from chaos.client import FeedClient
from chaos.clock import Clock
from chaos.processes import Command
from chaos.readings import FIELDS
from common.errors import GiveUp
from db.embedded import EmbeddedServer

_FAST = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "64MB"}
"""kill -9 takes no page from the system's cache: only a power cut would need them."""
_READY_TIMEOUT_S = 60


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class Database:
    """An embedded server of this run's own, with a database for each scenario."""

    def __init__(self, folder: Path) -> None:
        self._server = EmbeddedServer(folder, _FAST)
        self._lock = asyncio.Lock()

    @property
    def pid(self) -> int | None:
        """Of the server's first process; None while it is down."""
        return self._server.pid

    async def start(self) -> None:
        """Start the server."""
        await asyncio.to_thread(self._server.start)

    async def stop(self) -> None:
        """Stop it."""
        await asyncio.to_thread(self._server.stop)

    async def create(self, name: str) -> str:
        """URL of a new, empty database."""
        await self._admin(f"CREATE DATABASE {name}")
        return self._server.url(name)

    async def drop(self, name: str) -> None:
        """Remove a database, cutting whoever is still connected."""
        await self._admin(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    async def kill(self, down_s: float) -> None:
        """kill -9 of the server and all its processes; start it again after `down_s`."""
        async with self._lock:
            connection = await asyncpg.connect(self._server.url("postgres"))
            backend = psutil.Process(await connection.fetchval("SELECT pg_backend_pid()"))
            postmaster = backend.parent()
            if postmaster is None or not postmaster.name().startswith("postgres"):
                raise RuntimeError("the backend's parent is not a Postgres server")
            victims = [postmaster, *postmaster.children(recursive=True)]
            for victim in victims:
                with suppress(psutil.NoSuchProcess):
                    victim.kill()
            connection.terminate()
            await asyncio.to_thread(psutil.wait_procs, victims, 10)
            await asyncio.sleep(down_s)
            await asyncio.to_thread(self._server.restart, is_crash=True)

    async def _admin(self, statement: str) -> None:
        connection = await asyncpg.connect(self._server.url("postgres"))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


class System:
    """Indexers and API on one database and one endpoint, started through main.py.

    `clock` is the library of chaos.clock; None: their clocks cannot be stepped.
    """

    def __init__(
        self, env: Mapping[str, str], folder: Path, *, indexers: int = 1, clock: Path | None = None
    ) -> None:
        self._port = free_port()
        self.indexers_clock = Clock(clock, folder / "indexers.clock")
        self.api_clock = Clock(clock, folder / "api.clock")
        self.indexers = [
            Command(
                "index", env={**env, **self.indexers_clock.env}, log=folder / f"index-{number}.log"
            )
            for number in range(1, indexers + 1)
        ]
        self.api = Command(
            "serve", "--port", str(self._port), "--no-page",
            env={**env, **self.api_clock.env}, log=folder / "serve.log",
        )  # fmt: skip
        self.client = FeedClient(f"ws://127.0.0.1:{self._port}/api/v1/websocket/ws", fields=FIELDS)

    @property
    def api_url(self) -> str:
        """Where the API answers."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def commands(self) -> list[Command]:
        """All processes."""
        return [*self.indexers, self.api]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """All processes up and the client following, before there is anything to hear; everything
        stopped at the end. A process that ends by itself is started again, as docker or systemd do.

        Raises GiveUp if the API does not come up.
        """
        await self.api.start()
        tasks = [asyncio.create_task(command.supervise()) for command in self.commands]
        tasks.append(asyncio.create_task(self.client.run()))
        try:
            await self._connected()
            for indexer in self.indexers:
                await indexer.start()
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.gather(*(command.kill() for command in self.commands))

    async def _connected(self) -> None:
        try:
            await self.client.connected(_READY_TIMEOUT_S)
        except TimeoutError:
            raise GiveUp(
                "the API does not come up", hint="Look into its log", log=self.api.folder
            ) from None


async def kill_for(command: Command, down_s: float) -> None:
    """kill -9, and a new start after `down_s`."""
    await command.kill()
    await asyncio.sleep(down_s)
    await command.start()
