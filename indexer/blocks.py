"""The same list as `listing`, out of whole blocks: for programs so busy that pages of signatures,
and a call for each transaction the subscription lost, would cost more.

That no block is left out is proved by the blocks themselves: each names its parent's slot.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import msgspec

from common.errors import NodeError
from indexer.backoff import retry
from indexer.delivered import Key
from indexer.fetching import update_of_body
from indexer.listing import Span
from indexer.rpc import Node, SignatureInfo
from indexer.updates import Update

_AT_ONCE = 16


class Part(msgspec.Struct, frozen=True):
    """Transactions of some blocks that name a program, in order, and up to where it is whole."""

    infos: list[SignatureInfo]
    updates: dict[Key, Update]
    """Those that succeeded."""
    to_slot: int


class _Block(msgspec.Struct):
    slot: int
    parent: int
    time: int | None
    transactions: list[dict[str, Any]]


class _Body(msgspec.Struct, rename="camel"):
    parent_slot: int
    transactions: list[dict[str, Any]]
    block_time: int | None = None


_decode = msgspec.json.Decoder(_Body).decode


async def in_blocks(node: Node, span: Span) -> AsyncIterator[Part]:
    """The span's transactions, oldest first. Raises NodeError: a block is not to be had, or some
    are left out.
    """
    before: int | None = None
    for first in range(span.first, span.last + 1, _AT_ONCE):
        last = min(first + _AT_ONCE - 1, span.last)
        blocks = await _blocks(node, first, last)
        for block in blocks:
            _check_parent(block, before, span)
            before = block.slot
        if last == span.last and before != last and await _is_skipped(node, last):
            before = last
        if before is not None:
            yield _part(blocks, span, before)


async def _blocks(node: Node, first: int, last: int) -> list[_Block]:
    slots = await retry(partial(node.block_slots, first, last))
    if slots != sorted(set(slots)) or any(not first <= slot <= last for slot in slots):
        raise NodeError("the node's list of blocks is none")
    return list(await asyncio.gather(*(_block(node, slot) for slot in slots)))


async def _block(node: Node, slot: int) -> _Block:
    raw = await retry(partial(node.block, slot))
    if raw is None:
        raise NodeError("the node lists a block and says it was skipped", slot=slot)
    try:
        body = _decode(raw)
    except msgspec.DecodeError as error:
        raise NodeError("not a block", slot=slot, reason=str(error)) from None
    return _Block(slot, body.parent_slot, body.block_time, body.transactions)


def _check_parent(block: _Block, before: int | None, span: Span) -> None:
    """Every slot between a block and its parent was skipped; a parent nobody listed was not."""
    is_next = block.parent == before if before is not None else block.parent < span.first
    if not is_next:
        raise NodeError("the node left out a block", slot=block.parent)


async def _is_skipped(node: Node, slot: int) -> bool:
    """The last slots have no child yet that could prove it: two reads have to say it. False: the
    block is not there yet. Raises NodeError if there is one.
    """
    for _ in range(2):
        try:
            raw = await retry(partial(node.block, slot))
        except NodeError:
            return False
        if raw is not None:
            raise NodeError("the node left out a block", slot=slot)
    return True


def _part(blocks: list[_Block], span: Span, to_slot: int) -> Part:
    part = Part([], {}, to_slot)
    for block in blocks:
        for index, body in enumerate(block.transactions):
            try:
                if not _names(body, span.address):
                    continue
                info = SignatureInfo(
                    body["transaction"]["signatures"][0], block.slot, body["meta"]["err"],
                    block.time, index,
                )  # fmt: skip
            except (KeyError, TypeError, IndexError) as error:
                raise NodeError("a block is not whole", slot=block.slot, lacks=error) from None
            part.infos.append(info)
            if info.err is None:
                part.updates[info.signature, info.slot] = update_of_body(info, body)
    return part


def _names(body: dict[str, Any], address: str) -> bool:
    loaded = body["meta"].get("loadedAddresses") or {}
    return any(
        address in keys
        for keys in (body["transaction"]["message"]["accountKeys"], *loaded.values())
    )
