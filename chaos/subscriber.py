"""A resuming client of one room that moves from hub to hub, and remembers what its callback got."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Sequence
from typing import Any

import msgspec
import websockets
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import WebSocketException

_RETRY_S = 0.1
_OPEN_S = 10
_SILENCE_S = 3
"""A hub that answers no ping for so long is left for the next one."""


class Event(msgspec.Struct, frozen=True, gc=False):
    """A log event as the callback got it. `data` as it came, in the bytes that came."""

    seq: int
    data: bytes
    type: str = ""


class Hole(msgspec.Struct, frozen=True):
    """What a snapshot stands for: the room's events after `after`, up to `to`. `data` is its own,
    where they are kept, and `ts` when the hub made it, ms.
    """

    after: int
    to: int
    reason: str
    data: bytes = b""
    ts: int = 0


class _Frame(msgspec.Struct, frozen=True):
    type: str
    room: str | None = None
    seq: int = 0
    prev: int | None = None
    ts: int = 0
    epoch: str | None = None
    recovered: bool | None = None
    reason: str | None = None
    data: msgspec.Raw = msgspec.Raw(b"")


_frames = msgspec.json.Decoder(_Frame)


class Subscriber:
    """Follows one room for ever. `urls`: of all hubs, it begins with the one at `first`.

    `keeps_snapshots`: in its holes, for whoever judges them; 50 trades each.
    """

    def __init__(
        self, urls: Sequence[str], room: str, first: int = 0, *, silence_s: float = _SILENCE_S,
        keeps_snapshots: bool = False,
    ) -> None:  # fmt: skip
        self.room = room
        self._silence_s = silence_s
        self._keeps_snapshots = keeps_snapshots
        self.events: list[Event] = []
        self.holes: list[Hole] = []
        self.gaps = 0
        """How often `prev` was not the last position: the hub had left something out."""
        self.repeats = 0
        """Events at or below the position, which the callback did not get."""
        self.connects = 0
        self._urls = urls
        self._at = first
        self._epoch: str | None = None
        self._last: int | None = None
        self._reason: str | None = None
        """Why a snapshot is due; None: none is."""
        self._socket: ClientConnection | None = None
        self._is_back = asyncio.Event()
        self._is_back.set()
        self.changed = asyncio.Event()

    @property
    def position(self) -> int | None:
        """`seq` of the last event or snapshot; None before the first subscription."""
        return None if self._reason is not None else self._last

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._is_back.wait()
            with contextlib.suppress(OSError, WebSocketException, TimeoutError):
                await self._converse(self._urls[self._at % len(self._urls)])
            self._at += 1
            await asyncio.sleep(_RETRY_S)

    async def drop(self, away_s: float) -> None:
        """Lose the connection, and come back after `away_s`."""
        self._is_back.clear()
        if self._socket is not None:
            self._socket.transport.abort()
        try:
            await asyncio.sleep(away_s)
        finally:
            self._is_back.set()

    async def _converse(self, url: str) -> None:
        async with websockets.connect(
            url, max_size=2**24, open_timeout=_OPEN_S, ping_interval=self._silence_s,
            ping_timeout=self._silence_s, close_timeout=_SILENCE_S,
        ) as socket:  # fmt: skip
            self._socket = socket
            self.connects += 1
            await socket.send(json.dumps(self._subscribe()))
            async for text in socket:
                frame = _frames.decode(text)
                if frame.type == "ping":
                    await socket.send('{"type":"pong"}')
                elif not self._take(frame):
                    return

    def _subscribe(self) -> dict[str, Any]:
        message: dict[str, Any] = {"type": "subscribe", "id": 1, "room": self.room}
        if self._last is None or self._reason is not None:
            return message | {"snapshot": True}
        return message | {"since": {"epoch": self._epoch, "seq": self._last}}

    def _take(self, frame: _Frame) -> bool:
        """Whether the line is good; else it is dialled anew, from the position."""
        if frame.type == "subscribed":
            if self._last is None:
                self._reason = "first"
            elif frame.recovered is False:
                self._reason = frame.reason or "unknown"
        elif frame.type == "resync":
            self._reason = frame.reason or "unknown"
        elif frame.type == "snapshot":
            self._restart(frame)
        elif frame.type == "error":
            return False
        elif frame.prev is not None and self._reason is None and self._last is not None:
            return self._advance(frame, self._last)
        self.changed.set()
        return True

    def _restart(self, frame: _Frame) -> None:
        """The snapshot is everything up to its seq."""
        after = self._last if self._last is not None else 0
        data = bytes(frame.data) if self._keeps_snapshots else b""
        self.holes.append(Hole(after, frame.seq, self._reason or "unasked", data, frame.ts))
        self._last, self._epoch, self._reason = frame.seq, frame.epoch, None

    def _advance(self, frame: _Frame, last: int) -> bool:
        if frame.seq <= last:
            self.repeats += 1
            return True
        if frame.prev != last:
            self.gaps += 1
            return False
        self._last = frame.seq
        self.events.append(Event(frame.seq, bytes(frame.data), frame.type))
        self.changed.set()
        return True
