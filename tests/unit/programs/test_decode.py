"""Both channels of events, each event once, in the order of execution."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from programs import boop, dbc, launchlab, pump
from programs.decode import (
    Decoded,
    decode_logs,
    decode_notification,
    decode_payload,
    decode_transaction,
)
from programs.events import Completed, Created, Traded
from programs.keys import b58
from programs.registry import PROGRAMS, program_set
from programs.rpc_json import parse_notification, parse_transaction
from tests.helpers.borsh import event_bytes
from tests.helpers.chain import EVIL, ROUTER, TOKEN, Emits, MadeUp, Runs, Says, key

ALL = program_set(PROGRAMS.values())
PUMP = pump.PROGRAM.id
BUY = bytes.fromhex("66063d1201daebea")


def trade_bytes(number: int, **changed: Any) -> bytes:
    """A pump TradeEvent of the newest layout that only its amount tells apart."""
    values = {"mint": key("mint"), "user": key("user"), "sol_amount": number, "is_buy": True}
    return event_bytes(pump.INTERFACE, "TradeEvent", values | changed)


def buy(*numbers: int, **how: bool) -> Runs:
    """One buy instruction that emits these trades."""
    emits = [Emits(trade_bytes(number), **how) for number in numbers]
    return Runs(PUMP, [Runs(TOKEN), *emits], data=BUY, name="Buy")


def from_transaction(tx: MadeUp, **how: Any) -> Decoded:
    """Decoded as getTransaction gives it."""
    return decode_transaction(parse_transaction(tx.json(**how)), ALL)


def from_logs(tx: MadeUp) -> Decoded:
    """Decoded as a notification gives it: the fast way, which must equal the plain one."""
    frame = {
        "jsonrpc": "2.0",
        "method": "logsNotification",
        "params": {
            "result": {
                "context": {"slot": 7},
                "value": {"signature": tx.signature, "err": tx.err, "logs": tx.logs()},
            },
            "subscription": 1,
        },
    }
    notification = parse_notification(msgspec.json.encode(frame))
    assert notification is not None
    decoded = decode_notification(notification, ALL)
    assert decoded == decode_logs(tx.logs(), tx.err, ALL)
    return decoded


def amounts(decoded: Decoded) -> list[tuple[int, int]]:
    """(ordinal, quote amount) of the trades."""
    return [(e.ordinal, e.quote_amount) for e in decoded.events if isinstance(e, Traded)]


WAYS = [
    {"logs": True, "calls": True, "calls_first": False},
    {"logs": True, "calls": True, "calls_first": True},
    {"logs": True, "calls": False},
]


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("heights", [True, False])
def test_an_event_in_both_channels_counts_once(how: dict[str, bool], heights: bool) -> None:
    """Logged, called or both, in either order: each trade once, with the same ordinals."""
    top = [Runs(ROUTER, [buy(1, **how), buy(1, **how), buy(2, 3, **how)]), buy(1, **how)]
    tx = MadeUp(top, heights=heights)
    expected = [(0, 1), (1, 1), (2, 2), (3, 3), (4, 1)]
    assert amounts(from_transaction(tx)) == expected
    assert amounts(from_logs(tx)) == expected


def test_events_that_are_only_called_are_found() -> None:
    """What is not in the logs is in the inner instructions."""
    tx = MadeUp([buy(1, logs=False), Runs(ROUTER, [buy(2, logs=False)])])
    assert amounts(from_transaction(tx)) == [(0, 1), (1, 2)]
    assert amounts(from_logs(tx)) == []


def test_one_event_logged_and_another_called_keep_their_order() -> None:
    """A program that logs some events and calls others: order of execution, none lost."""
    top = [buy(1, calls=False), buy(2, logs=False), buy(3), buy(4, calls=False)]
    assert amounts(from_transaction(MadeUp(top))) == [(0, 1), (1, 2), (2, 3), (3, 4)]
    called, logged = Emits(trade_bytes(1), logs=False), Emits(trade_bytes(2), calls=False)
    mixed = MadeUp([Runs(PUMP, [called, logged, called], data=BUY)])
    assert amounts(from_transaction(mixed)) == [(0, 1), (1, 2), (2, 1)]


def test_the_same_transaction_gives_the_same_events_from_both() -> None:
    """Logs and whole transaction agree on everything but what only accounts can tell."""
    tx = MadeUp([Runs(ROUTER, [buy(1), buy(2)])])
    assert from_logs(tx).events == from_transaction(tx).events


@pytest.mark.parametrize("version", ["legacy", 0, 1])
def test_every_version_of_transactions(version: int | str) -> None:
    """Legacy, version 0 with keys from lookup tables, and version 1 decode alike."""
    tx = MadeUp([Runs(ROUTER, [buy(5)], accounts=(key("a"), key("b")))])
    assert amounts(from_transaction(tx, version=version, loaded=3)) == [(0, 5)]


def test_a_failed_transaction_says_nothing() -> None:
    """Events of a transaction that was rolled back do not count."""
    tx = MadeUp([buy(1)], err={"InstructionError": [0, {"Custom": 6001}]})
    assert from_logs(tx) == from_transaction(tx) == Decoded()


def test_another_program_can_not_speak_for_a_launchpad() -> None:
    """The same bytes logged or called by another program are nothing."""
    event = trade_bytes(1)
    assert from_logs(MadeUp([Runs(EVIL, [Emits(event)])])).events == ()
    assert from_transaction(MadeUp([Runs(EVIL, [Emits(event)])])).events == ()


@pytest.mark.parametrize("heights", [True, False])
def test_an_event_call_by_another_program_is_refused(heights: bool) -> None:
    """Event bytes sent to the launchpad by somebody else are kept aside, not believed."""
    forged = Runs(PUMP, data=bytes.fromhex("e445a52e51cb9a1d") + trade_bytes(1))
    decoded = from_transaction(MadeUp([Runs(EVIL, [forged])], heights=heights))
    assert decoded.events == ()
    assert [one.path for one in decoded.undecoded] == ["inner:0.0"]
    after_a_trade = from_transaction(MadeUp([buy(7), Runs(EVIL, [forged])], heights=heights))
    assert amounts(after_a_trade) == [(0, 7)]
    on_top = from_transaction(MadeUp([forged], heights=heights))
    assert on_top.events == ()


def test_launchpads_that_share_bytes_are_told_apart() -> None:
    """The decoder is chosen by the program on top of the stack, not by the discriminator."""
    lab = event_bytes(launchlab.INTERFACE, "TradeEvent", {"pool_state": key("pool")})
    both = MadeUp([buy(1), Runs(launchlab.PROGRAM.id, [Emits(lab)], name="BuyExactIn")])
    decoded = from_transaction(both)
    assert [event.program for event in decoded.events] == ["pump", "launchlab"]
    assert [event.ordinal for event in decoded.events] == [0, 0]


def test_truncated_logs_ask_for_the_transaction() -> None:
    """What came before the cut is given, and that it is not all."""
    tx = MadeUp([buy(1), buy(2)])
    logs = tx.logs()
    cut = [*logs[:8], "Log truncated", logs[-1]]
    decoded = decode_logs(cut, None, ALL)
    assert decoded.is_truncated
    assert decoded.needs_transaction
    assert amounts(decoded) == [(0, 1)]


def test_a_transaction_with_truncated_logs_is_whole_by_its_calls() -> None:
    """Where logs were cut, the event calls have everything, with the same ordinals."""
    tx = MadeUp([buy(1), buy(2), buy(3)])
    result = tx.json()
    logs = result["meta"]["logMessages"]
    result["meta"]["logMessages"] = [*logs[:8], "Log truncated", logs[-1]]
    decoded = decode_transaction(parse_transaction(result), ALL)
    assert amounts(decoded) == [(0, 1), (1, 2), (2, 3)]
    assert decoded.is_truncated
    assert not decoded.needs_transaction


def test_a_recording_without_inner_instructions_is_not_whole() -> None:
    """A node that keeps no inner instructions can't tell what was only called."""
    result = MadeUp([buy(1)]).json()
    result["meta"]["innerInstructions"] = None
    assert decode_transaction(parse_transaction(result), ALL).needs_transaction
    result["meta"]["innerInstructions"] = []
    result["meta"]["logMessages"][3:] = ["Log truncated"]
    assert decode_transaction(parse_transaction(result), ALL).needs_transaction


