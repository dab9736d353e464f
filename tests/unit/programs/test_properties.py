"""What must hold for any input, on random ones, and on all that the fuzzer ever found."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from programs import pump
from programs.decode import decode_logs
from programs.keys import b58
from programs.logs import compact_json, owned_data, walk
from programs.registry import PROGRAMS, program_set
from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS, one_input
from tests.helpers.borsh import event_bytes
from tests.helpers.chain import EVIL, ROUTER, TOKEN, Emits, MadeUp, Runs, Says

CORPUS = sorted((Path(__file__).parents[2] / "fuzz" / "corpus").iterdir())
ALL = program_set(PROGRAMS.values())


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_what_the_fuzzer_found_stays_fixed(path: Path) -> None:
    """Inputs that once broke a decoder never do again."""
    one_input(path.read_bytes())


def test_the_fuzzer_has_something_to_begin_with() -> None:
    """Seeds are themselves sound inputs of every kind they are made for."""
    kinds = {seed[0] for seed in seeds()}
    assert len(kinds) == 4
    for seed in seeds():
        one_input(seed)


@pytest.mark.parametrize("number", range(len(TARGETS)), ids=lambda n: TARGETS[n].__name__)
def test_any_bytes_are_harmless(number: int) -> None:
    """Every target holds on random bytes: nothing raises, both walks agree."""

    @given(st.binary(max_size=3_000))
    @settings(max_examples=200, deadline=None, derandomize=True)
    def holds(data: bytes) -> None:
        one_input(bytes([number]) + data)

    holds()


@given(st.data())
@settings(max_examples=200, deadline=None, derandomize=True)
def test_a_damaged_event_is_decoded_or_put_aside(data: st.DataObject) -> None:
    """An event cut short, changed or lengthened is an event or undecodable: never both, never
    lost.
    """
    values = {"sol_amount": 5, "is_buy": True, "ix_name": "buy"}
    whole = event_bytes(pump.INTERFACE, "TradeEvent", values)
    damaged = bytearray(whole[: data.draw(st.integers(8, len(whole)))])
    for _ in range(data.draw(st.integers(0, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    payload = bytes(damaged) + data.draw(st.binary(max_size=20))
    lines = MadeUp([Runs(pump.PROGRAM.id, [Emits(payload)], name="Buy")]).logs()
    decoded = decode_logs(lines, None, ALL)
    known = payload[:8] in pump.PROGRAM.other_events
    assert len(decoded.events) + len(decoded.undecoded) == (0 if known else 1)


@given(st.text(max_size=200), st.text(max_size=200))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_text_forges_nothing(before: str, after: str) -> None:
    """Whatever a program writes around its data line, the line stays its own."""
    run = Runs(EVIL, [Says(before), Emits(b"event", calls=False), Says(after)])
    lines = MadeUp([Runs(ROUTER, [run])]).logs()
    raw = compact_json(lines)
    found, is_proven = owned_data(raw)
    assert is_proven
    assert [owner.decode() for owner, _, _ in found] == [b58(EVIL)]
    assert [line.owner for line in walk(lines).data] == [b58(EVIL)]


def hostile(kind: str, size: int) -> list[str]:
    """Logs of about so many bytes that would make a careless walk quadratic."""
    event = event_bytes(pump.INTERFACE, "TradeEvent", {"sol_amount": 1})
    fake = f' invoke [1] "Program {b58(pump.PROGRAM.id)} invoke [1]\\'
    event_line = Emits(event, calls=False)
    patterns: dict[str, list[Says | Emits | Runs]] = {
        "events": [event_line],
        "events and calls": [event_line, Runs(TOKEN)],
        "look-alikes": [Says(fake * 20), Runs(TOKEN), event_line],
        "data of others": [Runs(EVIL, [Emits(b"x" * 60)])],
        "one long text": [Says(" invoke [2]" * (size // 11)), event_line, Runs(TOKEN)],
    }
    times = 1 if kind == "one long text" else size // 700
    does = patterns[kind] * times
    return MadeUp([Runs(ROUTER, [Runs(pump.PROGRAM.id, does)])]).logs()


@pytest.mark.parametrize(
    "kind",
    ["events", "events and calls", "look-alikes", "data of others", "one long text"],
)
def test_time_is_linear_in_the_input(kind: str) -> None:
    """Eight times the logs take about eight times as long (a square would take 64)."""

    def seconds(size: int) -> float:
        lines = hostile(kind, size)
        best = 1e9
        for _ in range(3):
            start = time.process_time()
            decode_logs(lines, None, ALL)
            walk(lines)
            best = min(best, time.process_time() - start)
        return best

    assert seconds(4_000_000) < 20 * seconds(500_000) + 0.02
