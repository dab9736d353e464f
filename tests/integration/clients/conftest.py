"""A served API that the clients connect to, and a port that stays the same over its lives."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import pytest

from api.config import hub_limits
from api.server import ApiServer
from db.pool import Pool
from tests.conftest import SettingsFactory

Serve: TypeAlias = Callable[..., Awaitable[ApiServer]]


@pytest.fixture
async def serve(pool: Pool, settings: SettingsFactory) -> AsyncIterator[Serve]:
    """Starts servers: keywords are settings."""
    servers: list[ApiServer] = []

    async def start(**values: Any) -> ApiServer:
        made = settings(**{"websocket_port": 0, "websocket_drain_s": 0} | values)
        server = ApiServer(made, pool, None, "no page in this test", hub_limits(made))
        await server.start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        await server.stop()


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def address(port: int) -> str:
    """Where a client dials."""
    return f"ws://127.0.0.1:{port}/api/v1/websocket/ws"