def test_a_node_without_logs_is_asked_for_the_transaction() -> None:
    """A transaction that succeeded wrote something: no lines at all say nothing about it."""
    assert decode_logs([], None, ALL) == Decoded(needs_transaction=True)
    result = MadeUp([buy(1)]).json()
    result["meta"]["logMessages"] = None
    whole = decode_transaction(parse_transaction(result), ALL)
    assert amounts(whole) == [(0, 1)]
    assert not whole.needs_transaction
    bought = event_bytes(boop.INTERFACE, "TokenBoughtEvent", {"mint": key("mint")})
    data = bytes.fromhex(boop.INTERFACE.instructions["buy_token"].discriminator)
    silent = MadeUp([Runs(boop.PROGRAM.id, [Runs(TOKEN), Emits(bought, calls=False)], data=data)])
    result = silent.json()
    result["meta"]["logMessages"] = None
    assert decode_transaction(parse_transaction(result), ALL).needs_transaction


def test_a_truncated_program_that_only_logs_is_not_whole() -> None:
    """Its events are nowhere else: the trades that are missing are counted."""
    bought = event_bytes(boop.INTERFACE, "TokenBoughtEvent", {"mint": key("mint")})
    data = bytes.fromhex(boop.INTERFACE.instructions["buy_token"].discriminator)
    run = Runs(boop.PROGRAM.id, [Runs(TOKEN), Emits(bought, calls=False)], data=data)
    result = MadeUp([run, run]).json()
    logs = result["meta"]["logMessages"]
    result["meta"]["logMessages"] = [*logs[:8], "Log truncated"]
    decoded = decode_transaction(parse_transaction(result), ALL)
    assert (decoded.shares[0].instructions, decoded.shares[0].trades) == (2, 1)
    assert decoded.needs_transaction


