"""Instructions of a transaction in the order they ran, and the events among them.

An Anchor program may hand its event to itself: an inner instruction of its own whose data starts
with `e445a52e51cb9a1d`. Only the program can sign for the account that such a call needs, so the
bytes are as authentic as a log line under its frame, and they are never truncated.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from programs.keys import bytes_of_base58
from programs.program import EVENT_CPI, Call

_MAX_HEIGHT = 64  # the runtime allows 9


class RawCall(msgspec.Struct, frozen=True):
    """One instruction as a node gives it: data still in base58, decoded only where it matters."""

    program: bytes
    accounts: tuple[bytes, ...]
    data: str
    outer: int
    inner: int | None
    height: int | None
    """Depth in the invoke stack, 1 for top-level; None where the node did not say."""

    @property
    def path(self) -> str:
        """ "3" or "3.7"."""
        return str(self.outer) if self.inner is None else f"{self.outer}.{self.inner}"


class EventCall(msgspec.Struct, frozen=True):
    """An event found as an instruction: its bytes, its place, and the instruction that emitted
    it.
    """

    position: int
    """Index of the event's own instruction in execution order."""
    invocation: int
    """Which invocation of the program it was, counting from 0."""
    payload: bytes
    path: str
    emitter: Call | None


class ProgramCalls(msgspec.Struct, frozen=True):
    """What one program did in a transaction."""

    calls: tuple[tuple[int, Call], ...]
    """Its instructions that are not events, each with its index in execution order."""
    events: tuple[EventCall, ...]
    positions: tuple[int, ...]
    """Index in execution order of each of its invocations, events included."""
    emitters: tuple[Call | None, ...]
    """For each invocation: its instruction, or None if it was an event."""


class _Open:
    """The program's instructions that are running, by depth."""

    def __init__(self) -> None:
        self._by_height: dict[int, Call | None] = {}
        self._last: tuple[int, Call] | None = None

    def enter(self, raw: RawCall, call: Call | None) -> None:
        """An instruction starts: it is now the one at its depth."""
        if call is not None:
            self._last = (raw.outer, call)
        height = raw.height
        if height is None or height > _MAX_HEIGHT:
            return
        self._by_height[height] = call

    def emitter(self, raw: RawCall) -> Call | None:
        """The program's instruction that made this event call; None if it was not the program.

        Where nodes give stack heights it is the last that began one level above (what is deeper
        there is always newer, so an ended one can't be mistaken for it). Old recordings give none:
        then it is the program's last instruction under the same top-level one, since a program
        can't be entered again while it runs, except by itself.
        """
        if raw.height is not None:
            return self._by_height.get(raw.height - 1)
        return self._last[1] if self._last is not None and self._last[0] == raw.outer else None


def calls_of(program: bytes, ordered: Sequence[RawCall]) -> ProgramCalls:
    """What `program` did, out of all instructions in execution order. Linear."""
    calls: list[tuple[int, Call]] = []
    events: list[EventCall] = []
    positions: list[int] = []
    emitters: list[Call | None] = []
    running = _Open()
    for position, raw in enumerate(ordered):
        if raw.program != program:
            running.enter(raw, None)
            continue
        data = bytes_of_base58(raw.data) or b""
        if data.startswith(EVENT_CPI) and raw.inner is not None:
            emitter = running.emitter(raw)
            events.append(EventCall(position, len(positions), data[8:], raw.path, emitter))
            emitters.append(None)
        else:
            call = Call(program=program, accounts=raw.accounts, data=data, path=raw.path)
            calls.append((position, call))
            emitters.append(call)
            running.enter(raw, call)
        positions.append(position)
    return ProgramCalls(tuple(calls), tuple(events), tuple(positions), tuple(emitters))
