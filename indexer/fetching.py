"""Whole transactions from a node, checked: half an answer must not pass for a small transaction."""

from __future__ import annotations

from typing import Any

import msgspec

from common.errors import NodeError
from indexer.pace import Priority
from indexer.rpc import Node, SignatureInfo
from indexer.updates import Update
from programs.rpc_json import parse_transaction

LENIENT_AFTER = 6
"""Attempts after which a recording without logs or inner calls is taken for all there is: nodes
have history from before they recorded them."""


async def fetch(
    node: Node,
    info: SignatureInfo,
    priority: Priority,
    *,
    is_lenient: bool = False,
    is_asked_of_all: bool = False,
) -> Update:
    """The transaction of a signature, asked for once; of every endpoint if one may be hiding it.

    Raises NodeError: the node failed, does not have it (field `absent`), or did not give all of it.
    """
    ask = node.transaction_of_any if is_asked_of_all else node.transaction
    raw = await ask(info.signature, priority=priority)
    if raw is None:
        raise NodeError("the node does not deliver it", absent=True)
    try:
        body = msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        raise NodeError("not a transaction", reason=str(error)) from None
    return update_of_body(info, body, is_lenient=is_lenient)


def update_of_body(info: SignatureInfo, body: Any, *, is_lenient: bool = False) -> Update:
    """The update of a transaction as a node prints it. Raises NodeError if it is not whole."""
    try:
        _check(info, body, is_lenient=is_lenient)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise NodeError(
            "the transaction is not whole", reason=f"{type(error).__name__} {error}"
        ) from None
    transaction = parse_transaction(body)
    place = info.transaction_index
    return Update(
        signature=info.signature,
        slot=info.slot,
        err=transaction.err,
        transaction=transaction,
        block_time=transaction.block_time or info.block_time,
        tx_index=transaction.tx_index if place is None else place,
    )


def _check(info: SignatureInfo, body: Any, *, is_lenient: bool) -> None:
    meta, message = body["meta"], body["transaction"]["message"]
    if body.get("slot", info.slot) != info.slot:
        raise NodeError("it landed in another slot", slot=body["slot"], absent=True)
    if body["transaction"]["signatures"][0] != info.signature:
        raise NodeError("the node delivered another transaction")
    if (meta["err"] is None) != (info.err is None) or _contradicts(meta):
        raise NodeError("the node contradicts itself on whether it failed")
    if info.err is not None:
        return
    keys = len(message["accountKeys"]) + sum(map(len, (meta.get("loadedAddresses") or {}).values()))
    if keys != len(meta["preBalances"]) or not message["instructions"]:
        raise NodeError("the transaction is not whole", keys=keys)
    for part in ("logMessages", "innerInstructions"):
        if not isinstance(meta[part], list) and not is_lenient:
            raise NodeError("the transaction is not whole", lacks=part)


def _contradicts(meta: dict[str, Any]) -> bool:
    """`status` says the same as `err`, where it is there: a lost `err` would make failure
    success.
    """
    status = meta.get("status")
    return isinstance(status, dict) and ("Ok" in status) != (meta["err"] is None)
