"""The live stream: a hint of what happens, delivered at once. The sweep finds what it leaves out.

After each connection it waits a moment, in a bounded buffer and then in the socket, for the sweep
to hand over what came before: so that short breaks disturb no order. It does not wait for a long
history, nor for a node that answers no calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

import msgspec
import structlog

from common import metrics
from common.errors import NodeError, TryAgain
from common.settings import Commitment
from indexer.backoff import Backoff
from indexer.delivered import Delivered
from indexer.endpoints import Endpoints
from indexer.subscription import SlotNotice, Subscription, subscribed
from indexer.updates import Intake, Update, update_of
from programs.rpc_json import LogsNotification

_PATIENCE_S = 5.0
_STALL = 6, 0.8
"""Slots, and seconds at least, without a slot notification after which a stream is dead."""
_STALL_ALONE = 40, 5.0
"""The same where there is no other endpoint to go to."""

_log = structlog.get_logger(__name__)


class LiveConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where to listen, to what."""

    addresses: Mapping[str, str]
    """Program name → base58 address."""
    commitment: Commitment
    max_pending: int
    stall_s: float


class LiveSource:
    """Updates of a cluster as they are notified, for ever. `caught_up` waits for the sweep."""

    def __init__(
        self,
        endpoints: Endpoints,
        config: LiveConfig,
        delivered: Delivered,
        caught_up: Callable[[], Awaitable[None]],
    ) -> None:
        self._endpoints = endpoints
        self._config = config
        self._delivered = delivered
        self._caught_up = caught_up
        self._backoff = Backoff("subscription", most_s=5.0)
        self.is_flowing = False
        """What is notified now is handed over at once."""
        self.has_room: Callable[[], Awaitable[None]] | None = None
        """Waits while too much of what was announced has to be fetched."""
        self.on_slot: Callable[[SlotNotice], None] | None = None
        """Told of every slot that the node begins."""

    async def run(self, intake: Intake) -> None:
        """See Source. Reconnects for ever."""
        while True:
            try:
                await self._session(intake)
            except TryAgain as error:
                metrics.INDEXER_RECONNECTS.inc()
                if not self._endpoints.changed.is_set():
                    self._endpoints.stream_failed(str(error))
                await self._backoff.failed(error)

    async def _session(self, intake: Intake) -> None:
        config = self._config
        self._endpoints.changed.clear()
        async with subscribed(
            self._endpoints.current.ws_url,
            list(config.addresses.values()),
            config.commitment,
            config.stall_s,
        ) as subscription:
            reading = _Reading(subscription, self._endpoints, config, self.on_slot)
            task = asyncio.create_task(reading.run())
            try:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._caught_up(), _PATIENCE_S)
                self._backoff.succeeded()
                _log.info("live")
                self.is_flowing = True
                await self._flow(reading, intake)
            finally:
                self.is_flowing = False
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            await task

    async def _flow(self, reading: _Reading, intake: Intake) -> None:
        while items := await reading.buffer.take(256):
            metrics.INDEXER_PENDING.set(len(reading.buffer))
            for update in items:
                if isinstance(update, Update):
                    await self._hand_over(update, intake)

    async def _hand_over(self, update: Update, intake: Intake) -> None:
        key = update.signature, update.slot
        if key not in self._delivered:
            if self.has_room is not None:
                await self.has_room()
            await intake.put(update)
            # Only now: a mark that counts on it must be put after it.
            self._delivered.add(key, is_placed=update.err is not None)


class _Reading:
    """Reads a subscription into a bounded buffer; a full one makes it stop reading the socket."""

    def __init__(
        self,
        subscription: Subscription,
        endpoints: Endpoints,
        config: LiveConfig,
        on_slot: Callable[[SlotNotice], None] | None,
    ) -> None:
        self._on_slot = on_slot
        self.buffer = Intake(config.max_pending)
        self._subscription = subscription
        self._endpoints = endpoints
        self._stall_s = config.stall_s

    async def run(self) -> None:
        """Until the socket breaks, slots stop coming, or another endpoint is the better one:
        raises NodeError.
        """
        reading = asyncio.create_task(self._read())
        changing = asyncio.create_task(self._endpoints.changed.wait())
        try:
            await asyncio.wait({reading, changing}, return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                await reading
            raise NodeError("another endpoint is the better one")
        finally:
            for task in (reading, changing):
                task.cancel()
            await asyncio.gather(reading, changing, return_exceptions=True)
            await self.buffer.close()

    async def _read(self) -> None:
        now = asyncio.get_running_loop().time
        heard_at = now()
        while True:
            # A full buffer stops the reading, and the waiting for slots with it.
            timeout_s = max(0.0, heard_at + self._patience_s() - now())
            notice = await self._next(timeout_s)
            if isinstance(notice, SlotNotice):
                metrics.INDEXER_TIP_SLOT.set(notice.slot)
                heard_at = now()
                self._endpoints.clock.saw(notice.slot, heard_at)
                self._endpoints.slot_s = self._endpoints.clock.seconds(1, 0.0)
                self._endpoints.seen_slot = max(self._endpoints.seen_slot, notice.slot)
                if self._on_slot is not None:
                    self._on_slot(notice)
            else:
                before = now()
                await self.buffer.put(update_of(notice))
                metrics.INDEXER_PENDING.set(len(self.buffer))
                heard_at += now() - before

    def _patience_s(self) -> float:
        """Silence of slots that is too long: where there is another endpoint, a few slots."""
        endpoints = self._endpoints
        slots, least_s = _STALL_ALONE if endpoints.is_alone else _STALL
        patience_s = max(least_s, endpoints.clock.seconds(slots, self._stall_s))
        return min(self._stall_s, patience_s * endpoints.doubt)

    async def _next(self, timeout_s: float) -> LogsNotification | SlotNotice:
        if not self._subscription.has_heartbeat:
            return await self._subscription.next()
        try:
            async with asyncio.timeout(timeout_s):
                return await self._subscription.next()
        except TimeoutError:
            raise NodeError("the node's slots stand still", seconds=round(timeout_s, 1)) from None
