"""The WebSocket protocol as a conversation: what is said, what is answered, in which order."""

from __future__ import annotations

from typing import Any

import pytest

from db.pool import Pool
from db.publish import Publication, append_event
from tests.helpers.hub import (
    MINT_B,
    TOKEN_A,
    TOKEN_B,
    USER,
    HubClient,
    age,
    connected,
    log_events,
    publish,
)
from tests.integration.api.conftest import Serve


def kinds(messages: list[dict[str, Any]]) -> list[str]:
    """Types in order."""
    return [message["type"] for message in messages]


def numbers(messages: list[dict[str, Any]]) -> list[int]:
    """Numbers of the trades among the messages."""
    return [message["data"]["number"] for message in log_events(messages)]


async def test_the_first_frame_is_a_welcome(serve: Serve, pool: Pool) -> None:
    """`welcome` comes first and says where the feed stands and what is allowed."""
    await publish(pool, 1, 2)
    server = await serve()
    client = await HubClient.dial(server.port, subprotocols=["hub.v1"])
    async with client:
        welcome = await client.take()
        epoch = await pool.fetchval("SELECT epoch FROM feed_head")
        assert (welcome["type"], welcome["protocol"], welcome["auth"]) == ("welcome", 1, None)
        assert (welcome["epoch"], welcome["seq"]) == (epoch, 2)
        assert welcome["limits"] == {"rooms": 20, "msg_per_s": 10, "burst": 20, "max_bytes": 16384}
        assert client.socket.subprotocol == "hub.v1"


async def test_ten_lines_are_a_client(serve: Serve, pool: Pool) -> None:
    """`?room=` alone subscribes: whoever reads `type` and `data` gets every event from then on."""
    server = await serve()
    async with connected(server.port, f"?room={TOKEN_A}") as client:
        assert (await client.take())["type"] == "subscribed"
        await publish(pool, 1, 2)
        await publish(pool, 3, mint=MINT_B)
        await publish(pool, 4)
        trades = [await client.take("new_trade") for _ in range(3)]
    assert numbers(trades) == [1, 2, 4]
    assert [(each["seq"], each["prev"]) for each in trades] == [(1, 0), (2, 1), (4, 2)]


async def test_each_room_gets_what_concerns_it(serve: Serve, pool: Pool) -> None:
    """A trade is told to global, its token and its wallet; prices are not the wallet's, portfolios
    are its alone."""
    server = await serve()
    async with connected(server.port, f"?room=global&room={TOKEN_B}&room={USER}") as client:
        assert kinds(await client.settled()) == ["subscribed"] * 3
        await publish(pool, 1, mint=MINT_B)
        told = [await client.take() for _ in range(6)]
    assert {(each["room"], each["type"]) for each in told} == {
        ("global", "new_trade"), ("global", "price_update"),
        (TOKEN_B, "new_trade"), (TOKEN_B, "price_update"),
        (USER, "new_trade"), (USER, "portfolio_update"),
    }  # fmt: skip


async def test_live_without_since_or_snapshot(serve: Serve, pool: Pool) -> None:
    """No `since`, no snapshot: `subscribed` with the room's position, then what is new."""
    await publish(pool, 1)
    await publish(pool, 2, mint=MINT_B)
    server = await serve()
    async with connected(server.port) as client:
        await client.say(type="subscribe", id=1, room=TOKEN_A)
        subscribed = await client.take()
        assert subscribed == {
            "type": "subscribed", "id": 1, "room": TOKEN_A, "seq": 1, "epoch": subscribed["epoch"],
        }  # fmt: skip
        await publish(pool, 3)
        event = await client.take()
    assert (event["type"], event["prev"], event["seq"]) == ("new_trade", 1, 3)


async def test_snapshot_then_live(serve: Serve, pool: Pool) -> None:
    """`snapshot`: `subscribed`, then the state with its position, then what came after it."""
    await publish(pool, 1)
    server = await serve()
    async with connected(server.port) as client:
        await client.say(type="subscribe", id="a", room="global", snapshot=True)
        subscribed, snapshot = await client.take(), await client.take()
        assert kinds([subscribed, snapshot]) == ["subscribed", "snapshot"]
        assert subscribed["seq"] == snapshot["seq"] == 1
        assert snapshot["data"] == {"tokens": [], "trades": []}
        await publish(pool, 2)
        assert (await client.take())["prev"] == 1


async def test_resume_replays_the_whole_gap(serve: Serve, pool: Pool) -> None:
    """`since` inside the window: every missed event in order, then the newest state, then live."""
    await publish(pool, 1, 2, 3)
    await publish(pool, 4, mint=MINT_B)
    await publish(pool, 5)
    server = await serve()
    async with connected(server.port) as client:
        epoch = client.seen[0]["epoch"]
        since = {"epoch": epoch, "seq": 1}
        await client.say(type="subscribe", id=1, room=TOKEN_A, since=since)
        told = await client.settled()
        await publish(pool, 6)
        live = await client.take()
    assert kinds(told) == ["subscribed", "new_trade", "new_trade", "new_trade", "price_update"]
    assert (told[0]["recovered"], told[0]["replayed"], told[0]["seq"]) == (True, 3, 1)
    assert [each["prev"] for each in log_events([*told, live])] == [1, 2, 3, 5]
    assert told[-1]["data"]["price"] == "5"


async def test_resume_with_nothing_missed(serve: Serve, pool: Pool) -> None:
    """Nothing missed is recovered too, with `replayed: 0`, in a room that has never had an
    event.
    """
    await publish(pool, 1, mint=MINT_B)
    server = await serve()
    async with connected(server.port) as client:
        since = {"epoch": client.seen[0]["epoch"], "seq": 1}
        await client.say(type="subscribe", id=1, room=TOKEN_A, since=since)
        told = await client.settled()
    assert kinds(told) == ["subscribed"]
    assert (told[0]["recovered"], told[0]["replayed"], told[0]["seq"]) == (True, 0, 0)


