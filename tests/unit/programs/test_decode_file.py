"""`./run decode`: recordings of every shape become plain events, anything else is said."""

from __future__ import annotations

import json
from typing import Any

import pytest

from common.errors import GiveUp, SettingsError
from programs import dbc, launchlab, pump
from programs.decode_file import decode_file
from programs.keys import b58
from programs.registry import PROGRAMS, by_names
from tests.helpers.borsh import event_bytes
from tests.helpers.chain import Emits, MadeUp, Runs, base58, key

BUY = Runs(
    pump.PROGRAM.id,
    [
        Emits(
            event_bytes(
                pump.INTERFACE,
                "TradeEvent",
                {"mint": key("mint"), "user": key("user"), "sol_amount": 5, "is_buy": True},
            )
        )
    ],
    name="Buy",
)
TX = MadeUp([BUY], signature="sig")


def decoded(body: Any, name: str = "x.json") -> dict[str, Any]:
    """A file with this JSON."""
    return decode_file(name, json.dumps(body).encode())


VALUE = {"signature": "sig", "err": None, "logs": TX.logs()}
SHAPES = [
    TX.json(),
    {"jsonrpc": "2.0", "result": TX.json()},
    {"signature": "sig", "meta": TX.json()["meta"] | {"innerInstructions": []}},
    {"method": "logsNotification", "params": {"result": {"value": VALUE}, "subscription": 1}},
    {"context": {"slot": 1}, "value": VALUE},
    VALUE,
]


@pytest.mark.parametrize("body", SHAPES)
def test_every_shape_gives_the_same_event(body: Any) -> None:
    """Transactions, notifications and their parts: same signature, same event, plain values."""
    found = decoded(body)
    assert (found["file"], found["signature"]) == ("x.json", "sig")
    assert not found["needs_transaction"]
    event = found["events"][0]
    assert (event["program"], event["kind"], event["mint"]) == ("pump", "buy", b58(key("mint")))
    assert (event["quote_mint"], event["quote_amount"]) == ("SOL", 5)
    assert json.loads(json.dumps(found)) == found


def test_a_recording_of_meta_alone() -> None:
    """Without keys nobody can say whose the inner instructions are: the logs are read, no more."""
    found = decoded({"signature": "sig", "meta": TX.json()["meta"]})
    assert [event["quote_amount"] for event in found["events"]] == [5]
    assert found["needs_transaction"]


def test_an_enriched_transaction() -> None:
    """Instructions that name everything and nest their inner ones, with a price beyond 64 bits."""
    swap = {"pool": key("pool"), "swap_result": {"next_sqrt_price": 1 << 90}}
    data = bytes.fromhex("e445a52e51cb9a1d") + event_bytes(dbc.INTERFACE, "EvtSwap2", swap)
    program = dbc.INTERFACE.address
    inner = {"programId": program, "accounts": [], "data": base58(data)}
    outer = {"programId": program, "accounts": [], "data": "", "innerInstructions": [inner]}
    found = decoded({"signature": "s", "transactionError": None, "instructions": [outer]})
    assert found["events"][0]["reserves"]["next_sqrt_price"] == 1 << 90
    failed = decoded({"transactionError": {"error": 1}, "instructions": [outer]})
    assert (failed["events"], failed["signature"]) == ([], None)


def entry(payload: bytes, **more: Any) -> dict[str, Any]:
    """Event bytes as collections hold them."""
    return {"cpi_data_hex": "e445a52e51cb9a1d" + payload.hex()} | more


def test_event_bytes_find_their_program() -> None:
    """By what the entry says, by the folder, or by the only layout that they fill."""
    lab = event_bytes(launchlab.INTERFACE, "TradeEvent@2025", {"pool_state": key("pool")})
    swap = event_bytes(dbc.INTERFACE, "EvtSwap2", {})
    stated = decoded({"events": [entry(lab, program="launchlab", signature="s")]})
    assert (stated["signature"], stated["events"][0]["program"]) == ("s", "launchlab")
    by_id = decoded({"events": [entry(lab, program_id=launchlab.INTERFACE.address)]})
    by_folder = decoded({"events": [entry(lab)]}, "recorded/launchlab/bytes.json")
    alone = decoded({"events": [entry(swap)]})
    fitting = decoded({"events": [entry(lab)]})
    names = [found["events"][0]["program"] for found in (by_id, by_folder, alone, fitting)]
    assert names == ["launchlab", "launchlab", "dbc", "launchlab"]


