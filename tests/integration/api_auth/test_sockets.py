"""Sign-in and the WebSocket: whose room it is, and for how long. Real uvicorn, real sockets."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog

from api.server import ApiServer
from api.services.auth.authorizer import SignInRooms
from api.services.auth.keys import SigningKeys
from api.services.auth.service import SignIn
from api.services.auth.tokens import Access, issue, read
from api.services.protocol import Refusal
from common.logging import configure_logging
from db.pool import Pool, pool_of
from programs.keys import b58
from tests.helpers.hub import HubClient, eventually, publish
from tests.helpers.sign_in import Browser
from tests.integration.api_auth.conftest import Open, Serve

WITHIN_S = 1.0
"""The protocol's promise for signing out."""


def url(server: ApiServer, path: str) -> str:
    """Of a page on this server."""
    return f"http://127.0.0.1:{server.port}{path}"


async def page_on(server: ApiServer, open_browser: Open, **options: Any) -> Browser:
    """A browser on the server's own page, signed in."""
    browser = open_browser(server, origin=url(server, ""), **options)
    await browser.sign_in()
    return browser


@asynccontextmanager
async def joined(server: ApiServer, browser: Browser, *rooms: str) -> AsyncIterator[HubClient]:
    """A socket of this page, by ticket, in these rooms."""
    query = f"?token={await browser.ticket()}" + "".join(f"&room={room}" for room in rooms)
    async with await dial(server, browser, query) as client:
        assert (await client.take())["auth"]["wallet"] == browser.wallet
        for _ in rooms:
            assert (await client.take())["type"] == "subscribed"
        yield client


async def dial(server: ApiServer, browser: Browser, query: str = "") -> HubClient:
    """A socket of this page."""
    return await HubClient.dial(server.port, query, origin=browser.origin)


async def refused(server: ApiServer, browser: Browser, token: str) -> tuple[int | None, str]:
    """Close code, and the code of the error, of a dial with this credential in its URL."""
    async with await dial(server, browser, f"?token={token}") as client:
        assert (await client.take())["type"] == "welcome"
        error = await client.take()
        assert error["type"] == "error"
        code, rest = await client.end()
        assert rest[-1]["type"] == "goodbye"
        return code, error["code"]


async def keys_of(pool: Pool) -> SigningKeys:
    """The localnet's."""
    return SigningKeys({"localnet": await pool.fetchval("SELECT seed FROM auth_keys")})


async def token_until(pool: Pool, browser: Browser, exp: int) -> str:
    """The browser's token, with another end."""
    keys = await keys_of(pool)
    access = read(keys, browser.access_token)
    changed = Access(access.wallet, access.session, access.version, exp)
    return issue(keys, changed, exp - 600)


# --- credentials


@pytest.mark.parametrize("kind", ["ticket", "token"])
async def test_a_credential_in_the_url_opens_the_wallets_room(
    serve: Serve, open_browser: Open, kind: str
) -> None:
    """From the first frame on the connection is the wallet's."""
    server = await serve()
    browser = await page_on(server, open_browser)
    token = await browser.ticket() if kind == "ticket" else browser.access_token
    room = f"user_{browser.wallet}"
    async with await dial(server, browser, f"?token={token}&room={room}") as client:
        welcome = await client.take()
        assert welcome["auth"]["wallet"] == browser.wallet
        assert 590 <= welcome["auth"]["exp"] - time.time() <= 600
        assert welcome["limits"]["rooms"] == 100
        assert (await client.take())["room"] == room


async def test_a_credential_comes_in_the_first_message(serve: Serve, open_browser: Open) -> None:
    """And what follows in the same breath waits for it."""
    server = await serve()
    browser = await page_on(server, open_browser)
    async with await dial(server, browser) as client:
        assert (await client.take())["auth"] is None
        await client.say(type="auth", id=1, token=await browser.ticket())
        await client.say(type="subscribe", id=2, room=f"user_{browser.wallet}")
        authed = await client.take()
        assert (authed["type"], authed["id"]) == ("authed", 1)
        assert authed["auth"]["wallet"] == browser.wallet
        assert (await client.take())["id"] == 2


async def test_a_wallets_room_is_its_own(serve: Serve, open_browser: Open) -> None:
    """Nobody else enters it: not without a credential, not with another wallet's."""
    server = await serve()
    owner, other = await page_on(server, open_browser), await page_on(server, open_browser)
    room = f"user_{owner.wallet}"
    async with await dial(server, other) as client:
        await client.take()
        await client.say(type="subscribe", id=1, room=room)
        assert (await client.take())["code"] == "unauthenticated"
        await client.say(type="auth", id=2, token=other.access_token)
        await client.say(type="subscribe", id=3, room=room)
        assert (await client.take())["type"] == "authed"
        error = await client.take()
        assert (error["code"], error["room"], error["id"]) == ("forbidden", room, 3)
    rest = url(server, f"/api/v1/websocket/rooms/{room}/snapshot")
    assert (await other.http.get(rest)).status_code == 401
    assert (await other.http.get(rest, headers=other.bearer)).status_code == 403
    assert (await owner.http.get(rest, headers=owner.bearer)).status_code == 200


