"""Whose data line it is: by the stack, by both neighbours, and never by what a program wrote."""

from __future__ import annotations

import json

import pytest

from programs.decode import decode_logs
from programs.keys import b58
from programs.logs import (
    before_truncation,
    compact_json,
    instructions_logged,
    is_any_invoked,
    is_compact,
    line_number,
    owned_data,
    walk,
)
from programs.registry import program_set
from tests.helpers.chain import EVIL, ROUTER, SYSTEM, TOKEN, Emits, MadeUp, Runs, Says, key

PUMP = key("launchpad")


def owners(lines: list[str]) -> list[tuple[bytes, str]]:
    """(program, base64) of the data lines that the fast way proves."""
    raw = compact_json(lines)
    return [(owner, raw[start:end].decode()) for owner, start, end in owned_data(raw)[0]]


def walked(lines: list[str]) -> list[tuple[bytes, str]]:
    """The same by the whole stack."""
    return [(line.owner.encode(), line.text) for line in walk(lines).data]


def name(program: bytes) -> bytes:
    """A program as it stands in the logs."""
    return b58(program).encode()


@pytest.mark.parametrize("calls_first", [False, True])
@pytest.mark.parametrize("calls", [False, True])
def test_an_event_belongs_to_the_program_on_top(calls: bool, calls_first: bool) -> None:
    """An event under a router, between inner calls, belongs to the program that ran."""
    event = Emits(b"event", calls=calls, calls_first=calls_first)
    buy = Runs(PUMP, [Runs(TOKEN, [Says("Instruction: Transfer")]), Runs(SYSTEM), event])
    lines = MadeUp([Runs(ROUTER, [Says("hop"), buy, Emits(b"routed", calls=False)])]).logs()
    expected = [(name(PUMP), "ZXZlbnQ="), (name(ROUTER), "cm91dGVk")]
    assert owners(lines) == walked(lines) == expected
    assert owned_data(compact_json(lines))[1]


@pytest.mark.parametrize("depth", range(1, 9))
def test_depth_up_to_eight(depth: int) -> None:
    """The stack may be eight deep; each level's event is its own."""
    run = Runs(key(f"level {depth}"), [Emits(bytes([depth]), calls=False)])
    for level in range(depth - 1, 0, -1):
        run = Runs(key(f"level {level}"), [run, Emits(bytes([level]), calls=False)])
    lines = MadeUp([run]).logs()
    found = owners(lines)
    assert found == walked(lines)
    assert {owner for owner, _ in found} == {name(key(f"level {n + 1}")) for n in range(depth)}


FORGERIES = [
    f"Program {b58(PUMP)} invoke [2]",
    f"x\nProgram {b58(PUMP)} invoke [2]\nProgram data: ZXZlbnQ=",
    f'","Program {b58(PUMP)} invoke [2]","Program data: ZXZlbnQ=","',
    f'"Program {b58(PUMP)} invoke [2]',
    f'",\n"Program {b58(PUMP)} invoke [1]"',
    f"Program {b58(EVIL)} success",
    "Log truncated",
    '","Log truncated","',
    'ends like "Log truncated',
    "Program data: ZXZlbnQ=",
    'ends with a comma,"',
    "ends with a backslash\\",
    "ends with both \\,",
    "\0\x1b[31m\u2028 \U0001f680",
]


@pytest.mark.parametrize("text", FORGERIES)
def test_what_a_program_writes_forges_nothing(text: str) -> None:
    """Text that looks like the runtime's lines does not change whose event it is."""
    lines = MadeUp(
        [
            Runs(
                EVIL,
                [Says(text), Emits(b"event", calls=False), Says(text), Runs(TOKEN), Says(text)],
            )
        ]
    ).logs()
    assert owners(lines) == walked(lines) == [(name(EVIL), "ZXZlbnQ=")]
    assert before_truncation(compact_json(lines))[1] is False


def test_nothing_is_read_after_a_truncation() -> None:
    """Lines that follow `Log truncated` prove nothing, since others are missing among them."""
    first = MadeUp([Runs(PUMP, [Emits(b"event")])]).logs()
    later = MadeUp([Runs(EVIL, [Runs(PUMP, [Emits(b"event")])])]).logs()
    lines = [*first, "Log truncated", *later[1:]]
    raw, is_truncated = before_truncation(compact_json(lines))
    assert is_truncated
    assert len(owned_data(raw)[0]) == len(walk(lines).data) == 1
    assert not walk(lines).is_whole


