"""Several hubs on one database, with or without NATS between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import asyncpg
import httpx2

from chaos.nats import NatsServer
from chaos.processes import Command
from chaos.system import Database, free_port
from common.errors import GiveUp
from db.migrate import migrate
from db.pool import pool_of

ADMIN_TOKEN = "of-processes-that-live-for-minutes"  # noqa: S105 - nobody else reaches them
_READY_S = 180


class Hubs:
    """`count` API processes, the first `nats` of them over NATS: for these a server, and two
    relays, of which one works.
    """

    def __init__(self, database: Database, url: str, folder: Path, *, count: int, nats: int = 0):
        self.database = database
        self.database_url = url
        self.nats = NatsServer(folder / "nats") if nats else None
        self._over_nats = nats
        env = {"DATABASE_URL": url, "WEBSOCKET_DRAIN_S": "0", "ADMIN_TOKEN": ADMIN_TOKEN}
        over_nats = env if self.nats is None else {**env, "FEED_URL": self.nats.url}
        self._ports = [free_port() for _ in range(count)]
        self.hubs = [
            Command(
                "serve",
                "--port",
                str(port),
                "--no-page",
                env=over_nats if number < nats else env,
                log=folder / f"{port}.log",
            )
            for number, port in enumerate(self._ports)
        ]
        self.relays = [
            Command("relay", env=over_nats, log=folder / f"relay-{number}.log")
            for number in range(2 if nats else 0)
        ]

    @property
    def bases(self) -> list[str]:
        """Their URLs."""
        return [f"http://127.0.0.1:{port}" for port in self._ports]

    @property
    def urls(self) -> list[str]:
        """Of their WebSockets."""
        return [f"ws://127.0.0.1:{port}/api/v1/websocket/ws" for port in self._ports]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """All up, and over NATS where there is one. Raises GiveUp if they don't come up."""
        async with pool_of(self.database_url, 1) as pool:
            await migrate(pool)
        async with AsyncExitStack() as stack:
            if self.nats is not None:
                await asyncio.to_thread(self.nats.start)
                stack.callback(self.nats.kill)
            for command in (*self.relays, *self.hubs):
                await command.start()
                stack.push_async_callback(command.kill)
            async with asyncio.timeout(_READY_S), httpx2.AsyncClient() as http:
                for number in range(len(self.hubs)):
                    while not await self._is_ready(http, number):  # noqa: ASYNC110 - is polled
                        await asyncio.sleep(0.1)
            yield

    async def _is_ready(self, http: httpx2.AsyncClient, number: int) -> bool:
        if not self.hubs[number].is_running:
            raise GiveUp("a hub has ended", log=self.hubs[number].output[-2_000:])
        with suppress(httpx2.HTTPError):
            base = self.bases[number]
            is_ready = (await http.get(f"{base}/readyz")).status_code == 200
            if is_ready and number < self._over_nats:
                metrics = (await http.get(f"{base}/metrics")).text
                return "curvefeed_feed_fallback_active 0.0" in metrics
            return is_ready
        return False

    async def execute(self, statement: str) -> None:
        """Run it in the database."""
        connection = await asyncpg.connect(self.database_url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()
