"""The end of a credential on an open socket: warning, grace, renewal."""

from __future__ import annotations

import time

from db.pool import Pool
from tests.helpers.hub import publish
from tests.helpers.sockets import dial, page_on, token_until
from tests.integration.api_auth.conftest import Open, Serve


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
