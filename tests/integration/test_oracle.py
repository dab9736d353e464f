"""An independent decoder reads the same: anchorpy, in its own environment, field by field."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest

from common.errors import NodeError
from programs.channels import events_of
from programs.instructions import calls_of
from programs.interface import Interface
from programs.keys import b58
from programs.layout import LayoutError, Reader
from programs.logs import walk
from programs.program import Program
from programs.registry import PROGRAMS
from programs.rpc_json import parse_transaction
from tests.helpers.borsh import event_bytes
from tests.helpers.chain import Emits, MadeUp, Runs
from tests.helpers.legacy_idl import legacy_idl
from tests.helpers.oracle import ask
from tests.helpers.random_values import random_values

SAMPLES = 6
FOLDER = os.environ.get("CURVEFEED_CAPTURES")


def flat_fields(interface: Interface, event: str, eras: int) -> list[tuple[str, str]]:
    """(dotted name, type) of an event's first eras, nested structs taken apart."""
    layouts = interface.events[event].layouts[:eras]
    return list(_flat([text for layout in layouts for text in layout.fields], interface, ""))


def _flat(texts: list[str], interface: Interface, prefix: str) -> Iterator[tuple[str, str]]:
    for text in texts:
        name, kind = text.split(" ", 1)
        inner = interface.types.get(kind)
        if isinstance(inner, list):
            yield from _flat(inner, interface, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", kind


def is_readable(interface: Interface, event: str) -> bool:
    """anchorpy has no way to give back which data an enum's variant holds under one name."""
    kinds = {kind for _, kind in flat_fields(interface, event, 99)}
    enums = [interface.types[kind] for kind in kinds if kind in interface.types]
    return not any(isinstance(e, Mapping) and any(e["enum"].values()) for e in enums)


def cases() -> Iterator[tuple[Program, str, int]]:
    """Every event of every launchpad as of each of its eras."""
    for program in PROGRAMS.values():
        for event, facts in program.interface.events.items():
            if is_readable(program.interface, event):
                for eras in range(1, len(facts.layouts) + 1):
                    yield program, event, eras


def plain(value: Any, kind: str, interface: Interface) -> Any:
    """Our value as the oracle writes it."""
    if isinstance(value, bytes):
        return b58(value)
    definition = interface.types.get(kind)
    if isinstance(definition, Mapping):
        return list(definition["enum"])[value]
    if kind == "bool":
        return bool(value)
    if kind.startswith("vec<"):
        fields = [text.split(" ", 1) for text in interface.types[kind[4:-1]]]
        return [
            {name: plain(one, of, interface) for (name, of), one in zip(fields, item, strict=True)}
            for item in value
        ]
    return value


def at(data: Mapping[str, Any], dotted: str) -> Any:
    """The oracle's value of a dotted field. It has its own mind on underscores."""
    value: Any = data
    for part in dotted.split("."):
        names = {name.replace("_", ""): name for name in value}
        value = value[names[part.replace("_", "")]]
    return value


@pytest.mark.timeout(300)
def test_an_independent_decoder_reads_every_event_alike() -> None:
    """anchorpy, given the same interface and log lines, finds the same value in each field."""
    random = Random(20261122)
    requests: list[dict[str, Any]] = []
    payloads: list[list[bytes]] = []
    for program, event, eras in cases():
        interface = program.interface
        texts = [
            text for layout in interface.events[event].layouts[:eras] for text in layout.fields
        ]
        values = [random_values(random, texts, interface.types) for _ in range(SAMPLES)]
        samples = [event_bytes(interface, event, one, eras=eras) for one in values]
        payloads.append(samples)
        runs = [MadeUp([Runs(program.id, [Emits(one, calls=False)])]).logs() for one in samples]
        idl = legacy_idl(interface, {event: eras})
        requests.append({"idl": idl, "program": program.address, "logs": runs})
    answers = ask("decode", requests)
    compared = 0
    for (program, event, eras), samples, answer in zip(cases(), payloads, answers, strict=True):
        for payload, found in zip(samples, answer, strict=True):
            assert len(found) == 1, (event, eras, base64.b64encode(payload))
            compared += compare(program.interface, event, eras, payload, found[0]["data"])
    assert compared > 3_000


@pytest.mark.skipif(not FOLDER, reason="CURVEFEED_CAPTURES names no folder of recordings")
@pytest.mark.timeout(300)
def test_recorded_events_are_read_alike() -> None:
    """Every recorded event of the chain that anchorpy can read has the same fields for both."""
    found = [one for path in sorted(Path(FOLDER or "").glob("*/*.json")) for one in recorded(path)]
    fitted = [(program, payload, *era_of(program, payload)) for program, payload in found]
    readable = [one for one in fitted if one[2] and is_readable(one[0].interface, one[2])]
    requests = [
        {
            "idl": legacy_idl(program.interface, {event: eras}),
            "program": program.address,
            "logs": [MadeUp([Runs(program.id, [Emits(payload, calls=False)])]).logs()],
        }
        for program, payload, event, eras in readable
    ]
    answers = ask("decode", requests)
    compared = 0
    for (program, payload, event, eras), answer in zip(readable, answers, strict=True):
        compared += compare(program.interface, event, eras, payload, answer[0][0]["data"])
    assert compared > 300


def recorded(path: Path) -> Iterator[tuple[Program, bytes]]:
    """(program, event bytes) in a recorded transaction."""
    try:
        tx = parse_transaction(path.read_bytes())
    except NodeError:
        return
    walked = walk(tx.logs)
    for program in PROGRAMS.values():
        for emitted in events_of(program, calls_of(program.id, tx.calls), walked)[0]:
            if emitted.payload[:8] in program.events:
                yield program, emitted.payload


def era_of(program: Program, payload: bytes) -> tuple[str, int]:
    """Event and number of eras whose layout these bytes fill; ("", 0) if none does."""
    for event, facts in program.interface.events.items():
        for eras in range(1, len(facts.layouts) + 1):
            layouts = [layout.fields for layout in facts.layouts[:eras]]
            try:
                extra = Reader(layouts, program.interface.types, ())(payload)[1]
            except LayoutError:
                continue
            if extra == 0 and facts.discriminator == payload[:8].hex():
                return event, eras
    return "", 0


def compare(
    interface: Interface, event: str, eras: int, payload: bytes, theirs: Mapping[str, Any]
) -> int:
    """Assert that both read the same; how many fields there were."""
    every = [name for name, _ in flat_fields(interface, event, 99)]
    read, extra = interface.reader(event, *every)(payload)
    assert extra == 0
    fields = flat_fields(interface, event, eras)
    for (name, kind), value in zip(fields, read, strict=False):
        assert plain(value, kind, interface) == at(theirs, name), (event, eras, name)
    assert read[len(fields) :] == [None] * (len(every) - len(fields))
    return len(fields)
