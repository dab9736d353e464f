"""Inputs for the fuzzer to begin with: one of each kind, so that it does not have to find JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from programs import boop, pump
from programs.keys import b58
from tests.fuzz.targets import LAUNCHPADS, TARGETS, Material, files, frames, nodes, payloads
from tests.helpers.borsh import event_bytes
from tests.helpers.chain import Emits, MadeUp, Runs, base58


def seeds() -> Iterator[bytes]:
    """A frame, transactions of each version, every event, a collection of bytes."""
    trade = event_bytes(pump.INTERFACE, "TradeEvent", {"sol_amount": 5, "is_buy": True})
    made = MadeUp([Runs(pump.PROGRAM.id, [Emits(trade)], name="Buy")])
    value = {"signature": "s", "err": None, "logs": made.logs()}
    result = {"context": {"slot": 1}, "value": value}
    frame = {"method": "logsNotification", "params": {"result": result, "subscription": 1}}
    yield _input(frames, json.dumps(frame, separators=(",", ":")))
    for version in ("legacy", 0, 1):
        yield _input(nodes, json.dumps(made.json(version=version)))
    yield _input(files, json.dumps({"events": [{"cpi_data_hex": trade.hex()}]}))
    name = b58(boop.PROGRAM.id)
    call = {"programId": name, "accounts": [name], "data": base58(trade)}
    yield _input(files, json.dumps({"instructions": [call | {"innerInstructions": [call]}]}))
    for number, program in enumerate(LAUNCHPADS):
        by_discriminator = sorted(program.events)
        for event, facts in program.interface.events.items():
            which = by_discriminator.index(bytes.fromhex(facts.discriminator))
            body = event_bytes(program.interface, event, {})[8:]
            yield bytes([TARGETS.index(payloads), number, which]) + body


def _input(target: Callable[[Material], None], text: str) -> bytes:
    return bytes([TARGETS.index(target)]) + text.encode()


def write_seeds(folder: Path) -> None:
    """Put them into a folder, which need not exist."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds()):
        (folder / f"seed-{number:03}").write_bytes(seed)
