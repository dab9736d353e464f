"""A served API: real uvicorn, real sockets, real Postgres; every test runs on both output paths."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import pytest

from api.config import hub_limits
from api.server import ApiServer
from db.pool import Pool
from tests.conftest import SettingsFactory

Serve: TypeAlias = Callable[..., Awaitable[ApiServer]]


@pytest.fixture(params=[True, False], ids=["direct", "asgi"])
def is_direct(request: pytest.FixtureRequest) -> bool:
    """Frames straight to the sockets, or by ASGI sends."""
    is_direct: bool = request.param
    return is_direct


@pytest.fixture
async def serve(pool: Pool, settings: SettingsFactory, is_direct: bool) -> AsyncIterator[Serve]:
    """Starts servers: keywords are limits of the hub, `settings=` a dict of settings."""
    servers: list[ApiServer] = []

    async def start(**options: Any) -> ApiServer:
        values = {"websocket_port": 0, "websocket_direct_writes": is_direct}
        made = settings(**values | options.pop("settings", {}))
        limits = type(hub_limits(made))(**_fields(hub_limits(made)) | options)
        server = ApiServer(made, pool, None, "no page in this test", limits)
        await server.start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        await server.stop()


def _fields(limits: Any) -> dict[str, Any]:
    return {name: getattr(limits, name) for name in limits.__struct_fields__}
