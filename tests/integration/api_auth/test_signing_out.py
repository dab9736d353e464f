"""Signing out closes sockets, on every instance and within a second; no secret reaches a log."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
import structlog

from api.services.auth.tokens import read
from common.logging import configure_logging
from db.pool import Pool
from programs.keys import b58
from tests.helpers.hub import HubClient, eventually
from tests.helpers.sockets import dial, joined, keys_of, page_on, refused
from tests.integration.api_auth.conftest import Open, Serve

WITHIN_S = 15.0
"""The promise is a second, and half of that the longest pause between two looks; the machine that
runs the tests may be busy with others."""


async def end_of(client: HubClient) -> tuple[int | None, Any]:
    """Close code and goodbye, within the promised time."""
    async with asyncio.timeout(WITHIN_S):
        code, rest = await client.end()
    return code, rest[-1]


@pytest.mark.parametrize("is_direct", [True, False], ids=["direct", "asgi"])
async def test_signing_out_closes_the_sessions_sockets_on_every_instance(
    serve: Serve, open_browser: Open, is_direct: bool
) -> None:
    """Within a second, with 4442; other sessions' and other wallets' sockets stay."""
    one = await serve(websocket_direct_writes=is_direct)
    other = await serve(websocket_direct_writes=is_direct)
    browser = open_browser(one, origin=None)
    await browser.sign_in()
    same_wallet = open_browser(one, key=browser.key, origin=None)
    await same_wallet.sign_in()
    stranger = open_browser(other, origin=None)
    await stranger.sign_in()
    room = f"user_{browser.wallet}"
    async with (
        joined(one, browser, room) as here,
        joined(other, browser, room) as there,
        joined(one, same_wallet, room) as kept,
        joined(other, stranger, f"user_{stranger.wallet}") as also_kept,
    ):
        response = await browser.post("/api/v1/auth/logout")
        assert response.status_code == 204
        for client in (here, there):
            code, goodbye = await end_of(client)
            assert code == 4442
            assert (goodbye["type"], goodbye["reconnect"]) == ("goodbye", False)
        for client in (kept, also_kept):
            await client.say(type="ping", id=1)
            assert (await client.take())["type"] == "pong"


async def test_everywhere_closes_all_of_the_wallets_sockets(
    serve: Serve, open_browser: Open
) -> None:
    """Whichever session they came from."""
    server = await serve()
    one = open_browser(server, origin=None)
    await one.sign_in()
    other = open_browser(server, key=one.key, origin=None)
    await other.sign_in()
    async with joined(server, one) as first, joined(server, other) as second:
        await one.post("/api/v1/auth/logout", {"everywhere": True})
        assert (await end_of(first))[0] == 4442
        assert (await end_of(second))[0] == 4442


async def test_a_reused_refresh_token_closes_sockets_too(serve: Serve, open_browser: Open) -> None:
    """The thief's as well as the owner's."""
    server = await serve()
    browser = open_browser(server, origin=None)
    await browser.sign_in()
    first = browser.http.cookies.get("curvefeed_refresh")
    await browser.refresh()
    async with joined(server, browser) as client:
        thief = open_browser(server, origin=None)
        thief.http.cookies.set("curvefeed_refresh", str(first))
        assert (await thief.post("/api/v1/auth/refresh")).status_code == 401
        assert (await end_of(client))[0] == 4442


async def test_without_notify_the_next_look_finds_it(
    serve: Serve, open_browser: Open, pool: Pool
) -> None:
    """The table is the truth: a row that nobody announced counts within the same second."""
    server = await serve()
    browser = open_browser(server, origin=None)
    await browser.sign_in()
    access = read(await keys_of(pool), browser.access_token)
    async with joined(server, browser) as client:
        await pool.execute(
            """INSERT INTO auth_revocations (wallet, session, expires_at)
               VALUES ($1, $2, now() + interval '1 hour')""",
            access.wallet,
            access.session,
        )
        assert (await end_of(client))[0] == 4442


async def test_a_cut_connection_to_the_database_is_opened_again(
    serve: Serve, open_browser: Open, pool: Pool
) -> None:
    """Whoever signs out afterwards is heard."""
    server = await serve()
    browser = open_browser(server, origin=None)
    await browser.sign_in()
    revoked = server.app.state.sign_in.revoked
    await eventually(lambda: revoked.is_fresh)
    async with joined(server, browser) as client:
        cut = await pool.fetchval(
            """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
               WHERE pid <> pg_backend_pid() AND query LIKE '%auth_revocations%'
                     AND datname = current_database()"""
        )
        assert cut >= 1
        await browser.post("/api/v1/auth/logout")
        assert (await client.end())[0] == 4442
        await eventually(lambda: revoked.is_fresh)


async def test_who_has_signed_out_does_not_come_back(serve: Serve, open_browser: Open) -> None:
    """Not by the access token, not by a ticket bought before."""
    server = await serve()
    browser = await page_on(server, open_browser)
    ticket = await browser.ticket()
    async with joined(server, browser) as client:
        await browser.post("/api/v1/auth/logout")
        assert (await end_of(client))[0] == 4442
    assert await refused(server, browser, browser.access_token) == (4401, "token_invalid")
    assert await refused(server, browser, ticket) == (4401, "token_invalid")


async def test_the_wallets_room_of_an_open_localnet_needs_no_sign_in(
    serve: Serve, open_browser: Open
) -> None:
    """The localnet's default: there is nobody to protect."""
    server = await serve(auth_open_wallets=None)
    program = open_browser(server, origin=None)
    room = f"user_{b58(bytes([9]) * 32)}"
    async with await dial(server, program, f"?room={room}") as client:
        assert (await client.take())["type"] == "welcome"
        assert (await client.take())["type"] == "subscribed"


# --- logs


@pytest.mark.parametrize("is_direct", [True, False])
async def test_no_credential_reaches_a_log(
    serve: Serve, open_browser: Open, capsys: pytest.CaptureFixture[str], is_direct: bool
) -> None:
    """Good ones and wrong ones, in URLs, headers, cookies and messages, at the lowest level."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        configure_logging("debug", "console")
        server = await serve(websocket_direct_writes=is_direct)
        # It says each URL that reaches it; below that level also frames, which nobody can set.
        level = logging.DEBUG if is_direct else logging.INFO
        logging.getLogger("uvicorn.error").setLevel(level)
        browser = await page_on(server, open_browser)
        tickets = [await browser.ticket() for _ in range(3)]
        async with await dial(server, browser, f"?token={tickets[0]}") as client:
            await client.say(type="auth", id=1, token=tickets[1])
            assert (await client.take("authed"))["id"] == 1
        await refused(server, browser, tickets[0])
        await refused(server, browser, browser.access_token[:-8] + "AAAAAAAA")
        async with await dial(server, browser, f"?token={browser.access_token}"):
            pass
        secrets = [browser.access_token, *tickets, *browser.http.cookies.values()]
        await browser.refresh()
        await browser.post("/api/v1/auth/logout", headers=browser.bearer)
    finally:
        root.handlers[:], root.level = before
        structlog.reset_defaults()
    said = "".join(capsys.readouterr())
    assert ("/api/v1/websocket/ws?token=***" in said) is not is_direct
    for secret in secrets:
        assert secret[-20:] not in said
        assert secret[8:28] not in said
