"""What nodes send, as JSON: log notifications and transactions, typed and checked.

Notifications are the hot path (msgspec, typed). Transactions come in many shapes: legacy, version 0
with loaded addresses and version 1; encoding "json" or "jsonParsed"; alone, as `result` of a
call, or out of a block. All become one `Transaction`.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from common.errors import NodeError
from programs.instructions import RawCall
from programs.keys import key_of


class LogsNotification(msgspec.Struct, frozen=True, gc=False):
    """One notification of logsSubscribe. `err` is None where the transaction succeeded."""

    slot: int
    signature: str
    err: object | None
    raw_logs: msgspec.Raw
    """JSON of the lines as the node sent it: what `decode_notification` reads."""
    subscription: int

    @property
    def logs(self) -> list[str]:
        """The lines, decoded at each call; empty where the node sent none."""
        try:
            return _decode_lines(self.raw_logs) or []
        except (msgspec.DecodeError, UnicodeError):
            return []


_decode_lines = msgspec.json.Decoder(list[str] | None).decode


class _Context(msgspec.Struct, gc=False):
    slot: int


class _Value(msgspec.Struct, gc=False):
    signature: str
    logs: msgspec.Raw
    err: object | None = None


class _Result(msgspec.Struct, gc=False):
    context: _Context
    value: _Value


class _Params(msgspec.Struct, gc=False):
    result: _Result
    subscription: int


class _Frame(msgspec.Struct, gc=False):
    method: Literal["logsNotification"]
    params: _Params


_decode_frame = msgspec.json.Decoder(_Frame).decode


def parse_notification(raw: bytes | str) -> LogsNotification | None:
    """A frame of a PubSub socket; None if it is not a logs notification (or not JSON at all)."""
    try:
        params = _decode_frame(raw).params
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    result = params.result
    value = result.value
    return LogsNotification(
        result.context.slot, value.signature, value.err, value.logs, params.subscription
    )


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction with its traces."""

    signature: str
    slot: int | None
    block_time: int | None
    err: object | None
    logs: tuple[str, ...]
    account_keys: tuple[bytes, ...]
    """Static keys, then loaded writable, then loaded read-only ones."""
    calls: tuple[RawCall, ...]
    """Every instruction, top-level and nested, in the order they ran."""
    has_inner: bool
    """Whether the node recorded inner instructions at all."""
    has_logs: bool
    """Whether it recorded logs."""
    version: int | str | None = None
    tx_index: int | None = None
    """Index in the block, where the node says it."""


UNREADABLE = (
    msgspec.DecodeError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)
"""What JSON of another shape than expected leads to."""


def parse_transaction(result: bytes | str | dict[str, Any]) -> Transaction:
    """A transaction from `getTransaction`: the whole response or its `result`, or a block's item.

    Raises NodeError where the shape is not that of a transaction.
    """
    try:
        body = msgspec.json.decode(result) if isinstance(result, bytes | str) else result
        if isinstance(body, dict) and "meta" not in body and "result" in body:
            body = body["result"]
        if not isinstance(body, dict) or not isinstance(body.get("meta"), dict):
            raise ValueError("it has no meta")
        return _transaction(body)
    except UNREADABLE as e:
        raise NodeError(
            f"not a transaction: {type(e).__name__}: {e}",
            hint="Ask for encoding json and maxSupportedTransactionVersion 1",
        ) from None


def _transaction(body: dict[str, Any]) -> Transaction:
    meta: dict[str, Any] = body["meta"]
    whole = body.get("transaction") or {}
    message = whole.get("message") or {}
    signatures = whole.get("signatures") or [body.get("signature") or ""]
    keys = _account_keys(message.get("accountKeys") or [], meta.get("loadedAddresses") or {})
    inner = meta.get("innerInstructions")
    if inner and not keys and _has_indexes(inner):
        inner = None  # a recording of `meta` alone: nobody can say which programs these were
    logs = meta.get("logMessages") or []
    if not isinstance(logs, list) or not all(isinstance(line, str) for line in logs):
        raise ValueError("logMessages is not a list of lines")
    return Transaction(
        signature=str(signatures[0]),
        slot=_whole(body.get("slot")),
        block_time=_whole(body.get("blockTime")),
        err=meta.get("err"),
        logs=tuple(logs),
        account_keys=keys,
        calls=_calls(message.get("instructions") or [], inner or [], keys),
        has_inner=inner is not None,
        has_logs=bool(logs),
        version=body.get("version"),
        tx_index=_whole(body.get("transactionIndex")),
    )


def _has_indexes(inner: list[dict[str, Any]]) -> bool:
    return any("programIdIndex" in one for group in inner for one in group["instructions"])


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _account_keys(static: list[Any], loaded: dict[str, Any]) -> tuple[bytes, ...]:
    """All keys. "jsonParsed" lists loaded ones among the static: then they are not added again."""
    keys = [key_of(key["pubkey"] if isinstance(key, dict) else key) for key in static]
    if any(isinstance(key, dict) and key.get("source") == "lookupTable" for key in static):
        return tuple(keys)
    for side in ("writable", "readonly"):
        keys += [key_of(key) for key in loaded.get(side) or []]
    return tuple(keys)


def _calls(
    top: list[dict[str, Any]], inner: list[dict[str, Any]], keys: tuple[bytes, ...]
) -> tuple[RawCall, ...]:
    """In execution order: each top-level instruction, then what it invoked, depth first."""
    groups: dict[int, list[dict[str, Any]]] = {}
    for group in inner:
        groups.setdefault(int(group["index"]), []).extend(group["instructions"])
    calls: list[RawCall] = []
    for outer, instruction in enumerate(top):
        calls.append(_call(instruction, keys, outer, None))
        calls += _nested(groups.pop(outer, []), keys, outer)
    for outer, group_calls in sorted(groups.items()):  # a recording that kept only a part
        calls += _nested(group_calls, keys, outer)
    return tuple(calls)


def _nested(group: list[dict[str, Any]], keys: tuple[bytes, ...], outer: int) -> list[RawCall]:
    return [_call(instruction, keys, outer, index) for index, instruction in enumerate(group)]


def _call(
    instruction: dict[str, Any], keys: tuple[bytes, ...], outer: int, inner: int | None
) -> RawCall:
    program = instruction.get("programId")
    accounts = instruction.get("accounts") or []
    height = instruction.get("stackHeight")
    return RawCall(
        program=_key(instruction["programIdIndex"] if program is None else program, keys),
        accounts=tuple(_key(account, keys) for account in accounts),
        data=str(instruction.get("data") or ""),
        outer=outer,
        inner=inner,
        height=1 if inner is None else (height if isinstance(height, int) else None),
    )


def _key(reference: object, keys: tuple[bytes, ...]) -> bytes:
    """A key by index or by name."""
    if isinstance(reference, str):
        return key_of(reference)
    if isinstance(reference, int) and 0 <= reference < len(keys):
        return keys[reference]
    raise ValueError(f"account {reference!r} is not among the {len(keys)} of the transaction")