def test_event_bytes_of_several_transactions() -> None:
    """Each event of a collection bears its own signature, the file none."""
    swap = event_bytes(dbc.INTERFACE, "EvtSwap2", {})
    found = decoded({"events": [entry(swap, signature="a"), entry(swap, signature="b")]})
    assert found["signature"] is None
    assert [event["signature"] for event in found["events"]] == ["a", "b"]


def test_a_block_is_all_its_transactions() -> None:
    """Each event of a block bears its transaction's signature."""
    other = MadeUp([BUY, BUY], signature="other").json()
    found = decoded({"result": {"blockhash": "x", "transactions": [TX.json(), other]}})
    signatures = [event["signature"] for event in found["events"]]
    assert (found["signature"], signatures) == (None, ["sig", "other", "other"])


def test_a_completion_without_an_event_is_told_by_its_trade() -> None:
    """What is printed is one entry per event of the chain."""
    filling = event_bytes(launchlab.INTERFACE, "TradeEvent", {"pool_status": 1})
    found = decoded({"events": [entry(filling, program="launchlab")]})
    assert [event["kind"] for event in found["events"]] == ["buy"]
    assert found["events"][0]["completes_curve"]


@pytest.mark.parametrize(
    "body",
    [
        {"accounts": [], "data": "66063d1201daebea", "program_id": "Moon"},
        {"data": "AAAA", "owner": "Moon", "lamports": 1, "space": 409},
    ],
)
def test_instructions_and_accounts_alone_are_no_events(body: Any) -> None:
    """Nothing shows that an instruction by itself ever ran."""
    assert decoded(body)["events"] == []


def test_what_is_undecodable_is_named() -> None:
    """Bytes of a launchpad that do not fit are listed with place and reason."""
    lines = MadeUp([Runs(pump.PROGRAM.id, [Emits(b"\x09" * 8)])]).logs()
    found = decoded({"logs": lines})
    assert found["undecoded"][0]["path"] == "log:1"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b"7",
        b"null",
        b"{}",
        b'{"result":null}',
        b'{"meta":7}',
        b'{"logs":7}',
        b'{"logs":[7]}',
        b'{"method":"logsNotification"}',
        b'{"instructions":[7]}',
        b'{"instructions":[{"programId":"0"}]}',
        b'{"events":[7]}',
        b'{"events":[{"cpi_data_hex":"zz"}]}',
        b'{"events":[{"cpi_data_hex":"00"}]}',
        b'{"events":[{"cpi_data_hex":"bddb7fd34ee661ee"}]}',
        b'{"meta":{"logMessages":[7]}}',
        b'{"meta":{"logMessages":7}}',
        b'{"meta":{},"transaction":{"message":{"accountKeys":[7]}}}',
        b"[" * 100_000,
    ],
)
def test_anything_else_is_said_with_the_file(content: bytes) -> None:
    """What is no recording gives one error that names the file and what to give instead."""
    with pytest.raises(GiveUp) as error:
        decode_file("bad.json", content)
    assert error.value.fields["file"] == "bad.json"
    assert "getTransaction" in error.value.hint


def test_launchpads_by_name() -> None:
    """Chosen by short name, each once, in order; `all` is every one; others are listed."""
    assert [p.name for p in by_names(["dbc", "pump", "dbc"]).programs] == ["dbc", "pump"]
    assert len(by_names(["all"]).programs) == len(PROGRAMS) == 7
    with pytest.raises(SettingsError, match="pumpswap"):
        by_names(["pumpfun"])
    with pytest.raises(SettingsError, match="no launchpad"):
        by_names([])
