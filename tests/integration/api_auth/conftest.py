"""A served API that people can sign in on: real uvicorn, real cookies, real Postgres."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import pytest

from api.server import ApiServer
from db.pool import Pool
from tests.conftest import SettingsFactory
from tests.helpers.sign_in import Browser

Serve: TypeAlias = Callable[..., Awaitable[ApiServer]]
Open: TypeAlias = Callable[..., Browser]


@pytest.fixture
async def serve(pool: Pool, settings: SettingsFactory) -> AsyncIterator[Serve]:
    """Starts instances on this test's database: keywords are settings."""
    servers: list[ApiServer] = []

    async def start(**values: Any) -> ApiServer:
        made = settings(
            **{"websocket_port": 0, "auth_open_wallets": False, "websocket_drain_s": 0} | values
        )
        server = ApiServer(made, pool, None, "no page in this test")
        await server.start()
        servers.append(server)
        return server

    yield start
    for server in reversed(servers):
        await server.stop()


@pytest.fixture
async def open_browser() -> AsyncIterator[Open]:
    """Opens browsers, each with cookies and a wallet of its own."""
    browsers: list[Browser] = []

    def start(server: ApiServer, **options: Any) -> Browser:
        browser = Browser(server.port, **options)
        browsers.append(browser)
        return browser

    yield start
    for browser in browsers:
        await browser.close()
