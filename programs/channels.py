"""One program's events in one transaction, out of both channels, each once.

An event may be in a log line, in an event call (see instructions.py), or in both. Its pair in the
other channel stands right beside it: newer programs log first, older ones called first.
"""

from __future__ import annotations

import binascii
from collections import Counter
from collections.abc import Sequence

from programs.instructions import EventCall, ProgramCalls
from programs.logs import DataLine, Walk
from programs.program import Emitted, Program

_BEHIND_ALL = 1 << 40
"""Order of log lines whose place among the instructions is not known."""


def payload_of(text: str) -> bytes | None:
    """Bytes of a data line; None if it is not the base64 of one piece of data."""
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        return None


def events_of(
    program: Program, calls: ProgramCalls, walked: Walk
) -> tuple[list[Emitted], list[Emitted]]:
    """The program's events, and what looks like one but can't be: (events, refused)."""
    refused: list[Emitted] = []
    lines: list[tuple[DataLine, bytes]] = []
    for line in walked.data:
        if line.owner == program.address:
            payload = payload_of(line.text)
            if payload is None:
                refused.append(Emitted(line.text.encode(), 0, f"log:{line.line}"))
            else:
                lines.append((line, payload))
    trusted = [event for event in calls.events if event.emitter is not None]
    events = [
        Emitted(event.payload, 2 * event.position, f"inner:{event.path}", event.emitter)
        for event in trusted
    ]
    if _is_aligned(program, calls, walked):
        events += _unmatched(calls, trusted, lines)
    else:
        events += _surplus(trusted, lines)
    logged = {payload for _, payload in lines}
    refused += [
        Emitted(event.payload, 0, f"inner:{event.path}")
        for event in calls.events
        if event.emitter is None and event.payload not in logged
    ]
    return sorted(events, key=lambda emitted: emitted.order), refused


def _is_aligned(program: Program, calls: ProgramCalls, walked: Walk) -> bool:
    """Whether the logs' n-th invocation of the program is the n-th among the instructions."""
    logged, recorded = walked.invocations.get(program.address, 0), len(calls.positions)
    return logged == recorded or (logged < recorded and not walked.is_whole)


def _unmatched(
    calls: ProgramCalls, events: Sequence[EventCall], lines: Sequence[tuple[DataLine, bytes]]
) -> list[Emitted]:
    """Log lines without their pair beside them among the event calls."""
    left = {event.invocation: event.payload for event in events}
    alone: list[Emitted] = []
    for line, payload in lines:
        for neighbour in (line.begun - 1, line.begun):
            if left.get(neighbour) == payload:
                del left[neighbour]
                break
        else:
            order = 2 * calls.positions[line.begun - 1] + 1
            alone.append(Emitted(payload, order, f"log:{line.line}", calls.emitters[line.frame]))
    return alone


def _surplus(events: Sequence[EventCall], lines: Sequence[tuple[DataLine, bytes]]) -> list[Emitted]:
    """The same where a recording holds only a part: payloads in the logs beyond the calls'."""
    left = Counter(event.payload for event in events)
    alone: list[Emitted] = []
    for line, payload in lines:
        if left[payload] > 0:
            left[payload] -= 1
        else:
            alone.append(Emitted(payload, _BEHIND_ALL + line.line, f"log:{line.line}"))
    return alone
