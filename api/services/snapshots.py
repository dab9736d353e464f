"""States of rooms with their position, read once for everybody who asks at the same time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import msgspec

from api.services.messages import Snapshot
from api.services.outbound import Frame, encoded
from api.services.protocol import RoomName
from db.feed import Position


class RoomSnapshot(msgspec.Struct, frozen=True):
    """The room's state when the feed stood at `top`; `seq` is the room's position then."""

    top: Position
    seq: int
    data: bytes
    """JSON."""


ReadSnapshot = Callable[[RoomName], Awaitable[RoomSnapshot]]


class _Held(msgspec.Struct, frozen=True):
    snapshot: RoomSnapshot
    frame: Frame
    until: float


class Snapshots:
    """Reads through `read`; a result serves for `fresh_s`, and everybody who waits for the same
    room.

    An older snapshot is as exact as a new one: what came after its position follows it from the
    ring.
    """

    def __init__(self, read: ReadSnapshot, *, fresh_s: float = 1.0) -> None:
        self._read = read
        self._fresh_s = fresh_s
        self._held: dict[bytes, _Held] = {}
        self._reading: dict[bytes, asyncio.Task[_Held]] = {}

    async def get(self, name: RoomName, at_least: int = 0) -> tuple[RoomSnapshot, Frame]:
        """A snapshot of the room, at most `fresh_s` old, and with everything up to `at_least`,
        which the feed has reached. Raises what `read` raises."""
        held = self._held.get(name.key)
        if held is None or held.until < time.monotonic() or held.snapshot.top.seq < at_least:
            held = await self._shared(name)
            if held.snapshot.top.seq < at_least:  # it had been begun earlier
                held = await self._shared(name)
        return held.snapshot, held.frame

    def forget(self) -> None:
        """Void all: history was rebuilt."""
        self._held.clear()
        self._reading.clear()

    def sweep(self) -> None:
        """Let go of what is no longer fresh."""
        now = time.monotonic()
        for key in [key for key, held in self._held.items() if held.until < now]:
            del self._held[key]

    async def _shared(self, name: RoomName) -> _Held:
        reading = self._reading.get(name.key)
        if reading is None:
            reading = asyncio.create_task(self._fetch(name))
            self._reading[name.key] = reading
            reading.add_done_callback(lambda task: self._finished(name.key, task))
        # A waiter that is cancelled must not take the others' result with it.
        return await asyncio.shield(reading)

    def _finished(self, key: bytes, task: asyncio.Task[_Held]) -> None:
        if self._reading.get(key) is not task:
            return
        del self._reading[key]
        if not task.cancelled() and task.exception() is None:
            self._held[key] = task.result()

    async def _fetch(self, name: RoomName) -> _Held:
        snapshot = await self._read(name)
        message = Snapshot(
            room=name.name,
            epoch=snapshot.top.epoch,
            seq=snapshot.seq,
            ts=time.time_ns() // 1_000_000,
            data=msgspec.Raw(snapshot.data),
        )
        frame = encoded(message, room=name.key)
        return _Held(snapshot, frame, time.monotonic() + self._fresh_s)
