"""One room as an async iterator."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self, cast

from curvefeed_client.errors import FeedError
from curvefeed_client.events import Event
from curvefeed_client.room import Frame, Room, RoomStatus


class Subscription:
    """`async for event in subscription`, until it or its feed is closed.

    Raises RoomDenied where the hub refuses the room, FeedClosed where the connection ended for
    good. Who falls `most` events behind loses none: what waits is thrown away, and once all that
    was taken the hub is asked again from there; it replays, or sends a snapshot.
    """

    def __init__(self, room: Room, most: int, leave: Callable[[], None]) -> None:
        self._room = room
        self._most = most
        self._leave = leave
        self._rejoin: Callable[[Room], None] = lambda _: None
        self._waiting: deque[Frame] = deque()
        self._arrived = asyncio.Event()
        self._taken: tuple[str, int] | None = None
        self._is_over_full = False
        self._end: FeedError | None = None
        self._is_closed = False

    @property
    def room(self) -> str:
        """Its name."""
        return self._room.name

    @property
    def status(self) -> RoomStatus:
        """Stale: what was taken so far may be old, and that is being repaired."""
        return RoomStatus.STALE if self._is_over_full else self._room.status

    def close(self) -> None:
        """Leave the room; whoever iterates is done, also with what waits."""
        self._is_closed = True
        self._waiting.clear()
        self._arrived.set()
        self._leave()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while not self._waiting:
            if self._is_closed:
                raise StopAsyncIteration
            if self._end is not None:
                raise self._end
            if self._is_over_full:
                self._catch_up()
            self._arrived.clear()
            await self._arrived.wait()
        frame = self._waiting.popleft()
        self._advance(frame)
        return cast(Event, frame)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    # --- for the feed

    def deliver(self, frame: Frame) -> None:
        """Hand over what the room let through."""
        if self._is_over_full:
            return
        if len(self._waiting) >= self._most:
            self._is_over_full = True
            return
        self._waiting.append(frame)
        self._arrived.set()

    def on_behind(self, rejoin: Callable[[Room], None]) -> None:
        """What to call when all that was kept has been taken and the rest must be asked for."""
        self._rejoin = rejoin

    def end(self, error: FeedError | None) -> None:
        """Nothing more will come; None: because we wanted it."""
        self._end, self._is_closed = error, self._is_closed or error is None
        self._arrived.set()

    def _advance(self, frame: Frame) -> None:
        if frame["type"] == "snapshot":
            self._taken = (frame["epoch"], frame["seq"])
        elif "prev" in frame and self._taken is not None:
            self._taken = (self._taken[0], frame["seq"])

    def _catch_up(self) -> None:
        self._is_over_full = False
        self._room.rewind(self._taken)
        self._rejoin(self._room)
