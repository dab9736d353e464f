"""Files of recorded updates, in the forms people have them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from common.errors import GiveUp
from indexer.replay import read
from programs.keys import signature_b58
from tests.helpers.events import signature


def _frame(name: str, slot: int) -> dict[str, Any]:
    value = {"signature": signature_b58(signature(name)), "err": None, "logs": ["Program log: x"]}
    result = {"context": {"slot": slot}, "value": value}
    return {
        "jsonrpc": "2.0",
        "method": "logsNotification",
        "params": {"result": result, "subscription": 1},
    }


def _transaction(name: str, slot: int) -> dict[str, Any]:
    return {
        "slot": slot,
        "blockTime": 5,
        "meta": {"err": None, "logMessages": [], "innerInstructions": []},
        "transaction": {
            "signatures": [signature_b58(signature(name))],
            "message": {"accountKeys": [], "instructions": []},
        },
    }


def _slots(tmp_path: Path, text: str) -> list[int]:
    file = tmp_path / "recorded"
    file.write_text(text)
    return [update.slot for update in read(file)]


def test_one_value_or_a_list_or_lines(tmp_path: Path) -> None:
    """A single frame, a JSON array and JSON lines are all understood, in their order."""
    frames = [_frame("a", 1), _frame("b", 2)]
    assert _slots(tmp_path, json.dumps(frames[0], indent=1)) == [1]
    assert _slots(tmp_path, json.dumps(frames)) == [1, 2]
    assert _slots(tmp_path, "\n\n".join(json.dumps(frame) for frame in frames)) == [1, 2]


def test_transactions_with_and_without_their_envelope(tmp_path: Path) -> None:
    """A getTransaction answer and its bare result are the same update."""
    bare, whole = _transaction("a", 1), {"jsonrpc": "2.0", "result": _transaction("b", 2), "id": 1}
    assert _slots(tmp_path, json.dumps([bare, whole])) == [1, 2]


@pytest.mark.parametrize(
    "text",
    ["not json", '{"a": 1}', "[1]", json.dumps({"method": "logsNotification", "params": {}})],
)
def test_anything_else_is_named(tmp_path: Path, text: str) -> None:
    """What is no recording is refused with the file's name and the place in it."""
    with pytest.raises(GiveUp, match="recorded"):
        _slots(tmp_path, text)


def test_a_transaction_without_a_slot_is_refused(tmp_path: Path) -> None:
    """Without its slot an event has no identity: it is not guessed."""
    transaction = _transaction("a", 1)
    del transaction["slot"]
    with pytest.raises(GiveUp, match="no slot"):
        _slots(tmp_path, json.dumps(transaction))
