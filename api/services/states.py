"""States of `global` that come beside the feed: told when they change, and to whoever comes."""

from __future__ import annotations

from collections.abc import Iterable

from api.services.outbound import Frame
from api.services.protocol import ROOM_GLOBAL, RoomName, parse_room
from api.services.rooms import Filter, Group, Room, is_wanted, state_frame
from db.states import State

GLOBAL = parse_room("global")


class States:
    """The newest value of each event, as far as this hub has heard."""

    def __init__(self) -> None:
        self._held: dict[str, State] = {}

    def hear(self, new: Iterable[State], room: Room | None, seq: int) -> list[Group]:
        """Hold these; returns the groups of the room `global`, if it has members, with the frames
        to flush. `seq` is the hub's position in the feed.
        """
        groups = [] if room is None else list(room.groups.values())
        for state in new:
            self._held[state.event] = state
            frame = _frame(state, seq)
            for group in groups:
                group.put(frame)
        return groups

    def current(self, name: RoomName, events: Filter, seq: int) -> list[Frame]:
        """What a new member of the room is told, after its snapshot or replay."""
        if name.key != ROOM_GLOBAL:
            return []
        frames = [_frame(state, seq) for state in self._held.values()]
        return [frame for frame in frames if is_wanted(frame.event, events)]


def _frame(state: State, seq: int) -> Frame:
    return state_frame(GLOBAL, state.event, state.data, seq=seq, ts=state.ts)
