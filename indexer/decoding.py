"""From updates to events whose mint is known, fetching what logs cannot tell."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

from common import metrics
from common.tracing import span
from db.rows import PoolRow, QuarantineRow
from indexer.commit import Batch
from indexer.seen import Seen, quote_of
from indexer.updates import Update, recorded_logs
from programs.decode import NOTHING, Decoded, decode_notification, decode_transaction
from programs.drift import Drift
from programs.events import AnyEvent, Migrated
from programs.keys import signature_of
from programs.registry import ProgramSet

Fetch = Callable[[Update], Awaitable[Update]]
"""The same update with its whole transaction, or as it was if there is none to be had."""
FindPools = Callable[[Sequence[bytes]], Awaitable[Mapping[bytes, PoolRow]]]
"""What the database knows of pools."""

_MAX_POOLS = 200_000

_log = structlog.get_logger(__name__)


class Decoder:
    """Decodes batches of updates in their order. What logs cannot tell is fetched; without `fetch`
    it is deferred (`Batch.deferred`) if somebody else will, or else set aside.
    """

    def __init__(
        self,
        programs: ProgramSet,
        fetch: Fetch | None,
        find_pools: FindPools,
        *,
        is_deferring: bool = False,
    ) -> None:
        self._programs = programs
        self._fetch = fetch
        self._is_deferring = is_deferring
        self._find_pools = find_pools
        self._pools: OrderedDict[bytes, PoolRow] = OrderedDict()
        self._drift = Drift()

    async def decode(self, updates: Sequence[Update]) -> Batch:
        """Events, pools and undecodable payloads of these updates."""
        with span("decode", updates=len(updates)):
            return await self._decode(updates)

    async def _decode(self, updates: Sequence[Update]) -> Batch:
        batch = Batch()
        pairs = [(update, self._decoded(update)) for update in updates]
        await self._learn_pools(pairs, batch)
        if await self._fetch_transactions(pairs):
            await self._learn_pools(pairs, batch)
        if self._is_deferring:
            pairs = self._deferred(pairs, batch)
        for update, decoded in pairs:
            self._collect(batch, update, decoded)
            self._watch(update, decoded)
        return batch

    def _watch(self, update: Update, decoded: Decoded) -> None:
        """Signs that a program was upgraded: a log line and a gauge when they begin and end."""
        if update.err is not None:
            return
        for alarm in self._drift.observe(decoded, update.signature):
            metrics.INDEXER_DRIFT.labels(alarm.program, alarm.sign).set(int(alarm.is_raised))
            say = _log.warning if alarm.is_raised else _log.info
            say(
                "program_drifts" if alarm.is_raised else "program_drift_over",
                program=alarm.program, sign=alarm.sign, share=round(alarm.share, 4),
                discriminator=alarm.discriminator, signature=alarm.signature,
            )  # fmt: skip

    def _decoded(self, update: Update) -> Decoded:
        if update.transaction is not None:
            return decode_transaction(update.transaction, self._programs)
        if update.notification is not None:
            return decode_notification(update.notification, self._programs)
        return NOTHING

    async def _fetch_transactions(self, pairs: list[tuple[Update, Decoded]]) -> bool:
        """Where logs did not suffice, put the transaction in their place; whether any was there."""
        wanted = [place for place, pair in enumerate(pairs) if self._lacks(*pair)]
        if not wanted or self._fetch is None:
            return False
        fetched = await asyncio.gather(*(self._fetch(pairs[place][0]) for place in wanted))
        for place, update in zip(wanted, fetched, strict=True):
            pairs[place] = update, self._decoded(update)
        return True

    def _lacks(self, update: Update, decoded: Decoded) -> bool:
        """Whether the transaction may tell what the notification does not."""
        return (
            update.transaction is None
            and update.err is None
            and (decoded.needs_transaction or not self._is_resolved(decoded))
        )

    def _deferred(
        self, pairs: Sequence[tuple[Update, Decoded]], batch: Batch
    ) -> list[tuple[Update, Decoded]]:
        """Without those that have to come again with their transactions."""
        ready = []
        for update, decoded in pairs:
            if self._lacks(update, decoded):
                batch.deferred.append(update)
            else:
                ready.append((update, decoded))
        return ready

    def _is_resolved(self, decoded: Decoded) -> bool:
        return all(event.mint or self._pool_of(event) for event in decoded.events)

    def _pool_of(self, event: AnyEvent) -> PoolRow | None:
        named = event.curve if isinstance(event, Migrated) and event.curve else event.pool
        return None if named is None else self._pools.get(named)

    async def _learn_pools(self, pairs: Sequence[tuple[Update, Decoded]], batch: Batch) -> None:
        """Mints of pools: what these transactions tell, then what the database knows."""
        for _, decoded in pairs:
            for pool in decoded.pools:
                if pool.pool not in self._pools:
                    row = PoolRow(pool.pool, pool.mint, pool.quote_mint)
                    self._remember(row)
                    batch.pools.append(row)
        events = (event for _, decoded in pairs for event in decoded.events)
        unknown = {
            key
            for event in events
            if event.mint is None and self._pool_of(event) is None
            for key in (event.pool, event.curve if isinstance(event, Migrated) else None)
            if key is not None
        }
        if unknown:
            for row in (await self._find_pools(list(unknown))).values():
                self._remember(row)

    def _remember(self, row: PoolRow) -> None:
        self._pools[row.pool] = row
        if len(self._pools) > _MAX_POOLS:
            self._pools.popitem(last=False)

    def _collect(self, batch: Batch, update: Update, decoded: Decoded) -> None:
        signature = signature_of(update.signature)

        def set_aside(program: str, path: str, reason: str, payload: bytes) -> None:
            batch.quarantine.append(
                QuarantineRow(
                    signature=signature, slot=update.slot, program=program, path=path,
                    reason=reason, payload=payload, block_time=update.block_time,
                )
            )  # fmt: skip

        if update.err is not None:
            return
        if update.notification is None and update.transaction is None:
            set_aside("", "transaction", "the node listed it and did not deliver it", b"")
            return
        if decoded.needs_transaction:
            # What is here is not all, and a missing event would give later ones wrong ordinals.
            set_aside("", "transaction", "its recording is not whole", recorded_logs(update))
            return
        for lost in decoded.undecoded:
            set_aside(lost.program, lost.path, lost.reason, lost.payload)
        for event in decoded.events:
            pool = self._pool_of(event)
            mint = pool.mint if event.mint is None and pool is not None else event.mint
            if mint is None:
                path = f"event:{event.ordinal}"
                set_aside(event.program, path, "of a pool that is not known", event.pool or b"")
                continue
            quote = event.quote_mint
            if quote is None and pool is not None:
                quote = pool.quote_mint
            batch.events.append(
                Seen(
                    event=event, mint=mint, quote_mint=quote_of(quote), signature=signature,
                    signature_text=update.signature, slot=update.slot,
                    block_time=update.block_time if event.timestamp is None else event.timestamp,
                    tx_index=update.tx_index,
                )
            )  # fmt: skip
