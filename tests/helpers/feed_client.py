"""A WebSocket client that keeps its place: what a careful bot does, in fifty lines."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import websockets
from websockets.exceptions import WebSocketException


class FeedClient:
    """Follows one room for ever, resuming by position; collects the log events told of.

    Attributes: `events` (every log event, in the order received, each `seq` once), `lost` (how
    often the server said that it could not replay).
    """

    def __init__(self, url: str, room: str = "global") -> None:
        self._url, self._room = url, room
        self._epoch: str | None = None
        self._last: int | None = None
        self.events: list[dict[str, Any]] = []
        self.lost = 0
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            with contextlib.suppress(OSError, WebSocketException):
                async with websockets.connect(self._url, max_size=2**22) as socket:
                    await socket.send(json.dumps(self._subscribe()))
                    async for frame in socket:
                        self._take(json.loads(frame))
            await asyncio.sleep(0.05)

    def _subscribe(self) -> dict[str, Any]:
        message: dict[str, Any] = {"type": "subscribe", "id": 1, "room": self._room}
        if self._last is None:
            return message | {"snapshot": False}
        return message | {"since": {"epoch": self._epoch, "seq": self._last}}

    def _take(self, message: dict[str, Any]) -> None:
        if message["type"] == "welcome":
            self._epoch = message["epoch"]
        elif message["type"] == "subscribed":
            self._last = message["seq"] if self._last is None else self._last
            self.lost += message.get("recovered") is False
        elif "prev" in message:
            assert self._last is None or message["prev"] in (None, self._last) or not self.events, (
                f"a hole before {message['seq']}: last {self._last}, prev {message['prev']}"
            )
            self._last = message["seq"]
            self.events.append(message)
        self._changed.set()

    async def connected(self, timeout_s: float = 60) -> None:
        """Wait until the first subscription stands."""
        async with asyncio.timeout(timeout_s):
            while self._last is None:
                self._changed.clear()
                await self._changed.wait()

    async def until(self, count: int, timeout_s: float = 60) -> None:
        """Wait until `count` trades arrived."""
        async with asyncio.timeout(timeout_s):
            while sum(event["type"] == "new_trade" for event in self.events) < count:
                self._changed.clear()
                await self._changed.wait()
