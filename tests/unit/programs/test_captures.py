"""Recorded transactions, where they lie beside: every value is as independently read."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from programs.decode_file import decode_file

FOLDER = os.environ.get("CURVEFEED_CAPTURES")
KINDS = {"amm_buy": "buy", "amm_sell": "sell"}
FIELDS: tuple[str, ...] = (
    "program",
    "mint",
    "wallet",
    "pool",
    "quote_mint",
    "base_amount",
    "quote_amount",
)
FIELDS += ("fees", "reserves", "timestamp", "name", "symbol", "uri", "creator", "token_program")


def expectations() -> dict[str, Any]:
    """File name → what is in it; empty where the recordings are not at hand."""
    if not FOLDER:
        return {}
    loaded: dict[str, Any] = json.loads((Path(FOLDER) / "expected.json").read_text())
    return loaded


def canonical(expected: dict[str, Any]) -> list[dict[str, Any]]:
    """Events that count: none of a failed transaction, EvtSwap2 in place of its EvtSwap."""
    if expected.get("err") is not None:
        return []
    events: list[dict[str, Any]] = []
    for event in expected.get("events", []):
        kind = KINDS.get(event["kind"], event["kind"])
        if kind in (None, "amm_create_pool"):
            continue
        if event["event"] == "EvtSwap2" and events and events[-1]["event"] == "EvtSwap":
            events.pop()
        events.append(event | {"kind": kind})
    return events


@pytest.mark.skipif(not FOLDER, reason="CURVEFEED_CAPTURES names no folder of recordings")
@pytest.mark.parametrize("name", sorted(expectations()))
def test_a_recording_decodes_to_its_known_values(name: str) -> None:
    """Events of a recording have the values that an independent decoder read."""
    assert FOLDER is not None
    expected = expectations()[name]
    found = decode_file(name, (Path(FOLDER) / name).read_bytes())
    events = canonical(expected)
    assert [event["kind"] for event in found["events"]] == [event["kind"] for event in events]
    assert found["is_truncated"] == bool(expected.get("log_truncated"))
    assert found["needs_transaction"] == bool(expected.get("log_truncated"))
    if "signature" in expected:
        assert found["signature"] == expected["signature"]
    for event, wanted in zip(found["events"], events, strict=True):
        stated = {field: wanted[field] for field in FIELDS if field in wanted}
        for field, value in wanted.get("from_instruction", {}).items():
            stated["wallet" if field == "payer" else field] = value
        if "user_quote_flow" in wanted:
            stated["user_quote_amount"] = wanted["user_quote_flow"]
        assert {field: event[field] for field in stated} == stated
        assert event["extra_bytes"] == wanted["trailing_bytes"]