def test_what_does_not_fit_is_kept_with_its_place() -> None:
    """Undecodable events come back with their bytes; their ordinals wait for them."""
    broken = trade_bytes(1)[:60]
    unknown = b"\x09" * 8 + b"news"
    emits = [Emits(broken), Emits(unknown), Emits(trade_bytes(7))]
    tx = MadeUp([Runs(PUMP, [Says("hi"), *emits], data=BUY, name="Buy")])
    logged, whole = from_logs(tx), from_transaction(tx)
    assert amounts(logged) == amounts(whole) == [(2, 7)]
    assert [(one.path, one.payload) for one in logged.undecoded] == [
        ("log:3", broken),
        ("log:7", unknown),
    ]
    assert [(one.path, one.payload) for one in whole.undecoded] == [
        ("inner:0.0", broken),
        ("inner:0.1", unknown),
    ]
    assert [one.discriminator for one in logged.unknown] == [b"\x09" * 8]


def test_a_data_line_that_is_not_base64_is_kept() -> None:
    """A launchpad's data line that holds no single event is put aside as text."""
    lines = MadeUp([Runs(PUMP, [Emits(b"x", calls=False)])]).logs()
    lines[1] = "Program data: AAAA BBBB"
    decoded = decode_logs(lines, None, ALL)
    assert [(one.path, one.payload) for one in decoded.undecoded] == [("log:1", b"AAAA BBBB")]
    result = MadeUp([Runs(PUMP, [Emits(b"x", calls=False)])]).json()
    result["meta"]["logMessages"] = lines
    whole = decode_transaction(parse_transaction(result), ALL)
    assert whole.undecoded[0].payload == b"AAAA BBBB"


def test_known_events_that_are_no_news_are_passed_over() -> None:
    """Events of the interface that we do not read are neither news nor an oddity."""
    extend = bytes.fromhex(pump.INTERFACE.other_events["ExtendAccountEvent"]) + bytes(88)
    decoded = from_logs(MadeUp([Runs(PUMP, [Emits(extend)])]))
    assert decoded == Decoded()


def test_trade_instructions_without_an_event_are_counted() -> None:
    """A buy that logs nothing we know shows as a share of trades that are missing."""
    silent = from_logs(MadeUp([Runs(PUMP, [Says("new way")], data=BUY, name="Buy")]))
    assert [(s.program, s.instructions, s.trades) for s in silent.shares] == [("pump", 1, 0)]
    whole = from_transaction(MadeUp([buy(1), Runs(PUMP, data=BUY, name="Buy")]))
    assert [(s.program, s.instructions, s.trades) for s in whole.shares] == [("pump", 2, 1)]


def test_an_unknown_instruction_of_a_known_program_is_noticed() -> None:
    """A discriminator that is in neither list of the interface is an observation."""
    decoded = from_transaction(MadeUp([Runs(PUMP, data=b"\x07" * 8)]))
    assert [(one.what, one.discriminator) for one in decoded.unknown] == [
        ("instruction", b"\x07" * 8)
    ]


