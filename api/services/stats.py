"""What a hub tells about itself, and all hubs together."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog
from pydantic import BaseModel, Field, ValidationError

from api.services.hub import Hub
from db import hubs
from db.feed import OUTAGE
from db.pool import Pool

log = structlog.get_logger()

TELL_S = 3.0
STALE_S = 15.0
_MOST_ROOMS = 100


class RoomStats(BaseModel):
    """One room; only administrators see it."""

    room: str
    members: int
    seq: int


class HubStats(BaseModel):
    """One instance, now or a few seconds ago."""

    server: str = Field(examples=["hub-3fa9c1"])
    is_ready: bool
    connections: int
    rooms: int
    subscriptions: int
    queued_bytes: int = Field(description="Waiting for clients whose sockets are full.")
    epoch: str
    seq: int = Field(description="Position in the feed up to which all is fanned out.")
    lag_seconds: float = Field(description="Since the hub last stood at the head of the feed.")
    frames: dict[str, int] = Field(description="Event frames handed to sockets, by event.")
    frames_per_second: float = Field(0, description="Of the last few seconds.")
    slow: dict[str, int] = Field(
        default_factory=dict,
        description="Rooms shed, resyncs, cuts of clients that read slowly.",
    )
    room_details: list[RoomStats] | None = Field(
        None, description="With the administrator's token: the hundred largest rooms."
    )


class AllStats(HubStats):
    """All instances together, and each by itself. `server` is the one that answers; connections,
    rooms, subscriptions, bytes and frames are sums (a room counts once per instance), `seq` is the
    furthest, `lag_seconds` the worst, `is_ready` whether all are."""

    instances: list[HubStats]
    is_complete: bool = Field(description="False: the others can't be asked now.")


class Reporter:
    """Says every few seconds how its hub is, where the others read it."""

    def __init__(self, hub: Hub, pool: Pool) -> None:
        self._hub = hub
        self._pool = pool
        self._before = 0, time.monotonic()
        self._rate = 0.0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """While this hub is there."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            with suppress(*OUTAGE):
                await hubs.forget(self._pool, self._hub.name)

    async def everywhere(self, *, has_details: bool) -> AllStats:
        """This hub now, the others as they last said."""
        own = self.own()
        found, is_complete = {own.server: own}, True
        try:
            texts = await hubs.told(self._pool, STALE_S)
        except OUTAGE:
            texts, is_complete = {}, False
        for name, text in texts.items():
            with suppress(ValidationError):  # of another version
                found.setdefault(name, HubStats.model_validate_json(text))
        return _together(own.server, list(found.values()), is_complete, has_details=has_details)

    def own(self) -> HubStats:
        """Of this hub alone, with its largest rooms."""
        hub = self._hub
        largest = sorted(hub.rooms.values(), key=lambda room: -room.size)[:_MOST_ROOMS]
        return HubStats(
            server=hub.name,
            is_ready=hub.is_ready,
            connections=len(hub.sessions),
            rooms=len(hub.rooms),
            subscriptions=sum(room.size for room in hub.rooms.values()),
            queued_bytes=sum(outbound.queued_bytes for outbound in hub.sessions),
            epoch=hub.epoch,
            seq=hub.ring.position.seq,
            lag_seconds=round(hub.lag_s, 3),
            frames=dict(hub.frames_sent),
            frames_per_second=round(self._rate, 1),
            slow={str(what): count for what, count in hub.slow.items()},
            room_details=[
                RoomStats(room=room.name.name, members=room.size, seq=room.last) for room in largest
            ],
        )

    async def _run(self) -> None:
        await self._hub.loaded()
        while True:
            self._measure()
            try:
                await hubs.tell(self._pool, self._hub.name, self.own().model_dump_json())
            except OUTAGE as error:
                log.debug("stats_not_told", error=repr(error))
            await asyncio.sleep(TELL_S)

    def _measure(self) -> None:
        count, now = self._hub.frames_sent.total(), time.monotonic()
        before, then = self._before
        if now - then >= 1:
            self._rate = (count - before) / (now - then)
            self._before = count, now


def _together(
    server: str, found: list[HubStats], is_complete: bool, *, has_details: bool
) -> AllStats:
    frames, slow, members, seqs = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for each in found:
        frames.update(each.frames)
        slow.update(each.slow)
        for room in each.room_details or []:
            members[room.room] += room.members
            seqs[room.room] = max(seqs[room.room], room.seq)
    largest = [
        RoomStats(room=room, members=count, seq=seqs[room])
        for room, count in members.most_common(_MOST_ROOMS)
    ]
    shown = found if has_details else [
        each.model_copy(update={"room_details": None}) for each in found
    ]  # fmt: skip
    furthest = max(found, key=lambda each: each.seq)
    return AllStats(
        server=server,
        is_ready=all(each.is_ready for each in found),
        connections=sum(each.connections for each in found),
        rooms=sum(each.rooms for each in found),
        subscriptions=sum(each.subscriptions for each in found),
        queued_bytes=sum(each.queued_bytes for each in found),
        epoch=furthest.epoch,
        seq=furthest.seq,
        lag_seconds=max(each.lag_seconds for each in found),
        frames=dict(frames),
        frames_per_second=round(sum(each.frames_per_second for each in found), 1),
        slow=dict(slow),
        room_details=largest if has_details else None,
        instances=shown,
        is_complete=is_complete,
    )