async def test_a_ticket_is_good_once(serve: Serve, open_browser: Open) -> None:
    """The second use says so."""
    server = await serve()
    browser = await page_on(server, open_browser)
    ticket = await browser.ticket()
    async with await dial(server, browser, f"?token={ticket}") as client:
        assert (await client.take())["auth"]["wallet"] == browser.wallet
        assert await refused(server, browser, ticket) == (4401, "ticket_used")


async def test_of_many_uses_of_a_ticket_at_once_one_wins(serve: Serve, open_browser: Open) -> None:
    """On two instances, against one database."""
    servers = [await serve(), await serve()]
    program = open_browser(servers[0], origin=None)
    await program.sign_in()
    ticket = await program.ticket()

    async def use(server: ApiServer) -> str:
        async with await dial(server, program, f"?token={ticket}") as client:
            if (await client.take())["auth"] is not None:
                return "won"
            error: str = (await client.take())["code"]
            return error

    answers = await asyncio.gather(*(use(server) for server in servers for _ in range(6)))
    assert sorted(answers) == ["ticket_used"] * 11 + ["won"]


async def test_a_ticket_belongs_to_its_page(serve: Serve, open_browser: Open) -> None:
    """Another origin can't use it, nor a program; and it is used up by the attempt."""
    server = await serve(websocket_allowed_origins="http://localhost:3000")
    browser = await page_on(server, open_browser)
    elsewhere = open_browser(server, origin="http://localhost:3000")
    assert await refused(server, elsewhere, await browser.ticket()) == (4401, "forbidden")
    program = open_browser(server, origin=None)
    ticket = await browser.ticket()
    assert await refused(server, program, ticket) == (4401, "forbidden")
    assert await refused(server, browser, ticket) == (4401, "ticket_used")


async def test_a_programs_ticket_is_worth_nothing_on_a_page(
    serve: Serve, open_browser: Open
) -> None:
    """Bought without an origin, used without one."""
    server = await serve()
    program = open_browser(server, origin=None)
    await program.sign_in()
    page = open_browser(server, origin=url(server, ""))
    assert await refused(server, page, await program.ticket()) == (4401, "forbidden")
    async with joined(server, program, f"user_{program.wallet}"):
        pass


async def test_an_old_ticket_is_refused(serve: Serve, open_browser: Open, pool: Pool) -> None:
    """Half a minute is over, though it was never used."""
    server = await serve()
    browser = await page_on(server, open_browser)
    ticket = await browser.ticket()
    await pool.execute("UPDATE auth_tickets SET expires_at = now()")
    assert await refused(server, browser, ticket) == (4401, "token_expired")


@pytest.mark.parametrize("token", ["x", "a.b.c", "cft_" + "A" * 43, "cft_", "eyJ" + "A" * 3_000])
async def test_a_credential_that_is_none_ends_the_connection(
    serve: Serve, open_browser: Open, token: str
) -> None:
    """Accepted first, so that a browser sees 4401 and not a bare failure."""
    server = await serve()
    browser = open_browser(server, origin=None)
    assert await refused(server, browser, token) == (4401, "token_invalid")


async def test_access_tokens_in_urls_can_be_switched_off(serve: Serve, open_browser: Open) -> None:
    """Tickets go on; so do access tokens in a message."""
    server = await serve(websocket_token_in_url=False)
    browser = await page_on(server, open_browser)
    assert await refused(server, browser, browser.access_token) == (4401, "token_invalid")
    async with joined(server, browser) as client:
        await client.say(type="auth", id=1, token=browser.access_token)
        assert (await client.take())["type"] == "authed"


@pytest.mark.parametrize("prefix", ["", "cft_"])
async def test_without_the_database_a_credential_is_neither_good_nor_bad(
    serve: Serve, open_browser: Open, database_url: str, prefix: str
) -> None:
    """An instance that can't know who has signed out asks to try again, and lets nobody in."""
    server = await serve()
    browser = await page_on(server, open_browser)
    async with pool_of(database_url, 2) as gone:
        sign_in = SignIn(server.app.state.services.settings, gone)
        rooms = SignInRooms(sign_in, has_open_wallets=False)
        assert (await rooms.identify(browser.access_token)).wallet == browser.wallet
    with pytest.raises(Refusal) as caught:
        await rooms.identify(prefix + "A" * 43 if prefix else browser.access_token)
    assert caught.value.code == "unavailable"


