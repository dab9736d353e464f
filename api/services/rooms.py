"""Rooms: who is in them, where they stand, and the frames their members get."""

from __future__ import annotations

from collections.abc import Iterable

from api.services.outbound import Frame, Outbound, StateKey
from api.services.protocol import STATE_ROOMS, RoomName
from db.feed import FeedRow

Filter = frozenset[str] | None


def is_wanted(event: str, events: Filter) -> bool:
    """Does a subscription with this filter get the event?"""
    return events is None or event in events


class Group:
    """Members of one room that want the same events; None wants all and can check the chain."""

    __slots__ = ("events", "logs", "members", "states")

    def __init__(self, events: Filter) -> None:
        self.events = events
        self.members: dict[Outbound, None] = {}
        """In the order in which they came: see `send_to_all`."""
        self.logs: list[Frame] = []
        self.states: dict[StateKey, Frame] = {}

    def add(self, row: FeedRow, frames: RowFrames) -> None:
        """Keep the row's frames for this tick's `flush`."""
        if frames.log is not None:
            if self.events is None:
                self.logs.append(frames.log)
            elif row.event in self.events:
                self.logs.append(frames.unchained())
        for state in frames.states:
            self.put(state)

    def put(self, state: Frame) -> None:
        """Keep a state's newest frame for this tick's `flush`, if the members want it."""
        key = state.state
        if key is not None and is_wanted(state.event, self.events):
            self.states.pop(key, None)  # so that states go out in the order of their seq
            self.states[key] = state

    def take(self) -> list[Frame]:
        """What was kept since the last time: the log events, then the states."""
        frames = [*self.logs, *self.states.values()]
        self.logs, self.states = [], {}
        return frames


class Room:
    """One room with members. `last` is the seq of its newest log event (0: none yet)."""

    __slots__ = ("active_at", "groups", "last", "name")

    def __init__(self, name: RoomName, last: int, now: float) -> None:
        self.name = name
        self.last = last
        self.active_at = now
        """When something of it was last sent to all (monotonic)."""
        self.groups: dict[Filter, Group] = {}

    @property
    def size(self) -> int:
        """Members."""
        return sum(len(group.members) for group in self.groups.values())

    def enter(self, member: Outbound, events: Filter) -> None:
        """From now on `member` gets what happens here."""
        group = self.groups.get(events)
        if group is None:
            group = self.groups[events] = Group(events)
        group.members[member] = None

    def leave(self, member: Outbound, events: Filter) -> bool:
        """`member` gets nothing any more; returns whether the room is empty now."""
        group = self.groups.get(events)
        if group is not None:
            group.members.pop(member, None)
            if not group.members:
                del self.groups[events]
        return not self.groups

    def add(self, row: FeedRow) -> Iterable[Group]:
        """Encode the row for this room and keep it for the tick; returns the groups to flush."""
        frames = RowFrames(self.name, row, self.last)
        if row.is_log:
            self.last = row.seq
        for group in self.groups.values():
            group.add(row, frames)
        return self.groups.values()


class RowFrames:
    """What one row of the feed is to one room: a log event or none, and states."""

    __slots__ = ("_name", "_row", "_unchained", "log", "states")

    def __init__(self, name: RoomName, row: FeedRow, prev: int) -> None:
        self._name = name
        self._row = row
        self._unchained: Frame | None = None
        self.log = _log_frame(name, row, str(prev)) if row.is_log else None
        self.states = [
            state_frame(name, event, data, seq=row.seq, ts=row.ts, key=row.mint)
            for event, data in states_of(row, name)
        ]

    def unchained(self) -> Frame:
        """The log event for those who filter: `prev` is null, as they don't see the whole chain."""
        if self._unchained is None:
            self._unchained = _log_frame(self._name, self._row, "null")
        return self._unchained


def states_of(row: FeedRow, name: RoomName) -> list[tuple[str, str]]:
    """(event, JSON) of the states in `row` that the room gets."""
    states: list[tuple[str, str]] = []
    if not row.is_log:
        states.append((row.event, row.data))
    if row.price_update is not None:
        states.append(("price_update", row.price_update))
    if row.portfolio_update is not None:
        states.append(("portfolio_update", row.portfolio_update))
    return [state for state in states if name.kind in STATE_ROOMS[state[0]]]


def _log_frame(name: RoomName, row: FeedRow, prev: str) -> Frame:
    payload = (
        f'{{"type":"{row.event}","room":"{name.name}","seq":{row.seq},"prev":{prev},'
        f'"ts":{row.ts},"data":{row.data}}}'
    )
    return Frame(row.event, payload.encode(), room=name.key, seq=row.seq)


def state_frame(
    name: RoomName, event: str, data: str, *, seq: int, ts: int, key: bytes | None = None
) -> Frame:
    """A state event in a room; `data` is JSON. A newer one of the same event and `key` (the mint,
    where there is one) replaces it where it waits.
    """
    payload = f'{{"type":"{event}","room":"{name.name}","seq":{seq},"ts":{ts},"data":{data}}}'
    return Frame(event, payload.encode(), room=name.key, state=(name.key, event, key))


def replayed(
    name: RoomName, rows: list[FeedRow], base: int, events: Filter
) -> tuple[list[Frame], int, int]:
    """Frames that bring a member from `base` (position before `rows`) to their end: every log
    event, then of each state the newest. Returns them, the number of log events, and the new
    position."""
    group = Group(events)
    last = base
    for row in rows:
        group.add(row, RowFrames(name, row, last))
        if row.is_log:
            last = row.seq
    return [*group.logs, *group.states.values()], len(group.logs), last
