"""Whose word counts for where a request comes from."""

from __future__ import annotations

import httpx2
import pytest

from common.errors import SettingsError
from tests.conftest import SettingsFactory
from tests.helpers.hub import HubClient
from tests.integration.api_auth.conftest import Serve


async def attempts(port: int, count: int) -> list[int]:
    """Statuses of so many attempts to sign in, each said to come from another address."""
    url = f"http://127.0.0.1:{port}/api/v1/auth/nonce"
    async with httpx2.AsyncClient() as http:
        return [
            (
                await http.post(
                    url,
                    json={"binding": "b" * 32},
                    headers={"X-Forwarded-For": f"198.51.100.{number}"},
                )
            ).status_code
            for number in range(count)
        ]


async def test_nobody_is_believed_by_default(serve: Serve) -> None:
    """A client on this machine can't name another address to get around the limits."""
    server = await serve(auth_attempts_per_minute=2)
    assert await attempts(server.port, 4) == [200, 200, 429, 429]


async def test_a_named_proxy_is_believed(serve: Serve) -> None:
    """What a proxy of TRUSTED_PROXIES says of its client's address counts."""
    server = await serve(auth_attempts_per_minute=2, trusted_proxies="192.0.2.1, 127.0.0.0/8")
    assert await attempts(server.port, 4) == [200] * 4


async def test_another_proxy_is_not(serve: Serve) -> None:
    """Nor does one that isn't named there."""
    server = await serve(auth_attempts_per_minute=2, trusted_proxies="192.0.2.1")
    assert await attempts(server.port, 3) == [200, 200, 429]


async def test_a_page_behind_a_tls_proxy(serve: Serve) -> None:
    """A trusted proxy that ends TLS says so, and the https page is the API's own: its WebSocket is
    accepted."""
    server = await serve(trusted_proxies="127.0.0.1")
    client = await HubClient.dial(
        server.port,
        origin=f"https://127.0.0.1:{server.port}",
        additional_headers={"X-Forwarded-Proto": "https", "X-Forwarded-For": "198.51.100.7"},
    )
    async with client:
        assert (await client.take())["type"] == "welcome"


def test_a_name_is_no_proxy(settings: SettingsFactory) -> None:
    """Addresses and networks alone: a mistake is one sentence at the start."""
    with pytest.raises(SettingsError, match="TRUSTED_PROXIES"):
        settings(trusted_proxies="proxy.example")
