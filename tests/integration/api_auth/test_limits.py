"""Too many connections: of one wallet, of one address, or too fast. Real uvicorn, real sockets."""

from __future__ import annotations

import contextlib
from contextlib import AsyncExitStack

import websockets

from api.server import ApiServer
from tests.helpers.hub import HubClient, eventually
from tests.helpers.sockets import dial, joined, page_on, url
from tests.integration.api_auth.conftest import Open, Serve

PROXIED = "127.0.0.0/8, ::1"


async def outcome(server: ApiServer, address: str, query: str = "") -> int:
    """Close code of a socket that comes through a proxy from there; 0: it may stay. It is left
    again."""
    client = await HubClient.dial(
        server.port, query, additional_headers={"X-Forwarded-For": address}
    )
    async with client:
        assert (await client.take())["type"] == "welcome"
        with contextlib.suppress(websockets.ConnectionClosed):
            await client.say(type="ping", id=1)
        told = await client.take()
        if told["type"] == "pong":
            return 0
        assert (told["type"], told["code"], told["reconnect"]) == ("goodbye", 4443, True)
        return (await client.end())[0] or 0


async def test_too_many_of_one_wallet(serve: Serve, open_browser: Open) -> None:
    """One more than allowed is sent away with 4443, by the URL or by a message; those that are
    there stay, and when one leaves another may come."""
    server = await serve(websocket_connections_per_wallet=2)
    browser = await page_on(server, open_browser)
    async with joined(server, browser) as first, AsyncExitStack() as stack:
        second = await stack.enter_async_context(joined(server, browser))
        async with await dial(server, browser, f"?token={await browser.ticket()}") as third:
            assert (await third.end())[0] == 4443
        async with await dial(server, browser) as fourth:
            await fourth.say(type="auth", id=1, token=browser.access_token)
            code, told = await fourth.end()
            assert (code, told[-1]["after_ms"]) == (4443, [30_000, 60_000])
        for client in (first, second):
            await client.say(type="ping", id=1)
            await client.take("pong")
        await stack.aclose()
        await eventually(lambda: len(server.hub.sessions) == 1)
        async with joined(server, browser):
            pass


async def test_too_many_of_one_address(serve: Serve) -> None:
    """Counted per address as a trusted proxy names it, per /64 in IPv6: 4443."""
    server = await serve(websocket_connections_per_address=1, trusted_proxies=PROXIED)
    there = {"X-Forwarded-For": "2001:db8::1"}
    async with await HubClient.dial(server.port, additional_headers=there) as first:
        await first.take()
        assert await outcome(server, "2001:db8::ffff:2") == 4443
        assert await outcome(server, "2001:db8:0:1::1") == 0
        assert await outcome(server, "192.0.2.1") == 0
    await eventually(lambda: not server.hub.sessions)
    assert await outcome(server, "2001:db8::ffff:2") == 0


async def test_an_address_that_comes_too_often(serve: Serve) -> None:
    """First it is told, 4443, then it is not let in at all: HTTP 429. Others don't notice."""
    server = await serve(websocket_arrivals_per_minute=2, trusted_proxies=PROXIED)
    found = [await outcome(server, "192.0.2.1") for _ in range(4)]
    assert found == [0, 0, 4443, 4443]
    try:
        await outcome(server, "192.0.2.1")
        raise AssertionError("let in")
    except websockets.InvalidStatus as refused:
        assert refused.response.status_code == 429
    assert await outcome(server, "192.0.2.2") == 0


async def test_a_proxy_that_is_not_named_names_nobody(serve: Serve) -> None:
    """Its clients are one address, whatever they say."""
    server = await serve(
        websocket_arrivals_per_minute=1, trusted_proxies="192.0.2.9, 2001:db8::/32"
    )
    assert [await outcome(server, f"198.51.100.{n}") for n in range(2)] == [0, 4443]


async def test_refreshes_and_tickets_have_a_pace(serve: Serve, open_browser: Open) -> None:
    """A wallet or an address that asks for them without end is told to wait."""
    server = await serve(auth_renewals_per_minute=2)
    browser = await page_on(server, open_browser)
    await browser.refresh()
    path = url(server, "/api/v1/websocket/ticket")
    answers = [await browser.http.post(path, headers=browser.bearer) for _ in range(2)]
    assert [each.status_code for each in answers] == [200, 429]
    assert int(answers[1].headers["Retry-After"]) >= 1
    assert answers[1].json()["code"] == "rate_limited"
    refused = await browser.http.post(url(server, "/api/v1/auth/refresh"))
    assert refused.status_code == 429
