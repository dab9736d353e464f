"""Sign-in and the WebSocket: whose room it is. Real uvicorn, real sockets."""

from __future__ import annotations

import asyncio
import time

import pytest

from api.server import ApiServer
from api.services.auth.authorizer import SignInRooms
from api.services.auth.service import SignIn
from api.services.protocol import Refusal
from db.pool import Pool, pool_of
from tests.helpers.hub import HubClient
from tests.helpers.sockets import dial, joined, page_on, refused, token_until, url
from tests.integration.api_auth.conftest import Open, Serve


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


async def test_cookies_say_nothing_on_a_socket(serve: Serve, open_browser: Open) -> None:
    """A page of somebody else's could make a browser send them: whoever has only cookies is
    nobody."""
    server = await serve()
    browser = await page_on(server, open_browser)
    cookies = "; ".join(f"{name}={value}" for name, value in browser.http.cookies.items())
    assert "curvefeed_refresh" in cookies
    client = await HubClient.dial(
        server.port, origin=browser.origin, additional_headers={"Cookie": cookies}
    )
    async with client:
        assert (await client.take())["auth"] is None
        await client.say(type="subscribe", id=1, room=f"user_{browser.wallet}")
        assert (await client.take())["code"] == "unauthenticated"


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
