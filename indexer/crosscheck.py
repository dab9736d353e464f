"""Two endpoints compared: what one lists of a program's final slots and the other leaves out.

The sweep believes one node's lists. Whoever has two and does not trust either lets them be compared
every few seconds. Only slots that are final for both, and were so for a while, are compared: by
then nodes that index with delay have caught up, so what is missing is left out. It is counted by
endpoint; what is not stored is fetched from the endpoint that lists it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import msgspec
import structlog

from common import metrics
from common.errors import NodeRefused, TryAgain
from indexer.backoff import Backoff
from indexer.delivered import Key
from indexer.endpoints import Endpoint, Endpoints
from indexer.fetching import fetch
from indexer.pace import Priority
from indexer.resolving import Stored
from indexer.rpc import PAGE, Node, SignatureInfo
from indexer.updates import Intake, Update

_SETTLED_SLOTS = 32
_MOST_PAGES = 10
"""Of each list in one comparison; what is older than they reach is passed over, and said so."""
_MOST_FETCHED = 200

_log = structlog.get_logger(__name__)


class Listed(msgspec.Struct, frozen=True):
    """What an endpoint lists of some slots. `first` is higher than asked for if pages ran out."""

    first: int
    infos: Mapping[Key, SignatureInfo]


class CrossCheck:
    """Compares the endpoint in use with each other one in turn. `run` is a source of updates."""

    def __init__(
        self,
        endpoints: Endpoints,
        addresses: Mapping[str, str],
        stored: Stored,
        every_s: float,
    ) -> None:
        self._endpoints = endpoints
        self._addresses = addresses
        self._stored = stored
        self._every_s = every_s
        self._compared_to: dict[str, int] = {}
        self._turn = 0

    async def run(self, intake: Intake) -> None:
        """For ever; returns at once if it is off or there is but one endpoint. Raises GiveUp."""
        backoff = Backoff("cross_check")
        while self._every_s and not self._endpoints.is_alone:
            try:
                await self._look(intake)
            except (TryAgain, NodeRefused) as error:  # the other endpoint is not needed to index
                await backoff.failed(error)
                continue
            backoff.succeeded()
            await asyncio.sleep(self._every_s)

    async def _look(self, intake: Intake) -> None:
        preferred, *others = self._endpoints.candidates
        if not others:
            return
        self._turn += 1
        pair = (preferred, others[self._turn % len(others)])
        final = await asyncio.gather(*(one.node.finalized_slot() for one in pair))
        last = min(final) - _SETTLED_SLOTS
        for program, address in self._addresses.items():
            first = self._compared_to.get(program, last) + 1
            if first <= last:
                await self._compare(program, address, pair, range(first, last + 1), intake)
            self._compared_to[program] = max(last, first - 1)

    async def _compare(
        self,
        program: str,
        address: str,
        pair: Sequence[Endpoint],
        slots: range,
        intake: Intake,
    ) -> None:
        lists = await asyncio.gather(*(_listed(one.node, address, slots) for one in pair))
        first = max(found.first for found in lists)
        metrics.CROSS_CHECK_SLOTS.labels(program, "compared").inc(slots.stop - first)
        metrics.CROSS_CHECK_SLOTS.labels(program, "passed_over").inc(first - slots.start)
        one, other = ({key for key in found.infos if key[1] >= first} for found in lists)
        await self._take(pair[0], other - one, lists[1], pair[1].node, intake)
        await self._take(pair[1], one - other, lists[0], pair[0].node, intake)

    async def _take(
        self, omitter: Endpoint, omitted: set[Key], found: Listed, node: Node, intake: Intake
    ) -> None:
        """Count what an endpoint left out, and have what is not stored from the other."""
        metrics.ENDPOINT_OMITTED.labels(omitter.number).inc(len(omitted))
        if not omitted:
            return
        stored = await self._stored(omitted)
        succeeded = [key for key in omitted - stored if found.infos[key].err is None]
        lost = sorted(succeeded, key=lambda key: key[1])[:_MOST_FETCHED]
        _log.warning(
            "endpoint_omits", endpoint=omitter.number, transactions=len(omitted), lost=len(lost)
        )
        for key in lost:
            update = await _fetched(node, found.infos[key])
            if update is not None:
                await intake.put(update)
                metrics.CROSS_CHECK_FETCHED.inc()


async def _fetched(node: Node, info: SignatureInfo) -> Update | None:
    try:
        return await fetch(node, info, Priority.GAP)
    except TryAgain as error:
        _log.warning("transaction_missing", signature=info.signature, reason=str(error))
        return None


async def _listed(node: Node, address: str, slots: range) -> Listed:
    """Raises NodeError."""
    infos: dict[Key, SignatureInfo] = {}
    before = None
    for _ in range(_MOST_PAGES):
        page = await node.signatures(address, before, priority=Priority.HISTORY)
        infos |= {(info.signature, info.slot): info for info in page if info.slot in slots}
        if len(page) < PAGE or page[-1].slot < slots.start:
            return Listed(slots.start, infos)
        before = page[-1].signature
    # The last page may end in the middle of a slot.
    return Listed(min(page[-1].slot + 1, slots.stop), infos)