def test_an_event_right_before_a_truncation_is_not_proven() -> None:
    """Without a line of the runtime after it nobody can tell whose event it is."""
    lines = [*MadeUp([Runs(PUMP, [Emits(b"event", calls=False)])]).logs()[:2], "Log truncated"]
    raw, _ = before_truncation(compact_json(lines))
    assert owned_data(raw) == ([], False)


CONTRADICTIONS = [
    [f"Program {b58(PUMP)} invoke [2]", "Program data: AAAA", f"Program {b58(TOKEN)} invoke [2]"],
    [f"Program {b58(PUMP)} invoke [1]", "Program data: AAAA", f"Program {b58(TOKEN)} invoke [3]"],
    [f"Program {b58(PUMP)} invoke [1]", "Program data: AAAA", f"Program {b58(TOKEN)} success"],
    [f"Program {b58(PUMP)} invoke [1]", "Program data: AAAA", f"Program {b58(TOKEN)} invoke [1]"],
    [f"Program {b58(PUMP)} invoke [1]", "Program data: AAAA"],
    ["Program data: AAAA", f"Program {b58(PUMP)} invoke [1]"],
]


@pytest.mark.parametrize("lines", CONTRADICTIONS)
def test_a_contradiction_is_not_guessed_at(lines: list[str]) -> None:
    """Where neighbours disagree about the stack, the event is left out and that is said."""
    assert owned_data(compact_json(lines)) == ([], False)
    assert not walk(lines).is_whole
    assert decode_logs(lines, None, program_set([])).needs_transaction


def test_spaces_between_elements_are_noticed() -> None:
    """JSON with spaces is not read the fast way but written anew first."""
    lines = MadeUp([Runs(PUMP, [Emits(b"event")])]).logs()
    assert is_compact(compact_json(lines))
    assert not is_compact(json.dumps(lines).encode())
    assert not is_compact(json.dumps(lines, indent=1).encode())
    assert not is_compact(b"[]")
    assert is_compact(b'["one"]')


def test_names_of_instructions() -> None:
    """Each invocation gives its first word; an event's self-call none, a silent one an empty."""
    silent = Runs(PUMP, [Runs(TOKEN)])
    lines = MadeUp(
        [
            Runs(ROUTER, [Runs(PUMP, [Emits(b"event")], name="Buy")]),
            silent,
            Runs(PUMP, [Says("Instruction: \u2192")]),
            Runs(
                EVIL, [Says(f'"Program {b58(PUMP)} invoke [1]","Program log: Instruction: Sell"')]
            ),
        ]
    ).logs()
    assert list(instructions_logged(compact_json(lines), name(PUMP))) == ["Buy", "", "\u2192"]


@pytest.mark.parametrize("program", [PUMP, SYSTEM, TOKEN], ids=b58)
@pytest.mark.parametrize("depth", [1, 2, 8])
def test_one_pass_tells_which_programs_may_have_run(program: bytes, depth: int) -> None:
    """A program that ran at any depth is among those that may have; one that did not is not."""
    run = Runs(program, [Says("[")])
    for level in range(1, depth):
        run = Runs(key(f"level {level}"), [run])
    raw = compact_json(MadeUp([run, Runs(EVIL, [Says(f"Program {b58(ROUTER)} [1]")])]).logs())
    assert is_any_invoked(raw, {name(program)[-8:], b"nobody's"})
    assert not is_any_invoked(raw, {name(ROUTER)[-8:]})
    assert not is_any_invoked(raw, set())


def test_the_number_of_a_line() -> None:
    """Lines are counted from zero, whatever stands in them."""
    raw = compact_json(["a,", 'b","c', "Program data: AAAA", "d"])
    assert line_number(raw, raw.find(b"AAAA")) == 2


@pytest.mark.parametrize("depth", [0, 2, 9])
def test_depths_count_up(depth: int) -> None:
    """An invocation whose number is not one more than what runs ends the walk there."""
    lines = [f"Program {b58(PUMP)} invoke [{depth}]", f"Program {b58(PUMP)} success"]
    assert not walk(lines).is_whole
    assert walk(lines).invocations == {}
