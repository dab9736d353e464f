"""Clients in several rooms each, of which few are busy: room numbers, and who gets what.

The same draw for both sides: a room's share of members and of events is Zipf's, exponent 1.
"""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import msgspec

from benchmarks.fanout_peers.hub_app import ROOMS
from benchmarks.fanout_peers.peers import EVENT_BYTES, hub_line, hub_path

_MESSAGES = 4_096
_USED = 200
assert _USED <= ROOMS


class Draw(msgspec.Struct, frozen=True):
    """`rooms` of every client; `events`: rooms of the messages, one after another."""

    rooms: list[list[int]]
    events: list[int]

    def members(self, room: int) -> int:
        """How many clients get an event of this room."""
        return sum(room in each for each in self.rooms)

    def write_for_hub(self, paths: Path, messages: Path) -> None:
        """Files for the load generator against hub_app."""
        paths.write_text("".join(hub_path(rooms) + "\n" for rooms in self.rooms))
        self._write(messages, {room: hub_line(room) for room in set(self.events)})

    def write_for_server(self, paths: Path, messages: Path) -> None:
        """Files for the load generator against server.c."""
        joined = ("&".join(f"room={room}" for room in rooms) for rooms in self.rooms)
        paths.write_text("".join(f"/ws?{rooms}\n" for rooms in joined))
        text = "x" * (EVENT_BYTES - 4)
        self._write(messages, {room: f"{room:04}{text}" for room in set(self.events)})

    def _write(self, file: Path, lines: dict[int, str]) -> None:
        told = {room: f"{self.members(room)} {line}\n" for room, line in lines.items()}
        file.write_text("".join(told[room] for room in self.events))


def draw(clients: int, rooms_each: int, seed: int = 1) -> Draw:
    """Only rooms with a member have events: nothing to deliver is nothing to measure."""
    chance = random.Random(seed)
    numbers = range(_USED)
    shares = list(itertools.accumulate(1 / (number + 1) for number in numbers))
    rooms: list[list[int]] = []
    for _ in range(clients):
        chosen: dict[int, None] = {}
        while len(chosen) < rooms_each:
            chosen[chance.choices(numbers, cum_weights=shares)[0]] = None
        rooms.append(list(chosen))
    taken = set(itertools.chain.from_iterable(rooms))
    events = chance.choices(numbers, cum_weights=shares, k=_MESSAGES)
    return Draw(rooms, [room for room in events if room in taken])
