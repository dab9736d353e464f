"""What is tested: the server CURVEFEED_URL names, or two of our own, one for each output path.

Black box: everything goes through sockets. With CURVEFEED_ADMIN_TOKEN (the server's ADMIN_TOKEN)
events can be published there, too.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from api.config import hub_limits
from api.server import ApiServer
from common.settings import load_settings
from db.pool import pool_of
from tests.helpers.pg import PostgresForTests

PATH = "/api/v1/websocket/ws"
FOREIGN = os.environ.get("CURVEFEED_URL")
ADMIN_TOKEN = "conformance"  # noqa: S105 - of a server that lives as long as the tests
QUICK = {"hello_s": 2.0, "idle_pos_s": 1.0, "ping_interval_s": 2.0, "pong_timeout_s": 2.0}
"""Seconds, where our own server need not let the tests wait."""
_START_S = 60


class Target(NamedTuple):
    """A server: `base` is its http(s) URL."""

    base: str
    admin_token: str | None

    def ws(self, query: str = "", path: str = PATH) -> str:
        """URL of its WebSocket."""
        return f"ws{self.base.removeprefix('http')}{path}{query}"


class OwnServer:
    """A server with its own loop, in a thread of its own."""

    def __init__(self, postgres: PostgresForTests, *, is_direct: bool) -> None:
        self._postgres = postgres
        self._is_direct = is_direct
        self._is_up = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self.port = 0

    def __enter__(self) -> Target:
        self._thread.start()
        assert self._is_up.wait(_START_S), "the server doesn't start"
        return Target(f"http://127.0.0.1:{self.port}", ADMIN_TOKEN)

    def __exit__(self, *_: object) -> None:
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_START_S)

    async def _run(self) -> None:
        url = await self._postgres.create()
        settings = load_settings(
            _env_file=None,
            websocket_port=0,
            websocket_direct_writes=self._is_direct,
            websocket_drain_s=0,
            admin_token=ADMIN_TOKEN,
        )
        known = hub_limits(settings)
        fields = {name: getattr(known, name) for name in known.__struct_fields__}
        async with pool_of(url, 5) as pool:
            limits = type(known)(**fields | QUICK)
            server = ApiServer(settings, pool, None, "no page in this test", limits)
            await server.start()
            self.port, self._loop, self._stop = (
                server.port, asyncio.get_running_loop(), asyncio.Event(),
            )  # fmt: skip
            self._is_up.set()
            await self._stop.wait()
            await server.stop()


@pytest.fixture(scope="session", params=["foreign"] if FOREIGN else ["direct", "asgi"])
def target(request: pytest.FixtureRequest) -> Iterator[Target]:
    """The server under test."""
    if FOREIGN is not None:
        parts = urlsplit(FOREIGN)
        scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
        token = os.environ.get("CURVEFEED_ADMIN_TOKEN")
        yield Target(f"{scheme}://{parts.netloc}", token)
        return
    postgres: PostgresForTests = request.getfixturevalue("postgres")
    with OwnServer(postgres, is_direct=request.param == "direct") as own:
        yield own
