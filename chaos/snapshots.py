"""Is a snapshot what was at its position? Pure: the feed's table is what there was."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Any

from chaos.market import History, State, Told
from chaos.subscriber import Hole

_TRADES = 50
_WINDOW_EVENTS, _WINDOW_BYTES = 512, 256 * 1024
_HELD_MS = 2_000
"""A snapshot may have been read a second before it was asked for, and the clocks are two."""


def faults(hole: Hole, room: str, history: History) -> Iterator[str]:
    """What is wrong with the snapshot that stands for this hole."""
    told = history.rooms[room]
    at = bisect_right(told, hole.to, key=_seq)
    if hole.to < hole.after and hole.reason != "epoch":
        yield f"goes back from {hole.after} to {hole.to}"
    if hole.to and (not at or told[at - 1].seq != hole.to):
        yield f"{hole.to} is no position of the room"
    data = json.loads(hole.data)
    yield from _trades(data["trades"], [each for each in told[:at] if each.is_trade][-_TRADES:])
    mints = {room.removeprefix("token_")} if "token" in data else {*history.prices}
    if "positions" in data:
        yield from _states("position", data["positions"], history.positions, mints, hole.to)
    else:
        tokens = data["tokens"] if "tokens" in data else [data["token"]]
        known = [token for token in tokens if token is not None]
        yield from _states("price", known, history.prices, mints, hole.to)


def is_needed(hole: Hole, room: str, history: History) -> bool:
    """Was there really more than a replay may hold, where the hub said `too_many`?"""
    if hole.reason != "too_many":
        return True
    missed = [
        each
        for each in history.rooms[room]
        if each.seq > hole.after and each.ts <= hole.ts + _HELD_MS
    ]
    size = sum(len(each.data) for each in missed)
    return len(missed) > _WINDOW_EVENTS or size * 2 > _WINDOW_BYTES


def _trades(found: list[dict[str, Any]], expected: Sequence[Told]) -> Iterator[str]:
    by_seq = {trade["seq"]: trade for trade in found}
    if sorted(by_seq) != [each.seq for each in expected] or len(by_seq) != len(found):
        yield f"trades {sorted(by_seq)}, not {[each.seq for each in expected]}"
        return
    for each in expected:
        yield from _differences(f"trade {each.seq}", by_seq[each.seq], json.loads(each.data))


def _states(
    name: str, found: list[dict[str, Any]], kept: dict[str, list[State]], mints: set[str], seq: int
) -> Iterator[str]:
    by_mint = {item["mint"]: item for item in found}
    for mint in sorted(mints):
        past = kept.get(mint, [])
        at = bisect_right(past, seq, key=_seq)
        if at and mint not in by_mint:
            yield f"no {name} of {mint}"
        elif at:
            yield from _differences(f"{name} of {mint}", by_mint[mint], past[at - 1].data)


def _differences(what: str, found: dict[str, Any], expected: dict[str, Any]) -> Iterator[str]:
    shared = found.keys() & expected.keys()
    if len(shared) < 3:
        yield f"{what}: nothing to compare"
    for name in sorted(shared):
        if found[name] != expected[name]:
            yield f"{what}: {name} is {found[name]}, was {expected[name]}"


def _seq(each: Told | State) -> int:
    return each.seq
