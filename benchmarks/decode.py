"""From the bytes of a log notification to events, on one core, beside what others do in Python.

Every notification has 40 lines and one pump event under a router, of its own mint, wallet and
signature. Ours proves the event's owner by the invoke stack; so does anchorpy's EventParser (with
the standard library's JSON before it). solders' parser stops at the frame: it decodes no event.
The events are of the newest layout that anchorpy's interface names, the same bytes for all. Then
what each stage takes, beside the obvious other way. CPU time, medians of rounds, ours and theirs
by turns.

What bounds it: of 11 µs on the machine of 2026-11-22, reading 3 KB three times (JSON 1.4,
truncation 0.8, data lines 0.8) and base64 of 374 bytes (1.0) are C's; the proof of the owner
(1.8), the fields (0.7) and the event's objects (1.6) are mostly Python's price of a call and of
an object, as is the rest.
"""

from __future__ import annotations

import base64
import json
import statistics
import time
from binascii import a2b_base64
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from solders.rpc.responses import parse_notification as solders_parse

from benchmarks.figure import Figure
from benchmarks.pump_logs import notifications
from programs import pump
from programs.decode import decode_notification
from programs.keys import b58
from programs.logs import before_truncation, owned_data, walk
from programs.program import Emitted
from programs.registry import by_names
from programs.rpc_json import parse_notification
from tests.helpers.chain import base58
from tests.helpers.legacy_idl import legacy_idl
from tests.helpers.oracle import ask

FRAMES = 2_000
PEER_FRAMES = 400
ROUNDS = 5
_ERAS_ANCHORPY_READS = 9

T = TypeVar("T")


def seconds(work: Callable[[T], object], items: Sequence[T]) -> float:
    """Seconds that one item takes."""
    start = time.process_time()
    for item in items:
        work(item)
    return (time.process_time() - start) / len(items)


def median(values: Iterable[float]) -> float:
    """The middle of the rounds."""
    return statistics.median(values)


def run() -> Iterator[Figure]:
    """Whole notifications first, then the stages."""
    frames = notifications(FRAMES, known_to_peer=True)
    texts = [frame.decode() for frame in frames]
    pumped, every = by_names(["pump"]), by_names(["all"])

    def ours(frame: bytes) -> None:
        notification = parse_notification(frame)
        assert notification is not None
        decoded = decode_notification(notification, pumped)
        assert len(decoded.events) == 1

    def all_launchpads(frame: bytes) -> None:
        notification = parse_notification(frame)
        assert notification is not None
        decode_notification(notification, every)

    rounds = [
        (
            seconds(ours, frames),
            seconds(all_launchpads, frames),
            seconds(solders_parse, texts),
            _anchorpy(frames[:PEER_FRAMES]),
        )
        for _ in range(ROUNDS)
    ]
    mine, wide = 1 / median(r[0] for r in rounds), 1 / median(r[1] for r in rounds)
    peer = median(r[3]["notifications_per_s"] for r in rounds)
    for name, value, other, peer_value in (
        ("decode", mine, "anchorpy EventParser", peer),
        ("decode, seven launchpads", wide, "anchorpy EventParser", peer),
        ("decode", mine, "solders, parse only", 1 / median(r[2] for r in rounds)),
    ):
        yield Figure(name=name, value=value, unit="notif/s", peer=other, peer_value=peer_value)
    yield from _stages(frames, median(r[3]["decode_s"] for r in rounds))


def _anchorpy(frames: Sequence[bytes]) -> dict[str, float]:
    """Its figures, from its own environment; it must find each event."""
    payloads = [base64.b64encode(payload).decode() for payload in _payloads(_raw(frames))]
    answer: dict[str, float] = ask(
        "bench",
        {
            "idl": legacy_idl(pump.INTERFACE, {"TradeEvent": _ERAS_ANCHORPY_READS}),
            "program": pump.INTERFACE.address,
            "frames": [base64.b64encode(frame).decode() for frame in frames],
            "payloads": payloads,
        },
    )
    assert answer["events"] == len(frames)
    return answer


def _raw(frames: Sequence[bytes]) -> list[bytes]:
    """JSON of the lines of each frame."""
    found = [parse_notification(frame) for frame in frames]
    return [bytes(one.raw_logs) for one in found if one is not None]


def _data(raw: Sequence[bytes]) -> list[bytes]:
    """Base64 text of each event."""
    return [one[start:end] for one in raw for _, start, end in owned_data(one)[0]]


def _payloads(raw: Sequence[bytes]) -> list[bytes]:
    return [a2b_base64(text, strict_mode=True) for text in _data(raw)]


def _stages(frames: Sequence[bytes], anchorpy_decode_s: float) -> Iterator[Figure]:
    """Microseconds of each stage and of another way to do it."""
    raw = _raw(frames)
    lines: list[list[str]] = [json.loads(one) for one in raw]
    texts, payloads = _data(raw), _payloads(raw)
    keys = [payload[8:40] for payload in payloads]
    context = pump.PROGRAM.context(0, Emitted(b"", 0))
    solders_b58 = b58.__wrapped__
    ways: list[tuple[str, Callable[[Any], object], Any, str, Callable[[Any], object], Any]] = [
        ("JSON", parse_notification, frames, "json.loads", json.loads, frames),
        ("walk", _owners, raw, "whole stack", walk, lines),
        ("base64", _strict, texts, "base64.b64decode", base64.b64decode, texts),
        ("base58 of a key", solders_b58, keys, "pure Python", base58, keys),
    ]
    for name, ours, items, peer, theirs, their_items in ways:
        rounds = [(seconds(ours, items), seconds(theirs, their_items)) for _ in range(ROUNDS)]
        yield _micros(name, median(r[0] for r in rounds), peer, median(r[1] for r in rounds))
    mine = median(
        seconds(lambda payload: pump.traded(payload, context), payloads) for _ in range(ROUNDS)
    )
    yield _micros("decode to an event", mine, "anchorpy EventCoder", anchorpy_decode_s)


def _owners(raw: bytes) -> object:
    return owned_data(before_truncation(raw)[0])


def _strict(text: bytes) -> bytes:
    return a2b_base64(text, strict_mode=True)


def _micros(name: str, value: float, peer: str, peer_value: float) -> Figure:
    return Figure(
        name=f"decode stage: {name}",
        value=value * 1e6,
        unit="us",
        peer=peer,
        peer_value=peer_value * 1e6,
        higher_is_better=False,
    )
