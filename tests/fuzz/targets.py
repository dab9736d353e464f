"""What must hold for any input: used by the fuzzer, by hypothesis and on the kept corpus.

The first byte chooses a target, the rest is its material. A target fails by any exception but the
ones it names.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import msgspec

from common.errors import GiveUp, NodeError
from programs.decode import (
    Decoded,
    decode_logs,
    decode_notification,
    decode_payload,
    decode_transaction,
)
from programs.decode_file import decode_file, event_fields
from programs.events import Traded
from programs.keys import b58
from programs.logs import (
    TAIL_CHARS,
    compact_json,
    instructions_logged,
    is_any_invoked,
    owned_data,
    walk,
)
from programs.registry import PROGRAMS, program_set
from programs.rpc_json import parse_notification, parse_transaction
from tests.helpers.chain import EVIL, ROUTER, SYSTEM, TOKEN, Emits, MadeUp, Runs, Says

LAUNCHPADS = sorted(PROGRAMS.values(), key=lambda program: program.name)
ALL = program_set(LAUNCHPADS)
KEYS = [SYSTEM, TOKEN, ROUTER, EVIL, *(program.id for program in LAUNCHPADS)]
FIRST = [first for program in LAUNCHPADS for first in (*program.events, *program.other_events)]
MAX_DEPTH = 8


class Material:
    """Choices out of bytes; zeros when they run out."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def byte(self) -> int:
        """One byte."""
        self._at += 1
        return self._data[self._at - 1] if self._at <= len(self._data) else 0

    def take(self, most: int) -> bytes:
        """So many bytes as the next one says, at most `most`."""
        count = min(self.byte() | self.byte() << 8, most)
        start, self._at = self._at, self._at + count
        return self._data[start : start + count]

    def rest(self) -> bytes:
        """Everything that is left."""
        return self._data[self._at :]

    @property
    def is_empty(self) -> bool:
        """Whether it has run out."""
        return self._at >= len(self._data)


def payload(material: Material) -> bytes:
    """Event bytes: of a launchpad's discriminator, or of any."""
    choice = material.byte()
    first = FIRST[choice % len(FIRST)] if choice < 250 else b""
    return first + material.take(600)


def tree(material: Material, depth: int = 1) -> Runs:
    """An invocation that writes, emits and invokes; every text and payload hostile."""
    does: list[Says | Emits | Runs] = []
    run = Runs(KEYS[material.byte() % len(KEYS)], does, accounts=KEYS[: material.byte() % 12])
    choice = material.byte()
    run.name = "Buy" if choice & 1 else None
    run.data = payload(material) if choice & 2 else b""
    for _ in range(material.byte() % 5):
        what = material.byte() % 4
        if what == 0:
            does.append(Says(material.take(200).decode("utf-8", errors="replace")))
        elif what == 1 and depth < MAX_DEPTH:
            does.append(tree(material, depth + 1))
        else:
            way = material.byte()
            does.append(Emits(payload(material), bool(way & 1), bool(way & 2), bool(way & 4)))
    return run


def transaction(material: Material) -> MadeUp:
    """A transaction of up to three instructions; a third of them as an old node gives them."""
    heights = material.byte() % 3 > 0
    return MadeUp([tree(material) for _ in range(1 + material.byte() % 3)], heights=heights)


def check(decoded: Decoded) -> None:
    """What holds of every outcome."""
    ordinals: dict[str, int] = {}
    for event in decoded.events:
        # What is undecodable keeps its ordinal, so there may be holes, but never a repetition.
        assert event.ordinal >= ordinals.get(event.program, 0), "an ordinal is given twice"
        ordinals[event.program] = event.ordinal + 1
        assert event.extra_bytes >= 0
        assert event.mint is None or len(event.mint) == 32
        if isinstance(event, Traded):
            assert 0 <= event.base_amount < 1 << 64
            assert 0 <= event.quote_amount < 1 << 64
            assert event.progress_bps is None or 0 <= event.progress_bps <= 10_000
            assert all(fee >= 0 for fee in event.fees.values())
        json.dumps(event_fields(event))


