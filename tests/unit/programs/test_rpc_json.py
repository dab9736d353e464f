"""What nodes send, in every shape, and what is none of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from common.errors import NodeError
from programs.keys import b58, bytes_of_base58
from programs.rpc_json import parse_notification, parse_transaction
from tests.helpers.chain import ROUTER, TOKEN, MadeUp, Runs, base58, key


def notification(**value: Any) -> dict[str, Any]:
    """A frame as a node sends it."""
    stated = {"signature": "sig", "err": None, "logs": []} | value
    result = {"context": {"slot": 7}, "value": stated}
    params = {"result": result, "subscription": 24}
    return {"jsonrpc": "2.0", "method": "logsNotification", "params": params}


def test_a_notification_is_read() -> None:
    """Slot, signature, error, lines and subscription, whatever else is in the frame."""
    frame = notification(logs=["a", 'b","c'], extra={"more": [1]})
    found = parse_notification(json.dumps(frame))
    assert found is not None
    assert (found.slot, found.signature, found.err, found.subscription) == (7, "sig", None, 24)
    assert found.logs == ["a", 'b","c']
    failed = parse_notification(json.dumps(notification(err={"InstructionError": [1, "X"]})))
    assert failed is not None
    assert failed.err is not None


@pytest.mark.parametrize("logs", [None, [], "text", [1, 2], {"a": 1}])
def test_logs_that_are_not_lines_are_no_lines(logs: Any) -> None:
    """A node that sends null or rubbish for the logs gives an empty list, not an error."""
    found = parse_notification(json.dumps(notification(logs=logs)))
    assert found is not None
    assert found.logs == []


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "{",
        "[]",
        "null",
        '{"jsonrpc":"2.0","result":24040,"id":1}',
        '{"method":"slotNotification","params":{"result":{"slot":1},"subscription":1}}',
        '{"method":"logsNotification"}',
        '{"method":"logsNotification","params":{"result":{},"subscription":1}}',
        b"\xff\xfe",
        "[" * 100_000,
    ],
)
def test_other_frames_are_none(frame: str | bytes) -> None:
    """Acknowledgements, other notifications and broken frames are not log notifications."""
    assert parse_notification(frame) is None


def made(**how: Any) -> dict[str, Any]:
    """A transaction with a nested call."""
    inner = Runs(TOKEN, accounts=(key("a"), key("b")), data=b"\0\1\2")
    return MadeUp([Runs(ROUTER, [inner], accounts=(key("c"),), data=b"top")]).json(**how)


@pytest.mark.parametrize("version", ["legacy", 0, 1])
@pytest.mark.parametrize("loaded", [0, 2])
def test_instructions_in_the_order_they_ran(version: int | str, loaded: int) -> None:
    """Keys resolve through lookup tables, inner instructions follow their outer one."""
    tx = parse_transaction(made(version=version, loaded=loaded))
    assert tx.version == version
    assert [(call.program, call.path, call.height) for call in tx.calls] == [
        (ROUTER, "0", 1),
        (TOKEN, "0.0", 2),
    ]
    assert tx.calls[1].accounts == (key("a"), key("b"))
    assert bytes_of_base58(tx.calls[1].data) == b"\0\1\2"
    assert (tx.slot, tx.block_time, len(tx.account_keys)) == (7, 1_790_000_000, 5)


def test_the_whole_response_and_its_text_are_taken_too() -> None:
    """A response, its result, and the JSON text of either are the same transaction."""
    result = made()
    response = {"jsonrpc": "2.0", "id": 1, "result": result}
    assert parse_transaction(response) == parse_transaction(result)
    assert parse_transaction(json.dumps(response)) == parse_transaction(json.dumps(result).encode())


def test_parsed_keys_name_loaded_ones_themselves() -> None:
    """With encoding jsonParsed, keys are objects and those from lookup tables are among them."""
    result = made()
    message = result["transaction"]["message"]
    names = message["accountKeys"]
    message["accountKeys"] = [{"pubkey": one, "source": "transaction"} for one in names[:3]]
    message["accountKeys"] += [{"pubkey": one, "source": "lookupTable"} for one in names[3:]]
    result["meta"]["loadedAddresses"] = {"writable": names[3:], "readonly": []}
    assert len(parse_transaction(result).account_keys) == len(names)


def test_instructions_that_name_their_accounts() -> None:
    """Partially decoded instructions give keys in place of indexes; parsed ones give no data."""
    result = made()
    result["transaction"]["message"]["instructions"] = [
        {"programId": b58(ROUTER), "accounts": [b58(key("c"))], "data": base58(b"top")}
    ]
    result["meta"]["innerInstructions"] = [
        {"index": 0, "instructions": [{"programId": b58(TOKEN), "parsed": {"type": "transfer"}}]}
    ]
    calls = parse_transaction(result).calls
    assert [(call.program, call.data) for call in calls] == [(ROUTER, base58(b"top")), (TOKEN, "")]


BROKEN: list[tuple[str, Any]] = [
    ("null", None),
    ("a list", []),
    ("no meta", {"transaction": {}}),
    ("an error", {"error": {"code": -32015}, "result": None}),
    ("text", "hello"),
    ("an index beyond the keys", {"accountKeys": []}),
    ("a key that is none", {"accountKeys": ["0OIl"]}),
    ("instructions that are none", {"instructions": [1]}),
    ("an instruction without a program", {"instructions": [{"accounts": []}]}),
]


@pytest.mark.parametrize(("why", "change"), BROKEN)
def test_what_is_no_transaction_is_said(why: str, change: Any) -> None:
    """A wrong shape is the node's error, with what to ask for, never a traceback of ours."""
    body = change
    if isinstance(change, dict) and not {"transaction", "error"} & set(change):
        body = made()
        body["transaction"]["message"] |= change
    with pytest.raises(NodeError, match="not a transaction") as error:
        parse_transaction(body)
    assert "maxSupportedTransactionVersion" in error.value.hint, why


def test_base58_of_any_length() -> None:
    """Leading zeros are kept; other characters and endless texts are refused."""
    for raw in (b"", b"\0", b"\0\0a", bytes(range(256)), b"\xff" * 500):
        assert bytes_of_base58(base58(raw)) == raw
    assert bytes_of_base58("0OIl") is None
    assert bytes_of_base58("1" * 20_000) is None
