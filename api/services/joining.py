"""From where a connection starts in a room: live, replayed, or with a snapshot. All or nothing.

Whatever the start, what the feed says after it comes from the ring, up to the hub's own position,
and from there on the room is live: there is no moment in between.
"""

from __future__ import annotations

import asyncio
import time
from typing import Literal

import msgspec

from api.services.limits import HubLimits
from api.services.messages import Resync, Subscribed
from api.services.outbound import Frame, encoded
from api.services.protocol import RoomName
from api.services.ring import Ring
from api.services.snapshots import Snapshots
from api.services.subscription import Subscription
from db.feed import FeedRow, Position, missed, room_position
from db.pool import Pool

Reason = Literal["epoch", "expired", "too_many", "ahead"]
_READS_AT_ONCE = 4


class Start(msgspec.Struct, frozen=True):
    """All of the room up to `top`: what the client holds (or none), then `snapshot`, then `rows`.

    `base` is the room's position before `rows`.
    """

    top: Position
    base: int
    rows: list[FeedRow] = []
    snapshot: Frame | None = None
    is_recovered: bool | None = None
    reason: Reason | None = None


class Starts:
    """Finds starts: in the ring where that reaches back far enough, else in Postgres."""

    def __init__(self, pool: Pool, limits: HubLimits, snapshots: Snapshots) -> None:
        self._pool = pool
        self._limits = limits
        self._snapshots = snapshots
        # A storm of reconnects queues here, not in the pool that everything else needs too.
        self._gate = asyncio.Semaphore(_READS_AT_ONCE)

    async def find(self, subscription: Subscription, ring: Ring, last: int | None) -> Start:
        """The start this subscription asks for. `last`: the room's position, if the hub knows it.

        Raises db.feed.OUTAGE errors.
        """
        if subscription.since is not None:
            found = await self._recover(subscription, ring, last)
            if isinstance(found, Start):
                return found
            return await self._from_snapshot(subscription.name, found)
        if subscription.wants_snapshot:
            # Who was too slow for what happened must not get the same as what follows a snapshot.
            at_least = 0 if subscription.resync is None else ring.position.seq
            return await self._from_snapshot(subscription.name, None, at_least)
        if last is None:
            last = ring.last_log_seq(subscription.name.key, ring.position.seq)
        if last is not None:
            return Start(ring.position, last)
        async with self._gate:
            return Start(*await room_position(self._pool, subscription.name.scope))

    async def _recover(
        self, subscription: Subscription, ring: Ring, last: int | None
    ) -> Start | Reason:
        """The whole gap since the client's position, or why not."""
        since = subscription.since
        if since is None or since.epoch != ring.position.epoch:
            return "epoch"
        key = subscription.name.key
        rows = ring.after(key, since.seq) if since.seq <= ring.position.seq else None
        if rows is not None:
            base = ring.last_log_seq(key, since.seq)
            if base is None and not rows:
                base = last
            if base is not None:
                return self._judged(ring.position, base, rows)
        async with self._gate:
            found = await missed(
                self._pool, subscription.name.scope, since.seq, self._limits.replay_events + 1
            )
        if found.top.epoch != since.epoch:
            return "epoch"
        if since.seq > found.top.seq:
            return "ahead"
        if since.seq < found.first - 1:
            return "expired"
        return self._judged(found.top, found.base, found.rows)

    def _judged(self, top: Position, base: int, rows: list[FeedRow]) -> Start | Reason:
        limits = self._limits
        size = sum(len(row.data) + len(row.price_update or "") for row in rows)
        if len(rows) > limits.replay_events or size > limits.replay_bytes:
            return "too_many"
        if rows and rows[0].ts < (time.time() - limits.replay_s) * 1000:
            return "expired"
        return Start(top, base, rows, is_recovered=True)

    async def _from_snapshot(
        self, name: RoomName, reason: Reason | None, at_least: int = 0
    ) -> Start:
        async with self._gate:
            snapshot, frame = await self._snapshots.get(name, at_least)
        is_recovered = None if reason is None else False
        return Start(
            snapshot.top, snapshot.seq, snapshot=frame, is_recovered=is_recovered, reason=reason
        )


def opening(subscription: Subscription, start: Start, count: int, epoch: str) -> list[Frame]:
    """What is said first: the acknowledgement, or that what the client holds is void."""
    name = subscription.name.name
    if subscription.resync is not None:
        reason, first = subscription.resync
        to = start.base if first is not None else None
        return [encoded(Resync(room=name, reason=reason, from_=first, to=to))]
    if not subscription.is_acked:
        return []
    return [
        encoded(
            Subscribed(
                room=name,
                epoch=epoch,
                seq=start.base,
                id=subscription.id,
                recovered=start.is_recovered,
                replayed=count if start.is_recovered else None,
                reason=start.reason,
            )
        )
    ]
