"""History by signature: which transactions named a program, and all of each.

getSignaturesForAddress is paged by `before` and stopped by slot, never by `until`: an unknown
`until` gives the newest page instead of an error. Inside a slot it lists in reverse block order.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from functools import partial
from itertools import groupby

import structlog

from common.errors import NodeError
from indexer.backoff import Backoff, insist
from indexer.rpc import Node, SignatureInfo
from indexer.updates import Update
from programs.rpc_json import parse_transaction

_PREFETCH = 32
_PATIENCE_S = 30.0
"""A node lists a signature before it can give the transaction; after this long it never will."""
_POLL_S = 0.25

_log = structlog.get_logger(__name__)


async def listed(node: Node, address: str, from_slot: int) -> list[SignatureInfo]:
    """Signatures that name `address`, from `from_slot` on, oldest first."""
    backoff = Backoff("history")
    found: list[SignatureInfo] = []
    before: str | None = None
    while True:
        page = await insist(backoff, partial(node.signatures, address, before))
        found += [info for info in page if info.slot >= from_slot]
        if not page or page[-1].slot < from_slot:
            return found[::-1]
        before = page[-1].signature


def merged(lists: Iterable[Sequence[SignatureInfo]]) -> list[SignatureInfo]:
    """Several programs' lists, each oldest first, as one by slot, each transaction once.

    Inside a slot a list's order is kept; where two lists share a transaction they are aligned at
    it.
    """
    by_slot: dict[int, list[SignatureInfo]] = {}
    for one in lists:
        for slot, group in groupby(one, key=lambda info: info.slot):
            by_slot[slot] = _aligned(by_slot.get(slot, []), list(group))
    return [info for slot in sorted(by_slot) for info in by_slot[slot]]


def _aligned(first: list[SignatureInfo], second: list[SignatureInfo]) -> list[SignatureInfo]:
    places = {info.signature: place for place, info in enumerate(first)}
    result: list[SignatureInfo] = []
    taken = 0
    for info in second:
        place = places.get(info.signature)
        if place is None:
            result.append(info)
        elif place >= taken:
            result += first[taken : place + 1]
            taken = place + 1
    return result + first[taken:]


async def fetched(node: Node, infos: Iterable[SignatureInfo]) -> AsyncIterator[Update]:
    """The transactions of these signatures, in their order, several calls under way at once.

    Failed ones are not fetched: they have no events.
    """
    window: deque[asyncio.Task[Update]] = deque()
    try:
        for info in infos:
            window.append(asyncio.create_task(fetch(node, info)))
            if len(window) >= _PREFETCH:
                yield await window.popleft()
        while window:
            yield await window.popleft()
    finally:
        for task in window:
            task.cancel()
        await asyncio.gather(*window, return_exceptions=True)


async def fetch(node: Node, info: SignatureInfo) -> Update:
    """The transaction of one signature; without logs and transaction if the node never gives it."""
    bare = Update(
        signature=info.signature, slot=info.slot, err=info.err, block_time=info.block_time
    )
    if info.err is not None:
        return bare
    deadline = asyncio.get_running_loop().time() + _PATIENCE_S
    backoff = Backoff("transactions")
    while True:
        raw = await insist(backoff, partial(node.transaction, info.signature))
        if raw is not None:
            try:
                return _update(info, raw)
            except NodeError as error:
                _log.warning("unreadable_transaction", signature=info.signature, reason=str(error))
                return bare
        if asyncio.get_running_loop().time() > deadline:
            _log.warning("transaction_missing", signature=info.signature, slot=info.slot)
            return bare
        await asyncio.sleep(_POLL_S)


def _update(info: SignatureInfo, raw: bytes) -> Update:
    transaction = parse_transaction(raw)
    return Update(
        signature=info.signature,
        slot=info.slot if transaction.slot is None else transaction.slot,
        err=transaction.err,
        transaction=transaction,
        block_time=transaction.block_time or info.block_time,
    )
