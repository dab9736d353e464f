"""Every signature that names a program in a range of slots, and when to believe it.

getSignaturesForAddress is paged by `before` and stopped by slot, never by `until`: an unknown
`until` gives the newest page instead of an error. Inside a slot it lists in reverse block order.
A page may be short or empty although there is more (field reports: "results disappear"), so a list
is believed only if it reaches below the range, or a signature that is known to be there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial
from itertools import groupby

import msgspec

from common.errors import NodeError
from indexer.backoff import retry
from indexer.delivered import Key
from indexer.pace import Priority
from indexer.rpc import Node, SignatureInfo

_KEPT_PAGES = 8
"""Pages held in memory; those of a longer history are read a second time, oldest first."""
_PAUSE_S = 0.1
_EMPTY_READS = 3
"""Times an empty page has to be read before it is believed where nothing is known to be there."""


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """What to list: slots `first` to `last`, both included. `anchor`: a signature known to be
    listed at or below `last`; None: none is known.
    """

    address: str
    first: int
    last: int
    anchor: Key | None
    priority: Priority = Priority.LIVE


class AnchorMissing(NodeError):
    """A list lacks what is known to be there: it is not whole, or a fork took it away."""


class ListEnded(AnchorMissing):
    """A list ends before what is known to be there: hardly ever the chain's doing."""


class _Page(msgspec.Struct):
    before: str | None
    oldest: str
    infos: list[SignatureInfo] | None


async def listed(node: Node, span: Span) -> AsyncIterator[list[SignatureInfo]]:
    """Signatures of the span, oldest first, in parts that hold whole slots. Each has its place in
    the block: the node's, or where no node says it the place among the program's own in the slot.

    Raises NodeError: the node failed, or its list cannot be believed.
    """
    pages = await _pages(node, span)
    waiting: list[SignatureInfo] = []
    while pages:
        page = pages.pop()
        infos = page.infos if page.infos is not None else await _again(node, span, page)
        waiting += [info for info in reversed(infos) if span.first <= info.slot <= span.last]
        # The newest slot may go on in the next page.
        open_slot = waiting[-1].slot if waiting and pages else None
        part = [info for info in waiting if info.slot != open_slot]
        waiting = [info for info in waiting if info.slot == open_slot]
        if part:
            yield placed(part)


async def _pages(node: Node, span: Span) -> list[_Page]:
    """Newest first, down to below the span, or to the beginning of the history."""
    pages: list[_Page] = []
    before, is_anchored = None, span.anchor is None or span.anchor[1] < span.first
    while True:
        infos = await _page(node, span, before)
        is_anchored = is_anchored or any((i.signature, i.slot) == span.anchor for i in infos)
        if not infos:
            await _check_end(node, span, before, is_anchored=is_anchored)
            return pages
        pages.append(_Page(before, infos[-1].signature, infos))
        if len(pages) > _KEPT_PAGES:
            pages[-_KEPT_PAGES - 1].infos = None
        if infos[-1].slot < span.first:
            if not is_anchored:
                raise AnchorMissing("the node's list lacks a signature that was in it")
            return pages
        before = infos[-1].signature


async def _check_end(node: Node, span: Span, before: str | None, *, is_anchored: bool) -> None:
    if not is_anchored or (span.anchor is not None and span.anchor[1] < span.first):
        raise ListEnded("the node's list ends before a signature that was in it")
    if span.anchor is not None:
        return
    for _ in range(_EMPTY_READS - 1):
        await asyncio.sleep(_PAUSE_S)
        if await _page(node, span, before):
            raise NodeError("the node's list ended, and then it did not")


async def _page(node: Node, span: Span, before: str | None) -> list[SignatureInfo]:
    """One page, asked for a few times. Pages after the first need no newest slot."""
    least_slot = span.last if before is None else None
    return await retry(
        partial(
            node.signatures, span.address, before, least_slot=least_slot, priority=span.priority
        )
    )


async def _again(node: Node, span: Span, page: _Page) -> list[SignatureInfo]:
    """A page that was read and not kept; it has grown at most at its newer end."""
    infos = await _page(node, span, page.before)
    for place, info in enumerate(infos):
        if info.signature == page.oldest:
            return infos[: place + 1]
    raise NodeError("the node's list changed while it was read")


def placed(infos: Sequence[SignatureInfo]) -> list[SignatureInfo]:
    """Whole slots of a list, each signature with its place. Raises NodeError where some lack it."""
    result: list[SignatureInfo] = []
    for slot, group in groupby(infos, key=lambda info: info.slot):
        of_slot = list(group)
        unknown = sum(info.transaction_index is None for info in of_slot)
        if unknown == len(of_slot):
            result += [
                msgspec.structs.replace(info, transaction_index=place)
                for place, info in enumerate(of_slot)
            ]
        elif unknown:
            raise NodeError("the node's list is not whole", slot=slot)
        else:
            result += of_slot
    return result
