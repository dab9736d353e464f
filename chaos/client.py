"""A WebSocket client that keeps its place: what a careful bot does."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Collection
from typing import Any

import websockets
from websockets.exceptions import WebSocketException

_MAX_FRAME_BYTES = 2**22
_RETRY_S = 0.05


class FeedHole(Exception):
    """A message says that another one came before it, and that one never did."""


class FeedClient:
    """Follows one room for ever, resuming by position; collects the log events told of.

    `fields`: what is kept of their data; None: everything.
    """

    def __init__(
        self, url: str, room: str = "global", fields: Collection[str] | None = None
    ) -> None:
        self._url, self._room, self._fields = url, room, fields
        self._epoch: str | None = None
        self._last: int | None = None
        self._is_linked = False
        """The next event's `prev` must be the last position: not so after a first subscription."""
        self.events: list[dict[str, Any]] = []
        """Every log event, in the order received, each `seq` once."""
        self.lost = 0
        """How often the server said that it could not replay."""
        self.holes = 0
        """How often `prev` was not the last position; it resubscribed each time."""
        self.repeats = 0
        """Messages at or below the last position, left out."""
        self._changed = asyncio.Event()

    def __repr__(self) -> str:
        return (
            f"FeedClient(at={self._last}, trades={self.trades}, events={len(self.events)}, "
            f"lost={self.lost}, holes={self.holes}, repeats={self.repeats})"
        )

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            with contextlib.suppress(OSError, WebSocketException, TimeoutError, FeedHole):
                async with websockets.connect(self._url, max_size=_MAX_FRAME_BYTES) as socket:
                    await socket.send(json.dumps(self._subscribe()))
                    async for frame in socket:
                        message = json.loads(frame)
                        if message["type"] == "ping":
                            await socket.send('{"type":"pong"}')
                        self._take(message)
            await asyncio.sleep(_RETRY_S)

    @property
    def position(self) -> int | None:
        """`seq` of the last log event, or of the subscription before any."""
        return self._last

    @property
    def trades(self) -> int:
        """How many trades arrived."""
        return sum(event["type"] == "new_trade" for event in self.events)

    def standing(self) -> list[dict[str, Any]]:
        """The events that were not retracted, in the order received."""
        gone = {event["data"]["seq"] for event in self.events if event["type"] == "retracted"}
        return [
            event
            for event in self.events
            if event["type"] != "retracted" and event["seq"] not in gone
        ]

    def _subscribe(self) -> dict[str, Any]:
        message: dict[str, Any] = {"type": "subscribe", "id": 1, "room": self._room}
        if self._last is None:
            return message | {"snapshot": False}
        return message | {"since": {"epoch": self._epoch, "seq": self._last}}

    def _take(self, message: dict[str, Any]) -> None:
        if message["type"] == "welcome":
            self._epoch = message["epoch"]
        elif message["type"] == "subscribed":
            is_lost = message.get("recovered") is False
            if self._last is None or is_lost:
                self._last, self._is_linked = message["seq"], False
            self.lost += is_lost
        elif message["type"] == "resync":
            self.lost += 1
            self._last = None
            raise FeedHole(message)
        elif "prev" in message and self._last is not None:
            self._advance(message, self._last)
        self._changed.set()

    def _advance(self, message: dict[str, Any], last: int) -> None:
        """A log event: after the one before it, or the client asks for what it missed."""
        if message["seq"] <= last:
            self.repeats += 1
            return
        if self._is_linked and message["prev"] not in (None, last):
            self.holes += 1
            raise FeedHole(message)
        self._last, self._is_linked = message["seq"], True
        if self._fields is not None:
            data = message["data"]
            message["data"] = {name: data[name] for name in self._fields if name in data}
        self.events.append(message)

    async def connected(self, timeout_s: float = 60) -> None:
        """Wait until the first subscription stands."""
        async with asyncio.timeout(timeout_s):
            while self._last is None:
                self._changed.clear()
                await self._changed.wait()

    async def until(self, count: int, timeout_s: float = 60) -> None:
        """Wait until `count` trades arrived."""
        async with asyncio.timeout(timeout_s):
            while self.trades < count:
                self._changed.clear()
                await self._changed.wait()
