"""Two instances as processes of their own: what happens at one reaches the other, and what both
print holds no secret.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from chaos.processes import Command
from common.logging import redacted
from tests.helpers.hub import HubClient
from tests.helpers.sign_in import Browser
from tests.integration.clients.conftest import free_port

START_S = 60


@asynccontextmanager
async def instance(
    name: str, database_url: str, folder: Path
) -> AsyncIterator[tuple[int, Command]]:
    """`./run serve` that says all it has to say; its port."""
    port = free_port()
    env = {
        "DATABASE_URL": database_url, "DATA_DIR": str(folder), "LOG_LEVEL": "debug",
        "AUTH_OPEN_WALLETS": "false", "WEBSOCKET_DRAIN_S": "1",
    }  # fmt: skip
    command = Command(
        "serve", "--port", str(port), "--no-page", env=env, log=folder / f"{name}.log"
    )
    await command.start()
    try:
        async with asyncio.timeout(START_S), httpx2.AsyncClient() as http:
            while not await is_ready(http, port):  # noqa: ASYNC110 - another process's
                await asyncio.sleep(0.1)
        yield port, command
    finally:
        await command.stop()


async def is_ready(http: httpx2.AsyncClient, port: int) -> bool:
    """Does it take connections?"""
    try:
        return (await http.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200
    except httpx2.TransportError:
        return False


async def joined(port: int, browser: Browser) -> tuple[HubClient, str]:
    """A socket of this wallet there, in its room, and the ticket it came with."""
    ticket = await browser.ticket()
    client = await HubClient.dial(port, f"?token={ticket}&room=user_{browser.wallet}")
    assert (await client.take("subscribed"))["room"] == f"user_{browser.wallet}"
    return client, ticket


@pytest.mark.timeout(240)
async def test_signing_out_at_one_closes_the_sockets_of_the_other(
    database_url: str, tmp_path: Path
) -> None:
    """With 4442, on both; the credentials used for it are in neither's log. A SIGTERM then says
    goodbye with 4441 to who is still there."""
    async with (
        instance("one", database_url, tmp_path) as (port, one),
        instance("other", database_url, tmp_path) as (other_port, other),
    ):
        browser = Browser(port, origin=None)
        stranger = await HubClient.dial(other_port, "?room=global")
        try:
            await browser.sign_in()
            here, ticket = await joined(port, browser)
            there, other_ticket = await joined(other_port, browser)
            secrets = [ticket, other_ticket, browser.access_token, *browser.http.cookies.values()]
            wrong = await HubClient.dial(other_port, f"?token={browser.access_token[:-6]}AAAAAA")
            assert (await wrong.end())[0] == 4401
            assert (await browser.post("/api/v1/auth/logout")).status_code == 204
            began = time.monotonic()
            assert [(await client.end())[0] for client in (here, there)] == [4442, 4442]
            print(f"closed on both {time.monotonic() - began:.3f} s after the answer to logout")
            late = await HubClient.dial(other_port, f"?token={browser.access_token}")
            assert (await late.end())[0] == 4401
            assert await other.stop() == 0
            assert (await stranger.end())[0] == 4441
        finally:
            await browser.close()
            await stranger.socket.close()
    for log in (one.output, other.output):
        assert "api_started" in log
        assert log == redacted(log)
        for secret in secrets:
            assert secret[-20:] not in log
            assert secret[8:28] not in log
