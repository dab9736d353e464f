"""Where the hub's rows come from: what it needs of a source, and what it asks it for."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Collection, Iterator
from typing import Protocol

from api.services.limits import HubLimits
from api.services.protocol import RoomName
from common.errors import FeedGap
from db.feed import FeedFollower, FeedRow, Position, Scope
from db.pool import Pool

_PART_BYTES = 64 * 1024
_KEPT_S = 60.0
"""How long a room's rows are still fetched once nobody is in it: longer than a join takes, and a
snapshot is kept.
"""


class Follower(Protocol):
    """Follows the feed from a position, for ever. Raises FeedGap where it doesn't go on."""

    @property
    def head(self) -> Position:
        """The newest position heard of."""

    @property
    def is_live(self) -> bool:
        """Does it follow, now?"""

    @property
    def reached_at(self) -> float:
        """When it last stood at the head (monotonic seconds)."""

    def batches(self) -> AsyncGenerator[list[FeedRow], None]:
        """Non-empty runs of contiguous rows; those nobody wants may be stubs (`is_whole`)."""


class Feed(Protocol):
    """A source of rows."""

    def follow(self, after: Position) -> Follower:
        """Follow from here."""

    def want(self, scope: Scope) -> None:
        """From now on rows of this scope are needed whole."""

    def forget(self, scope: Scope) -> None:
        """They are not, any more."""


class PostgresFeed:
    """Everything, whole, straight from where it is committed."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def follow(self, after: Position) -> FeedFollower:
        """Follow from here."""
        return FeedFollower(self._pool, after)

    def want(self, scope: Scope) -> None:
        """All rows are whole."""

    def forget(self, scope: Scope) -> None:
        """All rows are whole."""


class Served:
    """The rooms whose rows the hub needs: those with members, and of a little while ago."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._rooms: dict[bytes, tuple[Scope, float]] = {}

    def serve(self, name: RoomName, now: float) -> None:
        """Somebody joins this room."""
        if name.key not in self._rooms:
            self._feed.want(name.scope)
        self._rooms[name.key] = name.scope, now

    def sweep(self, occupied: Collection[bytes], now: float) -> None:
        """Let go of rooms that have been empty for a while."""
        for key, (scope, used_at) in list(self._rooms.items()):
            if key in occupied:
                self._rooms[key] = scope, now
            elif now - used_at > _KEPT_S:
                del self._rooms[key]
                self._feed.forget(scope)


def check_lag(follower: Follower, rows: list[FeedRow], limits: HubLimits) -> None:
    """Too late for too much: a snapshot serves better than a flood of what is over. Raises
    FeedGap.
    """
    late_s = time.time() - rows[0].ts / 1000
    behind = follower.head.seq - rows[0].seq
    if late_s > limits.lag_s and behind > limits.replay_events:
        raise FeedGap("the hub is too far behind", reason="lag", late_s=late_s, behind=behind)


def parts(rows: list[FeedRow]) -> Iterator[list[FeedRow]]:
    """`rows` in pieces that a socket's buffer can take."""
    part: list[FeedRow] = []
    size = 0
    for row in rows:
        part.append(row)
        size += len(row.data)
        if size > _PART_BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part