@pytest.mark.parametrize(
    ("program", "name", "needs"),
    [
        (dbc.PROGRAM, "Swap2", True),
        (dbc.PROGRAM, "MigrationDammV2", True),
        (dbc.PROGRAM, "ClaimTradingFee", False),
        (dbc.PROGRAM, "SwapInTheFuture", True),
        (launchlab.PROGRAM, "BuyExactIn", True),
        (launchlab.PROGRAM, "MigrateToCpswap", True),
        (launchlab.PROGRAM, "ClaimCreatorFee", False),
        (PROGRAMS[pump.PROGRAM.id], "Buy", False),
    ],
)
def test_which_instructions_need_the_transaction(program: Any, name: str, needs: bool) -> None:
    """Programs whose logs do not suffice ask after instructions that matter or are unknown."""
    decoded = from_logs(MadeUp([Runs(ROUTER, [Runs(program.id, [Runs(TOKEN)], name=name)])]))
    assert decoded.needs_transaction is needs


def test_a_single_payload_is_decoded_again() -> None:
    """Bytes out of the quarantine decode alone, or stay what they are."""
    assert amounts(decode_payload(pump.PROGRAM, trade_bytes(5))) == [(0, 5)]
    assert decode_payload(pump.PROGRAM, trade_bytes(5)[:50]).undecoded[0].path == "payload"


def test_names_and_curves_of_boop_become_one_creation() -> None:
    """A deployment takes the names told before it, if only one token was named."""
    named = event_bytes(boop.INTERFACE, "TokenCreatedEvent", {"name": "One", "symbol": "1"})
    other = event_bytes(boop.INTERFACE, "TokenCreatedEvent", {"name": "Two", "symbol": "2"})
    deployed = event_bytes(boop.INTERFACE, "BondingCurveDeployedEvent", {"mint": key("mint")})

    def names(*payloads: bytes) -> list[str]:
        emits = [Emits(payload, calls=False) for payload in payloads]
        events = from_logs(MadeUp([Runs(boop.PROGRAM.id, emits)])).events
        return [event.name for event in events if isinstance(event, Created)]

    assert names(named, deployed) == ["One"]
    assert names(named, deployed, other, deployed) == ["One", "Two"]
    assert names(named, other, deployed) == [""]
    assert names(deployed) == [""]
    assert names(named) == []


def test_a_program_of_two_events_keeps_the_order_among_others() -> None:
    """Merging one launchpad's events does not move them past another's."""
    bought = event_bytes(boop.INTERFACE, "TokenBoughtEvent", {"mint": key("mint")})
    run = Runs(boop.PROGRAM.id, [Emits(bought, calls=False)])
    decoded = from_logs(MadeUp([buy(1), run, buy(2), run]))
    assert [e.program for e in decoded.events] == ["pump", "boop", "pump", "boop"]
    assert [e.ordinal for e in decoded.events] == [0, 0, 1, 1]


def test_a_curve_that_completes_is_told_with_its_trade() -> None:
    """LaunchLab's filling trade gives the trade and the completion, in this order."""
    filling = {"pool_state": key("pool"), "pool_status": 1, "total_base_sell": 5}
    event = event_bytes(launchlab.INTERFACE, "TradeEvent", filling)
    run = Runs(launchlab.PROGRAM.id, [Emits(event), Emits(event)], name="BuyExactIn")
    decoded = from_transaction(MadeUp([run]))
    kinds = [(type(event), event.ordinal) for event in decoded.events]
    assert kinds == [(Traded, 0), (Completed, 1), (Traded, 2), (Completed, 3)]


def test_a_failure_in_the_logs_is_believed_before_the_node() -> None:
    """A node may say "no error" where the runtime's own line says otherwise: then it is asked."""
    logs = MadeUp([Runs(PUMP, [Emits(trade_bytes(7))], data=BUY, name="Buy")]).logs()
    failing = [
        f"Program {b58(TOKEN)} invoke [1]",
        f"Program {b58(TOKEN)} failed: custom program error: 0x1",
    ]
    assert decode_logs([*logs, *failing], None, ALL).needs_transaction
    for said in ('","Program %s failed: 0x1', '"Program %s failed: 0x1', "Program %s failed: 0x1"):
        line = f"Program log: {said % b58(TOKEN)}"
        assert not decode_logs([*logs[:1], line, *logs[1:], line], None, ALL).needs_transaction
