"""The Python client: every event once and in order, or a snapshot, whatever happens between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from chaos.processes import Command
from curvefeed_client import Event, Feed, FeedClosed, RoomDenied, RoomStatus, Subscription
from db.pool import Pool
from tests.helpers.hub import TOKEN_A, USER, publish
from tests.helpers.sign_in import Browser
from tests.integration.api.test_candles import AT, trade
from tests.integration.clients.conftest import Serve, address, free_port

pytestmark = pytest.mark.timeout(400)

TIMEOUT_S = 120
"""A server that is killed and started again has a slow start on a loaded machine."""


async def until_trade(room: Subscription, number: int) -> list[Event]:
    """What comes, up to and with the trade of that number."""
    seen: list[Event] = []
    async with asyncio.timeout(TIMEOUT_S):
        async for event in room:
            seen.append(event)
            if event["type"] == "new_trade" and numbers([event]) == [number]:
                return seen
    raise AssertionError(f"the room ended after {seen}")


def numbers(events: list[Event]) -> list[int]:
    """The trades among them, by the numbers they were published with."""
    # Published by the test, with data of its own.
    datas: list[Any] = [event["data"] for event in events if event["type"] == "new_trade"]
    return [data["number"] for data in datas]


async def test_a_room_begins_with_its_snapshot_and_goes_on_in_order(
    serve: Serve, pool: Pool
) -> None:
    """First the state, then every log event once, between them the newest states."""
    server = await serve()
    async with Feed(address(server.port)) as feed, asyncio.timeout(TIMEOUT_S):
        room = feed.subscribe(TOKEN_A)
        first = await anext(room)
        assert (first["type"], first["room"]) == ("snapshot", TOKEN_A)
        assert feed.welcome["cluster"] == "localnet"
        await publish(pool, 1, 2, 3)
        seen = await until_trade(room, 3)
        assert numbers(seen) == [1, 2, 3]
        assert room.status is RoomStatus.LIVE
        with pytest.raises(ValueError, match="subscribed already"):
            feed.subscribe(TOKEN_A)
        room.close()
        assert [event async for event in room] == []


async def test_what_is_published_while_the_server_is_dead_is_not_lost(
    pool: Pool, database_url: str, tmp_path: Path
) -> None:
    """kill -9, events, and the server again: the iterator goes on as if nothing had been."""
    port = free_port()
    server = Command(
        "serve", "--port", str(port), "--no-page",
        env={"DATABASE_URL": database_url, "DATA_DIR": str(tmp_path)}, log=tmp_path / "log",
    )  # fmt: skip
    await server.start()
    try:
        async with Feed(address(port)) as feed:
            room = feed.subscribe(TOKEN_A)
            async with asyncio.timeout(TIMEOUT_S):
                assert (await anext(room))["type"] == "snapshot"
            await publish(pool, 1, 2)
            await until_trade(room, 2)
            await server.kill()
            await publish(pool, 3, 4, 5)
            await server.start()
            seen = await until_trade(room, 5)
            assert numbers(seen) == [3, 4, 5]
            assert all(event["type"] != "snapshot" for event in seen)
    finally:
        await server.stop()


async def test_a_new_epoch_begins_with_a_snapshot(serve: Serve, pool: Pool) -> None:
    """When history is rebuilt the client is told by a snapshot, and goes on from there."""
    server = await serve()
    async with Feed(address(server.port)) as feed, asyncio.timeout(TIMEOUT_S):
        room = feed.subscribe(TOKEN_A)
        assert (await anext(room))["type"] == "snapshot"
        await publish(pool, 1, 2)
        await until_trade(room, 2)
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute("TRUNCATE feed")
            await connection.execute("UPDATE feed_head SET seq = 0, epoch = 'rebuilt'")
        event = await anext(room)
        while event["type"] != "snapshot":
            event = await anext(room)
        assert event["epoch"] == "rebuilt"
        await publish(pool, 8)
        assert numbers(await until_trade(room, 8))[-1] == 8


async def test_a_slow_consumer_catches_up_without_a_loss(serve: Serve, pool: Pool) -> None:
    """What does not fit into its queue is asked for again; another room does not wait for it."""
    server = await serve()
    async with Feed(address(server.port)) as feed:
        slow, quick = feed.subscribe(TOKEN_A, max_waiting=8), feed.subscribe("global")
        async with asyncio.timeout(TIMEOUT_S):
            assert (await anext(slow))["type"] == "snapshot"
            assert (await anext(quick))["type"] == "snapshot"
        await publish(pool, *range(1, 101))
        assert numbers(await until_trade(quick, 100)) == list(range(1, 101))
        assert slow.status is RoomStatus.STALE
        assert numbers(await until_trade(slow, 100)) == list(range(1, 101))


async def test_a_refused_room_says_why(serve: Serve) -> None:
    """A wallet's room without its token raises, and the others go on."""
    server = await serve(auth_open_wallets=False)
    async with Feed(address(server.port)) as feed, asyncio.timeout(TIMEOUT_S):
        with pytest.raises(RoomDenied, match="unauthenticated") as denied:
            await anext(feed.subscribe(USER))
        assert denied.value.room == USER
        assert (await anext(feed.subscribe("global")))["type"] == "snapshot"


@pytest.fixture
async def program(serve: Serve) -> AsyncIterator[Browser]:
    """A program with a key, signed in."""
    server = await serve(auth_open_wallets=False)
    found = Browser(server.port, origin=None)
    binding = "a" * 22
    answer = await found.nonce(binding=binding)
    found.keep(await found.verify(found.sign(answer) | {"binding": binding}))
    yield found
    await found.close()


async def test_a_ticket_opens_the_wallets_own_room(program: Browser) -> None:
    """The token is asked for before the dial, and the private room joined once it is accepted."""
    port = int(program.base.rpartition(":")[2])
    async with Feed(address(port), program.ticket) as feed, asyncio.timeout(TIMEOUT_S):
        event = await anext(feed.subscribe_to_user(program.wallet))
        assert (event["type"], event["room"]) == ("snapshot", f"user_{program.wallet}")


async def test_a_connection_that_ended_for_good_ends_the_iteration(program: Browser) -> None:
    """Signing out closes with 4442: whoever iterates is told, and nothing is dialled again."""
    port = int(program.base.rpartition(":")[2])
    async with Feed(address(port), program.ticket) as feed, asyncio.timeout(TIMEOUT_S):
        room = feed.subscribe_to_user(program.wallet)
        await anext(room)
        await program.post("/api/v1/auth/logout", headers=program.bearer)
        with pytest.raises(FeedClosed) as ended:
            while True:
                await anext(room)
        assert ended.value.code == 4442
        with pytest.raises(FeedClosed):
            await anext(feed.subscribe("global"))


async def test_candles_of_the_intervals_that_are_asked_for(serve: Serve, pool: Pool) -> None:
    """The newest bar of each, then every change of it, until the newest trade is in it."""
    server = await serve()
    await trade(pool, AT, "1.5")
    async with Feed(address(server.port)) as feed, asyncio.timeout(TIMEOUT_S):
        room = feed.subscribe(TOKEN_A, candles=["1m"])
        assert (await anext(room))["type"] == "snapshot"
        await trade(pool, AT + 30, "2.5")
        async for event in room:
            if event["type"] == "candle_update":
                assert event["data"]["interval"] == "1m"
                if event["data"]["close"] == "2.5":
                    break
