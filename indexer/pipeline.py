"""Source → decode → commit: what has arrived makes a batch, nothing waits for one to fill."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterable, Sequence

import asyncpg
import msgspec
import structlog

from common import metrics
from common.tracing import span
from db.coverage import Marking
from db.quarantine import Landing
from db.rows import Changes, QuarantineRow
from db.writer import Writer
from indexer.backoff import Backoff, insist
from indexer.commit import Batch, commit
from indexer.decoding import Decoder
from indexer.updates import Intake, Item, Mark, Source, Update, recorded_logs
from programs.keys import signature_of

_MAX_BIGINT = 2**63 - 1
_LATE_S = 5.0
_DRAIN_S = 5.0
"""How long a stopping indexer may take to commit what it has received."""

_log = structlog.get_logger(__name__)


class PipelineConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How to batch, and what to say of it."""

    commitment: str
    batch_rows: int
    usd_fresh_s: int = 60
    """How far from a trade a reading of its quote token's price may be."""
    want: Callable[[Update], None] | None = None
    """Who fetches the transactions of updates that need them, and puts them again."""
    stored: Callable[[Iterable[int]], None] | None = None
    """Told of the slots of what is stored that may be late: of a fork that is long dead."""


class Pipeline:
    """Takes updates from an intake and commits them, in order."""

    def __init__(self, decoder: Decoder, writer: Writer, config: PipelineConfig) -> None:
        self._decoder = decoder
        self._writer = writer
        self._config = config
        self._backoff = Backoff("database")
        self._deferred: set[tuple[str, int]] = set()
        """Updates that will come again: no mark may vouch for their slots before."""
        self.committed = 0
        """Events stored so far."""

    async def run(self, intake: Intake) -> None:
        """Until the intake is closed and drained. Postgres being away only makes it wait."""
        while items := await intake.take(self._config.batch_rows):
            await self._process_all(items)

    async def _process_all(self, items: Sequence[Item]) -> None:
        """Updates first: a mark only vouches for what was put before it, and more is no harm."""
        updates = [item for item in items if isinstance(item, Update)]
        marks = [item for item in items if isinstance(item, Mark)]
        for mark in marks:
            self._deferred.difference_update(mark.dropped)
        markings = [mark.marking for mark in marks]
        if updates:
            await self._process(updates, markings)
            metrics.INDEXER_BATCH_SECONDS.observe(time.monotonic() - updates[0].received_at)
        elif markings:
            await self._commit(Batch(markings=self._held_back(markings)))

    def _held_back(self, markings: Sequence[Marking]) -> list[Marking]:
        """The markings, their frontiers below everything that is deferred."""
        if not self._deferred:
            return list(markings)
        lowest = min(slot for _, slot in self._deferred)
        return [_below(marking, lowest) for marking in markings]

    async def _process(self, updates: Sequence[Update], markings: Sequence[Marking] = ()) -> None:
        try:
            batch = await self._decoder.decode(updates)
            self._note_deferred(updates, batch.deferred)
            batch.released = _requested(updates)
            batch.markings = self._held_back(markings)
            batch.usd_fresh_s = self._config.usd_fresh_s
            await self._commit(batch)
            if self._config.stored is not None:
                self._config.stored(one.slot for one in updates if _may_be_late(one))
            metrics.INDEXER_STORED_SLOT.set(max(update.slot for update in updates))
        except (asyncpg.PostgresError, ValueError, ArithmeticError) as error:
            if len(updates) > 1:  # find the one that cannot be stored; the others must not suffer
                for update in updates:
                    await self._process([update])
            else:
                _log.error("update_set_aside", signature=updates[0].signature, reason=str(error))
                set_aside = [_unstorable(updates[0], error)]
                await self._commit(Batch(quarantine=set_aside, released=_requested(updates)))
            if markings:
                await self._commit(Batch(markings=self._held_back(markings)))

    def _note_deferred(self, updates: Sequence[Update], deferred: Sequence[Update]) -> None:
        keys = {(update.signature, update.slot) for update in deferred}
        came = {
            (update.signature, update.slot) for update in updates if update.transaction is not None
        }
        self._deferred |= keys
        self._deferred -= came
        for update in deferred:
            if self._config.want is not None and (update.signature, update.slot) not in came:
                self._config.want(update)

    async def _commit(self, batch: Batch) -> None:
        async def attempt() -> Changes:
            with span("commit", events=len(batch.events)):
                return await commit(self._writer, batch, self._config.commitment)

        changes = await insist(self._backoff, attempt)
        self.committed += len(changes.feed)
        _count(batch, changes)


def _below(marking: Marking, slot: int) -> Marking:
    verified = tuple(
        msgspec.structs.replace(one, frontier=slot - 1, anchor=None)
        if one.frontier >= slot
        else one
        for one in marking.verified
    )
    return msgspec.structs.replace(marking, verified=verified)


def _may_be_late(update: Update) -> bool:
    """What was notified, or has waited for a database that was away. History is not."""
    return update.transaction is None or time.monotonic() - update.received_at > _LATE_S


def _requested(updates: Sequence[Update]) -> list[Landing]:
    return [
        (signature_of(update.signature), update.slot) for update in updates if update.is_requested
    ]


def _unstorable(update: Update, error: Exception) -> QuarantineRow:
    try:
        signature = signature_of(update.signature)
    except ValueError:  # a node's nonsense still gets a row of its own
        signature = hashlib.sha512(update.signature.encode()).digest()
    return QuarantineRow(
        signature=signature, slot=min(update.slot, _MAX_BIGINT), program="", path="transaction",
        reason=f"it could not be stored: {error}"[:500], payload=recorded_logs(update),
        block_time=update.block_time,
    )  # fmt: skip


def _count(batch: Batch, changes: Changes) -> None:
    for trade in changes.trades:
        metrics.INDEXER_EVENTS.labels(trade.program, "buy" if trade.is_buy else "sell").inc()
    for event in changes.token_events:
        metrics.INDEXER_EVENTS.labels(event.program, event.kind).inc()
    metrics.INDEXER_DUPLICATES.inc(len(batch.events) - len(changes.feed))
    metrics.INDEXER_QUARANTINED.inc(len(batch.quarantine))


async def run(source: Source, pipeline: Pipeline, intake: Intake) -> None:
    """Run a source into a pipeline: until the source has no more, fails, or this is cancelled.

    What was received is committed even then, if that takes no longer than a few seconds.
    """
    feeding = asyncio.create_task(source.run(intake))
    working = asyncio.create_task(pipeline.run(intake))
    is_over = False
    try:
        await asyncio.wait({feeding, working}, return_when=asyncio.FIRST_COMPLETED)
        is_over = feeding.done() and feeding.exception() is None
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
        await intake.close()
        await asyncio.wait({working}, timeout=None if is_over else _DRAIN_S)
        if not working.done():
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
    for task in (working, feeding):
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error
