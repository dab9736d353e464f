"""The Python client's connection against a scripted hub: real sockets, no server of ours."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from curvefeed_client import Feed, FeedClosed, RoomStatus

TIMEOUT_S = 30
ROOM = "user_W"
WELCOME = {"type": "welcome", "epoch": "e1", "seq": 0, "ts": 0, "ping_interval_ms": 25_000,
           "pong_timeout_ms": 10_000}  # fmt: skip


class Line:
    """One connection, from the hub's side."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket

    async def say(self, **frame: Any) -> None:
        """Send a frame."""
        await self.socket.send(json.dumps(frame))

    async def hear(self, kind: str) -> dict[str, Any]:
        """The next message, which is of that kind."""
        message: dict[str, Any] = json.loads(await self.socket.recv())
        assert message["type"] == kind, message
        return message

    async def signed_in(self, token: str) -> None:
        """It brings this token."""
        auth = await self.hear("auth")
        assert auth["token"] == token
        await self.say(type="authed", id=auth["id"])

    async def joined(self, since: int | None) -> None:
        """It joins its room from there."""
        asked = await self.hear("subscribe")
        assert asked.get("since") == (None if since is None else {"epoch": "e1", "seq": since})
        recovered = {} if since is None else {"recovered": True}
        await self.say(type="subscribed", id=asked["id"], room=ROOM, **recovered)
        if since is None:
            await self.say(type="snapshot", room=ROOM, epoch="e1", seq=5, data={})

    async def trade(self, seq: int, prev: int) -> None:
        """An event of the room."""
        await self.say(type="new_trade", room=ROOM, seq=seq, prev=prev, ts=0, data={})


Script = Callable[[Line, int], Awaitable[None]]


@asynccontextmanager
async def hub(script: Script) -> AsyncIterator[str]:
    """A hub that plays `script(line, number of the connection)`; its address."""
    calls = 0

    async def play(socket: ServerConnection) -> None:
        nonlocal calls
        calls += 1
        line = Line(socket)
        await line.say(**WELCOME)
        await script(line, calls)
        await socket.wait_closed()

    async with serve(play, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}"


async def test_an_expired_token_is_replaced_and_the_room_goes_on() -> None:
    """The hub takes the room away; another token opens it again where it was."""
    tokens = iter(["one", "two"])

    async def script(line: Line, _: int) -> None:
        await line.signed_in("one")
        await line.joined(None)
        await line.say(type="error", code="token_expired", message="bring another", room=ROOM)
        await line.signed_in("two")
        await line.joined(5)
        await line.trade(6, 5)

    async with hub(script) as url, Feed(url, lambda: next(tokens)) as feed:
        room = feed.subscribe(ROOM)
        async with asyncio.timeout(TIMEOUT_S):
            seen = [await anext(room), await anext(room)]
    assert [(each["type"], each["seq"]) for each in seen] == [("snapshot", 5), ("new_trade", 6)]


async def test_a_refused_credential_is_asked_for_anew_once() -> None:
    """After close code 4401 it dials at once, and lives on where the next token is good."""
    tokens = iter(["bad", "good"])

    async def script(line: Line, number: int) -> None:
        if number == 1:
            await line.hear("auth")
            await line.socket.close(4401, "no")
            return
        await line.signed_in("good")
        await line.joined(None)

    async with hub(script) as url, Feed(url, lambda: next(tokens)) as feed:
        async with asyncio.timeout(TIMEOUT_S):
            assert (await anext(feed.subscribe(ROOM)))["type"] == "snapshot"


async def test_a_lost_event_is_asked_for() -> None:
    """A gap between prev and seq makes it subscribe again from where it was."""

    async def script(line: Line, _: int) -> None:
        await line.joined(None)
        await line.trade(9, 8)
        await line.joined(5)
        await line.trade(8, 5)
        await line.trade(9, 8)

    async with hub(script) as url, Feed(url) as feed:
        room = feed.subscribe(ROOM)
        async with asyncio.timeout(TIMEOUT_S):
            assert [(await anext(room))["seq"] for _ in range(3)] == [5, 8, 9]


async def test_what_the_hub_dropped_is_told_by_a_snapshot() -> None:
    """After a resync the room is stale until its snapshot, and goes on from there."""

    async def script(line: Line, _: int) -> None:
        await line.joined(None)
        await line.say(type="resync", room=ROOM, reason="slow")
        await line.say(type="price_update", room=ROOM, seq=5, ts=0, data={})
        await line.hear("subscribe")  # the test has looked, and asks for another room
        await line.say(type="snapshot", room=ROOM, epoch="e1", seq=50, data={})

    async with hub(script) as url, Feed(url) as feed:
        room = feed.subscribe(ROOM)
        async with asyncio.timeout(TIMEOUT_S):
            seen = [(await anext(room))["seq"], (await anext(room))["seq"]]
            statuses = [room.status]
            feed.subscribe("global")
            seen.append((await anext(room))["seq"])
            statuses.append(room.status)
    assert seen == [5, 5, 50]
    assert statuses == [RoomStatus.STALE, RoomStatus.LIVE]


async def test_a_goodbye_for_good_is_the_end() -> None:
    """Whoever iterates, and whoever comes later, is told why."""

    async def script(line: Line, _: int) -> None:
        await line.joined(None)
        await line.say(type="goodbye", code=4999, reason="go away", reconnect=False)
        await line.socket.close(4999)

    async with hub(script) as url, Feed(url) as feed:
        room = feed.subscribe(ROOM)
        async with asyncio.timeout(TIMEOUT_S):
            await anext(room)
            with pytest.raises(FeedClosed, match="go away"):
                await anext(room)
            with pytest.raises(FeedClosed):
                await feed.connected()