async def test_an_expired_token_in_the_url_ends_the_connection(
    serve: Serve, open_browser: Open, pool: Pool
) -> None:
    """With the reason that makes a client refresh."""
    server = await serve()
    browser = await page_on(server, open_browser)
    token = await token_until(pool, browser, int(time.time()) - 30)
    assert await refused(server, browser, token) == (4401, "token_expired")


async def test_a_refresh_token_is_no_credential(serve: Serve, open_browser: Open) -> None:
    """It never leaves the cookie."""
    server = await serve()
    browser = await page_on(server, open_browser)
    refresh = browser.http.cookies.get("curvefeed_refresh")
    assert await refused(server, browser, str(refresh)) == (4401, "token_invalid")


async def test_a_wrong_credential_in_a_message_is_an_error_alone(
    serve: Serve, open_browser: Open
) -> None:
    """The connection goes on with what it had."""
    server = await serve()
    browser = await page_on(server, open_browser)
    room = f"user_{browser.wallet}"
    async with joined(server, browser, room) as client:
        await client.say(type="auth", id=1, token="wrong")  # noqa: S106
        error = await client.take()
        assert (error["code"], error["id"]) == ("token_invalid", 1)
        await client.say(type="rooms", id=2)
        assert [each["room"] for each in (await client.take())["rooms"]] == [room]


async def test_another_wallets_credential_takes_the_first_ones_room_away(
    serve: Serve, open_browser: Open
) -> None:
    """A connection is one wallet's at a time."""
    server = await serve()
    one, other = await page_on(server, open_browser), await page_on(server, open_browser)
    async with joined(server, one, f"user_{one.wallet}", "global") as client:
        await client.say(type="auth", id=1, token=other.access_token)
        assert (await client.take())["auth"]["wallet"] == other.wallet
        error = await client.take()
        assert (error["code"], error["room"]) == ("forbidden", f"user_{one.wallet}")
        await client.say(type="rooms", id=2)
        assert [each["room"] for each in (await client.take())["rooms"]] == ["global"]


# --- the end of a credential


async def test_a_token_that_ends_takes_the_wallets_room_along(
    serve: Serve, open_browser: Open, pool: Pool
) -> None:
    """First a warning, then the room goes; public rooms and the connection stay, and another
    token opens the room again."""
    server = await serve()
    browser = await page_on(server, open_browser)
    room = f"user_{browser.wallet}"
    # Within the few seconds by which clocks may differ, so that its last ten begin at once.
    token = await token_until(pool, browser, int(time.time()) - 3)
    async with await dial(server, browser, f"?token={token}&room={room}&room=global") as client:
        assert (await client.take("auth_expiring"))["exp"] < time.time()
        error = await client.take("error")
        assert (error["code"], error["room"]) == ("token_expired", room)
        await publish(pool, 1)
        assert (await client.take("new_trade"))["room"] == "global"
        await client.say(type="subscribe", id=1, room=room)
        assert (await client.take("error"))["code"] == "unauthenticated"
        await client.say(type="auth", id=2, token=browser.access_token)
        await client.say(type="subscribe", id=3, room=room)
        assert (await client.take("authed"))["id"] == 2
        assert (await client.take("subscribed"))["id"] == 3


async def test_a_renewed_token_keeps_the_room(serve: Serve, open_browser: Open, pool: Pool) -> None:
    """After the warning another token comes, and nothing is lost."""
    server = await serve()
    browser = await page_on(server, open_browser)
    room = f"user_{browser.wallet}"
    token = await token_until(pool, browser, int(time.time()) + 30)
    async with await dial(server, browser, f"?token={token}&room={room}") as client:
        await client.take("auth_expiring")
        answer = await browser.refresh()
        await client.say(type="auth", id=1, token=answer["access_token"])
        assert (await client.take("authed"))["auth"]["exp"] == answer["expires_at"]
        await client.say(type="rooms", id=2)
        rooms = await client.take("rooms", "error", "auth_expiring")
        assert [each["room"] for each in rooms["rooms"]] == [room]


# --- signing out


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


async def test_no_credential_reaches_a_log(
    serve: Serve, open_browser: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    """Good ones and wrong ones, in URLs, headers, cookies and messages, at the lowest level."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        configure_logging("debug", "console")
        server = await serve()
        logging.getLogger("uvicorn.error").setLevel(logging.DEBUG)  # which says each URL
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
    assert "/api/v1/websocket/ws?token=***" in said
    for secret in secrets:
        assert secret[-20:] not in said
        assert secret[8:28] not in said
