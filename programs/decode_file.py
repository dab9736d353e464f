"""Recorded material of any shape to plain events: what `./run decode` prints. Pure.

Shapes: a `getTransaction` or `getBlock` response or its result, bare `{"meta": …}`, a log
notification or its value, an enriched transaction with nested instructions, a collection of event
bytes in hexadecimal, one instruction or account (in which nothing has happened: no events).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

import msgspec

from common.errors import CurvefeedError, GiveUp, NodeError
from programs.decode import Decoded, decode_logs, decode_payload, decode_transaction
from programs.events import NATIVE_SOL, AnyEvent, Completed, Created, Migrated, Traded
from programs.instructions import RawCall
from programs.keys import b58, key_of
from programs.program import EVENT_CPI, Program
from programs.registry import PROGRAMS, program_set
from programs.rpc_json import UNREADABLE, Transaction, parse_transaction

_SET = program_set(PROGRAMS.values())
_HINT = (
    "Give a getTransaction response (encoding json, maxSupportedTransactionVersion 1), "
    "a logsNotification, or event bytes under cpi_data_hex"
)


def decode_file(path_text: str, content: bytes) -> dict[str, Any]:
    """`{"file", "signature", "events", "needs_transaction", "is_truncated"}` of one recording.

    Raises GiveUp, naming the file, where the content is none of the known shapes.
    """
    try:
        body = msgspec.json.decode(content)
    except UNREADABLE as error:
        raise GiveUp("not JSON", hint=_HINT, file=path_text, reason=str(error)) from None
    try:
        found = _decode_body(body, path_text)
    except (CurvefeedError, *UNREADABLE) as error:
        reason = error.message if isinstance(error, CurvefeedError) else repr(error)
        raise GiveUp("not a recording", hint=_HINT, file=path_text, reason=reason) from None
    return {"file": path_text, **found}


def _decode_body(body: Any, path_text: str) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise ValueError("it is not an object")
    if body.get("method") == "logsNotification":
        return _logs(body["params"]["result"]["value"])
    if "meta" not in body and isinstance(body.get("result"), dict):
        return _decode_body(body["result"], path_text)
    if "meta" in body:
        tx = parse_transaction(body)
        return _found(tx.signature or None, decode_transaction(tx, _SET))
    value = body.get("value", body)
    if "logs" in value:
        return _logs(value)
    if isinstance(body.get("instructions"), list):
        return _found(body.get("signature"), decode_transaction(_enriched(body), _SET))
    if isinstance(body.get("transactions"), list):
        return _block([_decode_body(one, path_text) for one in body["transactions"]])
    if isinstance(body.get("events"), list):
        return _event_bytes(body["events"], path_text)
    if "data" in body and ("program_id" in body or "owner" in body):
        return _found(None, Decoded())
    raise ValueError(f"its keys are {', '.join(map(str, list(body)[:8]))}")


def _found(signature: str | None, decoded: Decoded) -> dict[str, Any]:
    found: dict[str, Any] = {
        "signature": signature,
        "events": _printed(decoded.events),
        "needs_transaction": decoded.needs_transaction,
        "is_truncated": decoded.is_truncated,
    }
    if decoded.undecoded:
        found["undecoded"] = [
            {"program": one.program, "path": one.path, "reason": one.reason}
            for one in decoded.undecoded
        ]
    return found


def _printed(events: Sequence[AnyEvent]) -> list[dict[str, Any]]:
    """Events as the chain has them: a completion without one of its own is told by its trade."""
    printed: list[dict[str, Any]] = []
    for event in events:
        if isinstance(event, Completed) and event.is_implied:
            printed[-1]["completes_curve"] = True
        else:
            printed.append(event_fields(event))
    return printed


def _block(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Several transactions: each event bears the signature of its own."""
    return {
        "signature": None,
        "events": [
            {**event, "signature": one["signature"]} for one in found for event in one["events"]
        ],
        "needs_transaction": any(one["needs_transaction"] for one in found),
        "is_truncated": any(one["is_truncated"] for one in found),
    }


def _logs(value: dict[str, Any]) -> dict[str, Any]:
    logs = value["logs"]
    if not isinstance(logs, list) or not all(isinstance(line, str) for line in logs):
        raise ValueError("logs is not a list of lines")
    return _found(value.get("signature"), decode_logs(logs, value.get("err"), _SET))


