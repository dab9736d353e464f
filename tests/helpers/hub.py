"""A client for tests of the hub, and events to publish."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

import websockets
from websockets.asyncio.client import ClientConnection

from db.pool import Pool
from db.publish import Publication, append_event
from programs.keys import b58

Message = dict[str, Any]
TIMEOUT_S = 30.0

MINT_A, MINT_B = bytes([1]) * 32, bytes([2]) * 32
WALLET = bytes([9]) * 32
TOKEN_A, TOKEN_B, USER = f"token_{b58(MINT_A)}", f"token_{b58(MINT_B)}", f"user_{b58(WALLET)}"


def trade(number: int, mint: bytes = MINT_A, padding: int = 0) -> Publication:
    """A numbered new_trade with both of its states."""
    return Publication(
        event="new_trade",
        data=json.dumps({"number": number, "padding": "x" * padding}),
        mint=mint,
        wallet=WALLET,
        slot=number,
        price_update=json.dumps({"mint": b58(mint), "price": str(number)}),
        portfolio_update=json.dumps({"mint": b58(mint), "base_amount": str(number)}),
    )


async def publish(pool: Pool, *numbers: int, mint: bytes = MINT_A, padding: int = 0) -> list[int]:
    """Append numbered trades; returns their seqs."""
    return [await append_event(pool, trade(number, mint, padding)) for number in numbers]


async def age(pool: Pool, up_to: int, seconds: float) -> None:
    """Make the feed's rows up to a seq older than they are."""
    await pool.execute(
        "UPDATE feed SET committed_at = committed_at - make_interval(secs => $2) WHERE seq <= $1",
        up_to,
        seconds,
    )


class HubClient:
    """One WebSocket; `seen` holds everything that came, `take` hands it out one by one."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.seen: list[Message] = []
        self._next = 0

    @classmethod
    async def dial(cls, port: int, query: str = "", **options: Any) -> HubClient:
        """Connect, without reading anything yet."""
        url = f"ws://127.0.0.1:{port}/api/v1/websocket/ws{query}"
        return cls(await websockets.connect(url, max_size=2**24, max_queue=None, **options))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self.socket.close()

    async def say(self, **message: Any) -> None:
        """Send a message."""
        await self.socket.send(json.dumps(message))

    async def take(self, *kinds: str) -> Message:
        """The next message; with `kinds`, the next of them, passing over others."""
        async with asyncio.timeout(TIMEOUT_S):
            while True:
                if self._next == len(self.seen):
                    self.seen.append(json.loads(await self.socket.recv()))
                message = self.seen[self._next]
                self._next += 1
                if not kinds or message["type"] in kinds:
                    return message

    async def take_until(self, is_last: Callable[[Message], bool]) -> list[Message]:
        """Messages up to and with the one that is asked for."""
        taken = [await self.take()]
        while not is_last(taken[-1]):
            taken.append(await self.take())
        return taken

    async def settled(self) -> list[Message]:
        """Everything the hub had to say so far: until every room it is in is joined."""
        taken: list[Message] = []
        while True:
            await self.say(type="rooms", id="settled")
            *told, rooms = await self.take_until(lambda each: each.get("id") == "settled")
            taken += told
            if all(room["seq"] is not None for room in rooms["rooms"]):
                return taken
            await asyncio.sleep(0.05)

    async def end(self) -> tuple[int | None, list[Message]]:
        """The close code, once the hub closes, and what came before."""
        rest: list[Message] = []
        async with asyncio.timeout(TIMEOUT_S):
            try:
                while True:
                    rest.append(json.loads(await self.socket.recv()))
            except websockets.ConnectionClosed:
                return self.socket.close_code, rest


@asynccontextmanager
async def connected(port: int, query: str = "", **options: Any) -> AsyncIterator[HubClient]:
    """A client that has been welcomed."""
    client = await HubClient.dial(port, query, **options)
    async with client:
        assert (await client.take())["type"] == "welcome"
        yield client


async def eventually(is_so: Callable[[], bool], timeout_s: float = TIMEOUT_S) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(timeout_s):
        while not is_so():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0.01)


def log_events(messages: list[Message]) -> list[Message]:
    """Those that belong to the chain."""
    return [message for message in messages if "prev" in message]