@pytest.mark.parametrize("ring_rows", [1, 10_000])
@pytest.mark.parametrize("reason", ["epoch", "expired", "too_many", "ahead"])
async def test_what_cannot_be_replayed_is_said(
    serve: Serve, pool: Pool, reason: str, ring_rows: int
) -> None:
    """Any other `since`: `recovered: false` with the reason, and a snapshot that covers the
    hole.
    """
    await publish(pool, *range(1, 8))
    if reason == "expired":
        await age(pool, 3, 400)
    server = await serve(replay_events=5, ring_rows=ring_rows)
    async with connected(server.port) as client:
        since = {
            "epoch": {"epoch": "other", "seq": 5},
            "expired": {"epoch": client.seen[0]["epoch"], "seq": 2},
            "too_many": {"epoch": client.seen[0]["epoch"], "seq": 1},
            "ahead": {"epoch": client.seen[0]["epoch"], "seq": 99},
        }[reason]
        await client.say(type="subscribe", id=1, room="global", since=since)
        subscribed, snapshot = await client.take(), await client.take()
    assert (subscribed["recovered"], subscribed["reason"]) == (False, reason)
    assert (snapshot["type"], snapshot["seq"]) == ("snapshot", 7)


@pytest.mark.parametrize("ring_rows", [1, 10_000])
async def test_a_replay_is_bounded_in_bytes(serve: Serve, pool: Pool, ring_rows: int) -> None:
    """A gap of few but large events is `too_many`, whole or not at all; a smaller one is sent."""
    await publish(pool, 1, 2, 3, 4, padding=600)
    server = await serve(replay_bytes=2_000, ring_rows=ring_rows)
    for seq, is_recovered in ((1, False), (3, True)):
        async with connected(server.port) as client:
            since = {"epoch": client.seen[0]["epoch"], "seq": seq}
            await client.say(type="subscribe", id=1, room="global", since=since)
            subscribed = await client.take("subscribed")
            assert subscribed["recovered"] is is_recovered
            assert subscribed.get("reason") == (None if is_recovered else "too_many")


async def test_a_filter_hides_the_chain(serve: Serve, pool: Pool) -> None:
    """With `events` only those come, and `prev` is null since the chain can't be checked."""
    server = await serve()
    async with connected(server.port, "?room=global") as plain, connected(server.port) as client:
        await client.say(type="subscribe", id=1, room="global", events=["new_trade"])
        await client.take("subscribed")
        await plain.take("subscribed")
        await publish(pool, 1, 2)
        told = [await client.take() for _ in range(2)]
        unfiltered = [await plain.take() for _ in range(2)]
        assert kinds(await client.settled()) == []
    assert kinds(told) == ["new_trade"] * 2
    assert [each["prev"] for each in told] == [None, None]
    assert unfiltered[0]["prev"] == 0


async def test_subscribing_twice_is_once(serve: Serve, pool: Pool) -> None:
    """`subscribe` is idempotent: a second one is acknowledged and doubles nothing."""
    server = await serve()
    async with connected(server.port) as client:
        for number in (1, 2):
            await client.say(type="subscribe", id=number, room=TOKEN_A)
            assert (await client.take())["id"] == number
        await publish(pool, 1)
        await client.take("price_update")
        assert kinds(await client.settled()) == []


async def test_unsubscribe_ends_it(serve: Serve, pool: Pool) -> None:
    """After `unsubscribed` nothing of the room comes, and no trace of it stays."""
    server = await serve()
    async with connected(server.port, f"?room={TOKEN_A}") as client:
        await client.take("subscribed")
        await client.say(type="unsubscribe", id=2, room=TOKEN_A)
        assert await client.take() == {"type": "unsubscribed", "id": 2, "room": TOKEN_A}
        await publish(pool, 1)
        assert kinds(await client.settled()) == []
        assert server.hub.rooms == {}


async def test_aliases_and_silence(serve: Serve) -> None:
    """`action` and `channel` are understood, and without `id` there is no acknowledgement."""
    server = await serve()
    async with connected(server.port) as client:
        await client.say(action="subscribe", channel="global")
        await client.say(type="pong")
        assert kinds(await client.settled()) == []
        await client.say(type="rooms", id=3)
        rooms = await client.take("rooms")
    assert (rooms["id"], rooms["rooms"]) == (3, [{"room": "global", "seq": 0}])


async def test_published_states_travel_without_a_link(serve: Serve, pool: Pool) -> None:
    """A state that is published alone has its seq, no `prev`, and the chain of the log passes by
    it.
    """
    server = await serve()
    async with connected(server.port, "?room=global") as client:
        await client.take("subscribed")
        await publish(pool, 1)
        stats = Publication(event="market_stats", data='{"tokens":3}')
        assert await append_event(pool, stats) == 2
        await publish(pool, 3)
        told = await client.take_until(lambda each: each["seq"] == 3 and "prev" not in each)
    first, second = log_events(told)
    (state,) = [each for each in told if each["type"] == "market_stats"]
    assert (first["seq"], state["seq"], second["seq"], second["prev"]) == (1, 2, 3, 1)
    assert "prev" not in state


async def test_idle_rooms_tell_their_position(serve: Serve, pool: Pool) -> None:
    """A quiet room says where it stands, so that a lost last message is noticed."""
    await publish(pool, 1)
    server = await serve(idle_pos_s=0.5)
    async with connected(server.port, f"?room={TOKEN_A}") as client:
        pos = await client.take("pos")
    assert (pos["room"], pos["seq"]) == (TOKEN_A, 1)