def _enriched(body: dict[str, Any]) -> Transaction:
    """A transaction whose instructions name programs and accounts and nest their inner ones."""
    calls: list[RawCall] = []
    for outer, instruction in enumerate(body["instructions"]):
        calls.append(_named_call(instruction, outer, None))
        for inner, nested in enumerate(instruction.get("innerInstructions") or []):
            calls.append(_named_call(nested, outer, inner))
    return Transaction(
        signature=str(body.get("signature") or ""),
        slot=None,
        block_time=None,
        err=body.get("transactionError"),
        logs=(),
        account_keys=(),
        calls=tuple(calls),
        has_inner=True,
        has_logs=False,
    )


def _named_call(instruction: dict[str, Any], outer: int, inner: int | None) -> RawCall:
    return RawCall(
        program=key_of(instruction["programId"]),
        accounts=tuple(key_of(account) for account in instruction.get("accounts") or []),
        data=str(instruction.get("data") or ""),
        outer=outer,
        inner=inner,
        height=1 if inner is None else None,
    )


# --- event bytes alone


def _event_bytes(entries: Sequence[dict[str, Any]], path_text: str) -> dict[str, Any]:
    """A collection: each event bears its signature where it has one of its own."""
    events: list[dict[str, Any]] = []
    for entry in entries:
        payload = bytes.fromhex(entry["cpi_data_hex"]).removeprefix(EVENT_CPI)
        program = _program_of(payload, entry, path_text)
        decoded = decode_payload(program, payload)
        if decoded.undecoded:
            raise NodeError(decoded.undecoded[0].reason, program=program.name)
        signature = entry.get("signature")
        events += [{**fields, "signature": signature} for fields in _printed(decoded.events)]
    signatures = {entry.get("signature") for entry in entries}
    signature = signatures.pop() if len(signatures) == 1 else None
    return {
        "signature": signature,
        "events": events,
        "needs_transaction": False,
        "is_truncated": False,
    }


def _program_of(payload: bytes, entry: dict[str, Any], path_text: str) -> Program:
    """Whose bytes these are: as the entry or the path says, else the only one that they fit.

    Several launchpads share discriminators, so the first eight bytes alone don't tell.
    """
    knowing = [program for program in PROGRAMS.values() if payload[:8] in program.events]
    stated = {str(entry.get(name)) for name in ("program", "program_id", "programId")}
    for program in knowing:
        if stated & {program.name, program.address}:
            return program
    parts = set(PurePath(path_text).parts)
    named = [program for program in knowing if program.name in parts]
    fitting = [program for program in knowing if _fits(program, payload)]
    for candidates in (named, knowing, fitting):
        if len(candidates) == 1:
            return candidates[0]
    raise ValueError(f"event {payload[:8].hex()} may be of {[program.name for program in knowing]}")


def _fits(program: Program, payload: bytes) -> bool:
    events = decode_payload(program, payload).events
    return bool(events) and events[0].extra_bytes == 0


# --- plain fields


def event_fields(event: AnyEvent) -> dict[str, Any]:
    """An event with keys in base58 and integers as integers; native SOL as quote is "SOL"."""
    fields: dict[str, Any] = {
        "program": event.program,
        "kind": _kind(event),
        "ordinal": event.ordinal,
        "mint": _key(event.mint),
        "wallet": _key(event.wallet),
        "pool": _key(event.pool),
        "quote_mint": _quote(event.quote_mint),
        "timestamp": event.timestamp,
        "extra_bytes": event.extra_bytes,
    }
    match event:
        case Traded():
            return fields | _traded(event)
        case Created():
            return fields | _created(event)
        case Migrated():
            return fields | {
                "base_amount": event.base_amount,
                "quote_amount": event.quote_amount,
                "fee": event.fee,
                "curve": _key(event.curve),
            }
        case Completed():
            return fields


def _kind(event: AnyEvent) -> str:
    match event:
        case Traded():
            return "buy" if event.is_buy else "sell"
        case Created():
            return "create"
        case Completed():
            return "complete"
        case Migrated():
            return "migrate"


def _key(key: bytes | None) -> str | None:
    return None if key is None else b58(key)


def _quote(mint: bytes | None) -> str | None:
    return "SOL" if mint == NATIVE_SOL else _key(mint)


def _traded(event: Traded) -> dict[str, Any]:
    return {
        "base_amount": event.base_amount,
        "quote_amount": event.quote_amount,
        "user_quote_amount": event.user_quote_amount,
        "fees": event.fees,
        "reserves": event.reserves,
        "progress_bps": event.progress_bps,
        "flags": list(event.flags),
    }


def _created(event: Created) -> dict[str, Any]:
    return {
        "creator": _key(event.creator),
        "name": event.name,
        "symbol": event.symbol,
        "uri": event.uri,
        "token_program": _key(event.token_program),
        "supply": event.supply,
        "flags": list(event.flags),
    }
