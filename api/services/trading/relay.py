"""Signed transactions on their way: checked, handed to a node, and asked after."""

from __future__ import annotations

import base64
import binascii

import msgspec
from solders.transaction import SanitizeError, VersionedTransaction

from api.services.trading.desk import TradingDesk
from api.services.trading.failures import refusal_of
from api.services.trading.node import RpcFailure, Status
from common.errors import TradeRefused

MAX_BYTES = 1_232
_PREFLIGHT, _BAD_SIGNATURE = -32002, -32003


class Standing(msgspec.Struct, frozen=True):
    """Where a transaction stands; `refused` says why it failed."""

    status: str
    slot: int | None = None
    refused: TradeRefused | None = None


async def submit(desk: TradingDesk, text: str) -> str:
    """Relay a signed transaction (base64) that trades; its signature. Raises TradeRefused.

    Handing in the same transaction again is no error.
    """
    transaction = _signed_trade(desk, text)
    signature = str(transaction.signatures[0])
    try:
        return await desk.node.send(text)
    except RpcFailure as failure:
        data = failure.data if isinstance(failure.data, dict) else {}
        err, logs = data.get("err"), data.get("logs")
        if err == "AlreadyProcessed":
            return signature
        if failure.code == _BAD_SIGNATURE:
            err = "SignatureFailure"
        if failure.code not in (_PREFLIGHT, _BAD_SIGNATURE):
            raise _invalid(f"the node does not take it: {failure.message[:200]}") from None
        raise refusal_of(err, logs or [], desk.launchpads) from None


def _signed_trade(desk: TradingDesk, text: str) -> VersionedTransaction:
    """Only trades, and only whole ones: this is no open relay."""
    try:
        raw = base64.b64decode(text, validate=True)
        if len(raw) > MAX_BYTES:
            raise _invalid(f"a transaction has at most {MAX_BYTES} bytes")
        transaction = VersionedTransaction.from_bytes(raw)
        transaction.sanitize()
    except (ValueError, binascii.Error, SanitizeError):
        raise _invalid("that is not a transaction in base64") from None
    if not all(transaction.verify_with_results()):
        raise _invalid("a signature is missing, or the transaction was changed after signing")
    message = transaction.message
    keys = message.account_keys
    called = {keys[each.program_id_index] for each in message.instructions}
    if not called & {launchpad.program for launchpad in desk.launchpads}:
        raise _invalid("no instruction of it trades on a launchpad we know")
    return transaction


def _invalid(message: str) -> TradeRefused:
    return TradeRefused("transaction_invalid", message, hint="Sign what /trading/transaction gave")


async def standing(desk: TradingDesk, signature: str, last_height: int | None) -> Standing:
    """Where a transaction stands. `last_height`: the block height its blockhash is good up to."""
    found = await desk.node.status(signature)
    if found is not None:
        return _landed(found, desk)
    if last_height is None or await desk.node.block_height() <= last_height:
        return Standing("unknown")
    # It may have landed between the two questions.
    found = await desk.node.status(signature)
    return Standing("expired") if found is None else _landed(found, desk)


def _landed(found: Status, desk: TradingDesk) -> Standing:
    if found.err is not None:
        return Standing("failed", found.slot, refusal_of(found.err, [], desk.launchpads))
    return Standing(found.confirmation_status or "processed", found.slot)