def frames(material: Material) -> None:
    """Any bytes as a frame of the node's socket."""
    notification = parse_notification(material.rest())
    if notification is not None:
        check(decode_notification(notification, ALL))
        _ = notification.logs


def files(material: Material) -> None:
    """Any bytes as a recording: decoded, or refused with a reason."""
    try:
        json.dumps(decode_file("pump/x.json", material.rest()))
    except GiveUp:
        return


def payloads(material: Material) -> None:
    """Any bytes as an event of a launchpad."""
    program = LAUNCHPADS[material.byte() % len(LAUNCHPADS)]
    first = sorted(program.events)[material.byte() % len(program.events)]
    body = material.rest()
    decoded = decode_payload(program, first + body)
    check(decoded)
    assert decode_payload(program, first + body) == decoded, "the same bytes, another outcome"


def made_up(material: Material) -> None:
    """A transaction whose stack is sound: both walks agree, whatever programs write."""
    what = material.byte() % 4
    made = transaction(material)
    lines = made.logs()
    agree(lines)
    if what == 0:
        same_from_any_json(lines)
    elif what == 1:
        cut = material.byte() % (len(lines) + 1)
        check(decode_logs([*lines[:cut], "Log truncated", *lines[cut + 1 :]], None, ALL))
        check(decode_logs(lines[:cut], None, ALL))
    else:
        whole = decode_transaction(parse_transaction(made.json()), ALL)
        check(whole)
        assert not whole.needs_transaction


def agree(lines: Sequence[str]) -> None:
    """The fast way proves every data line, of the program that the stack says; and the pass before
    the names of instructions misses no program that ran.
    """
    raw = compact_json(lines)
    for address in (program.address_bytes for program in LAUNCHPADS):
        if not is_any_invoked(raw, {address[-TAIL_CHARS:]}):
            assert not list(instructions_logged(raw, address))
    found, is_proven = owned_data(raw)
    walked = walk(lines)
    assert walked.is_whole
    assert is_proven
    assert [(o.decode(), raw[s:e].decode()) for o, s, e in found] == [
        (line.owner, line.text) for line in walked.data
    ]


def same_from_any_json(lines: Sequence[str]) -> None:
    """Notifications with spaces between elements or without decode alike."""
    value = {"signature": "s", "err": None, "logs": lines}
    result = {"context": {"slot": 1}, "value": value}
    frame = {"method": "logsNotification", "params": {"result": result, "subscription": 1}}
    tight = parse_notification(msgspec.json.encode(frame))
    loose = parse_notification(json.dumps(frame, indent=1))
    assert tight is not None
    assert loose is not None
    decoded = decode_notification(tight, ALL)
    check(decoded)
    assert decoded == decode_notification(loose, ALL) == decode_logs(lines, None, ALL)


def lines(material: Material) -> None:
    """Lines in any order: no stack is sound, none may hurt."""
    text: list[str] = []
    while not material.is_empty and len(text) < 200:
        choice, name = material.byte(), b58(KEYS[material.byte() % len(KEYS)])
        depth = material.byte() % 12
        text.append(
            (
                f"Program {name} invoke [{depth}]",
                f"Program {name} success",
                f"Program {name} failed: x",
                f"Program {name} consumed 1 of 2 compute units",
                f"Program log: {material.take(40)!r}",
                f"Program data: {material.take(80).hex()}",
                "Program data: vdt/007mYe4=",
                "Log truncated",
                material.take(60).decode("utf-8", errors="replace"),
            )[choice % 9]
        )
    check(decode_logs(text, None, ALL))
    walk(text)


def nodes(material: Material) -> None:
    """Any JSON as a node's transaction."""
    try:
        check(decode_transaction(parse_transaction(material.rest()), ALL))
    except NodeError:
        return


TARGETS = (frames, files, payloads, made_up, lines, nodes)


def one_input(data: bytes) -> None:
    """One input of the fuzzer."""
    material = Material(data)
    TARGETS[material.byte() % len(TARGETS)](material)
