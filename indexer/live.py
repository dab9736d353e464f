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
from common.errors import TryAgain
from common.settings import Commitment
from indexer.backoff import Backoff
from indexer.delivered import Delivered
from indexer.subscription import SlotNotice, Subscription, subscribed
from indexer.updates import Intake, Update, update_of

_PATIENCE_S = 5.0

_log = structlog.get_logger(__name__)


class LiveConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where to listen, to what."""

    ws_url: str
    addresses: Mapping[str, str]
    """Program name → base58 address."""
    commitment: Commitment
    max_pending: int
    stall_s: float


class LiveSource:
    """Updates of a cluster as they are notified, for ever. `caught_up` waits for the sweep."""

    def __init__(
        self, config: LiveConfig, delivered: Delivered, caught_up: Callable[[], Awaitable[None]]
    ) -> None:
        self._config = config
        self._delivered = delivered
        self._caught_up = caught_up
        self._backoff = Backoff("subscription", most_s=5.0)
        self.is_flowing = False
        """What is notified now is handed over at once."""

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
            config.ws_url, list(config.addresses.values()), config.commitment, config.stall_s
        ) as subscription:
            reading = _Reading(subscription, config.max_pending)
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
            await intake.put(update)
            # Only now: a mark that counts on it must be put after it.
            self._delivered.add(key, is_placed=update.err is not None)


class _Reading:
    """Reads a subscription into a bounded buffer; a full one makes it stop reading the socket."""

    def __init__(self, subscription: Subscription, limit: int) -> None:
        self.buffer = Intake(limit)
        self._subscription = subscription

    async def run(self) -> None:
        """Until the socket breaks: raises what `Subscription.next` does."""
        try:
            while True:
                notice = await self._subscription.next()
                if isinstance(notice, SlotNotice):
                    metrics.INDEXER_TIP_SLOT.set(notice.slot)
                else:
                    await self.buffer.put(update_of(notice))
        finally:
            await self.buffer.close()
