"""The live source: subscribe first, fill from the checkpoint, then let the live stream flow.

What holds: everything of a slot at or below the node's slot at the time of the subscription is read
from history, everything above it is notified, and the live stream waits (in a bounded buffer, then
in the socket) until history is read. So updates leave in the order of their slots, and none is
missing unless the node itself omits it. The same after every reconnect.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress

import msgspec
import structlog

from common import metrics
from common.errors import TryAgain
from indexer.backoff import Backoff, insist
from indexer.catchup import fetched, listed, merged
from indexer.rpc import Node
from indexer.subscription import SlotNotice, Subscription, subscribed
from indexer.updates import Intake, Update, update_of

OVERLAP_SLOTS = 32
"""Re-read on purpose: slots are notified out of order, and a node indexes history with delay."""
_RECENT = 50_000
_HEARTBEAT_WAIT_S = 2.0
_POLL_S = 0.1

_log = structlog.get_logger(__name__)


class LiveConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where to listen, to what, and from where on."""

    ws_url: str
    addresses: Mapping[str, str]
    """Program name → base58 address."""
    max_pending: int
    stall_s: float


class LiveSource:
    """Updates of a cluster, for ever. `starts`: program → slot to read its history from; a program
    without one starts at the tip.
    """

    def __init__(self, node: Node, config: LiveConfig, starts: Mapping[str, int]) -> None:
        self._node = node
        self._config = config
        self._starts = dict(starts)
        self._recent: OrderedDict[tuple[str, int], None] = OrderedDict()
        self._backoff = Backoff("subscription")

    async def run(self, intake: Intake) -> None:
        """See Source. Reconnects for ever."""
        while True:
            try:
                await self._session(intake)
            except TryAgain as error:
                metrics.INDEXER_RECONNECTS.inc()
                await self._backoff.failed(error)

    async def _session(self, intake: Intake) -> None:
        config = self._config
        async with subscribed(
            config.ws_url, list(config.addresses.values()), self._node.commitment, config.stall_s
        ) as subscription:
            reading = _Reading(subscription, config.max_pending)
            task = asyncio.create_task(reading.run())
            try:
                await self._fill(reading, intake)
                self._backoff.succeeded()
                _log.info("live", after_slot=reading.first_slot or None)
                await self._flow(reading, intake)
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            await task

    async def _fill(self, reading: _Reading, intake: Intake) -> None:
        """History up to the slot the node was at when it acknowledged the subscription.

        First all there is; then, when the commitment has reached that slot, what came meanwhile.
        """
        await self._start_at_tip()
        await self._read_history(intake)
        barrier = await self._barrier(reading)
        backoff = Backoff("node")
        while await insist(backoff, self._node.history_slot) < barrier:  # noqa: ASYNC110
            await asyncio.sleep(_POLL_S)
        await self._read_history(intake)

    async def _start_at_tip(self) -> None:
        new = [name for name in self._config.addresses if name not in self._starts]
        if new:
            tip = await insist(Backoff("node"), self._node.history_slot)
            _log.info("starting_at_tip", programs=",".join(new), slot=tip)
            self._starts |= dict.fromkeys(new, tip)

    async def _barrier(self, reading: _Reading) -> int:
        """The socket's own slot: an endpoint may answer calls and streams with different nodes."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_HEARTBEAT_WAIT_S):
                await reading.heard.wait()
        return reading.first_slot or await insist(Backoff("node"), self._node.newest_slot)

    async def _read_history(self, intake: Intake) -> None:
        lists = [
            await listed(self._node, address, self._starts[name])
            for name, address in self._config.addresses.items()
        ]
        missing = [
            info for info in merged(lists) if (info.signature, info.slot) not in self._recent
        ]
        async for update in fetched(self._node, missing):
            await self._emit(update, intake)

    async def _flow(self, reading: _Reading, intake: Intake) -> None:
        while updates := await reading.buffer.take(256):
            metrics.INDEXER_PENDING.set(len(reading.buffer))
            for update in updates:
                if (update.signature, update.slot) not in self._recent:
                    await self._emit(update, intake)

    async def _emit(self, update: Update, intake: Intake) -> None:
        await intake.put(update)
        for name, start in self._starts.items():
            self._starts[name] = max(start, update.slot - OVERLAP_SLOTS)
        self._recent[update.signature, update.slot] = None
        if len(self._recent) > _RECENT:
            self._recent.popitem(last=False)


class _Reading:
    """Reads a subscription into a bounded buffer; a full one makes it stop reading the socket."""

    def __init__(self, subscription: Subscription, limit: int) -> None:
        self.buffer = Intake(limit)
        self.first_slot = 0
        """Slot the node was at when every subscription was in force; 0: not heard yet."""
        self.heard = asyncio.Event()
        self._subscription = subscription

    async def run(self) -> None:
        """Until the socket breaks: raises what `Subscription.next` does."""
        try:
            while True:
                notice = await self._subscription.next()
                if isinstance(notice, SlotNotice):
                    metrics.INDEXER_TIP_SLOT.set(notice.slot)
                    self.first_slot = self.first_slot or notice.slot
                    self.heard.set()
                else:
                    await self.buffer.put(update_of(notice))
        finally:
            await self.buffer.close()
