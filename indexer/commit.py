"""From decoded events to committed rows: each once, all of a batch or nothing."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from db import coverage, keys, partitions, retract, tables, writes
from db.coverage import Marking
from db.keys import Ids
from db.pool import Connection
from db.quarantine import Landing, release
from db.rows import Changes, Identity, PoolRow, QuarantineRow
from db.writer import Writer
from indexer.fold import fold
from indexer.refold import reconcile, reorder
from indexer.seen import Seen, keys_of, late_positions
from indexer.updates import Update
from programs.events import Created, Traded


class Batch(msgspec.Struct):
    """What one transaction of the database is to store."""

    events: list[Seen] = []
    quarantine: list[QuarantineRow] = []
    pools: list[PoolRow] = []
    markings: list[Marking] = []
    """Looks at the node that vouch for everything up to this batch, oldest first."""
    deferred: list[Update] = []
    """Not to be stored: they need their transactions first."""
    released: list[Landing] = []
    """Taken out of quarantine: what still fails of them is in `quarantine` again."""
    usd_fresh_s: int = 60
    """How far from a trade a reading of its quote token's price may be."""


async def commit(writer: Writer, batch: Batch, commitment: str) -> Changes:
    """Store a batch: what of it is stored already counts once. Returns what was new.

    Raises DatabaseUnavailable where it may or may not have been stored: the same batch can be
    committed again, for events are known by their identity.
    """
    slots = {seen.slot for seen in batch.events if isinstance(seen.event, Traded)}
    async with writer.transaction() as connection:
        made = await partitions.ensure(connection, slots, writer.partitions)
        if batch.released:
            await release(connection, batch.released)
        new = await _new(connection, batch.events)
        ids = await keys.intern(connection, *_names(new)) if new else Ids()
        changes = Changes()
        if new:
            changes = await _folded(connection, ids, new, commitment, batch.usd_fresh_s)
        changes.pools, changes.quarantine = batch.pools, batch.quarantine
        if changes != Changes():
            await tables.store(connection, changes, ids)
        for marking in batch.markings:
            await coverage.mark(connection, marking)
        await reconcile(connection, _with_news_of_pools(changes))
        await reorder(connection, _placed_slots(batch, changes))
    writer.partitions |= made
    return changes


def _names(events: Sequence[Seen]) -> tuple[set[bytes], set[str], set[str]]:
    """Keys, launchpads and lists of fees that storing these events needs numbers for."""
    named: set[bytes | None] = set()
    for seen in events:
        named.update((seen.mint, seen.quote_mint, seen.event.wallet, seen.event.pool))
        if isinstance(seen.event, Created):
            named.add(seen.event.creator)
    fees = {",".join(seen.event.fees) for seen in events if isinstance(seen.event, Traded)}
    programs = {seen.event.program for seen in events}
    return {key for key in named if key is not None}, programs, fees - {""}


def _with_news_of_pools(changes: Changes) -> set[bytes]:
    return {row.mint for row in changes.token_events if row.kind in ("create", "migrate")}


def _placed_slots(batch: Batch, changes: Changes) -> set[int]:
    """Slots in which something got its place in the block, which may be another than assumed."""
    late = {row.slot for row in changes.trades if row.tx_index is not None}
    return late | {place.slot for marking in batch.markings for place in marking.places}


async def _new(connection: Connection, events: Sequence[Seen]) -> list[Seen]:
    """Events that are not stored, each once, by slot: a batch by itself is never out of order."""
    if not events:
        return []
    trades = {(seen.signature, seen.slot) for seen in events if isinstance(seen.event, Traded)}
    others = {(seen.signature, seen.slot) for seen in events if not isinstance(seen.event, Traded)}
    known = await writes.known(connection, trades, others)
    new: dict[Identity, Seen] = {}
    for seen in events:
        if not known.get(seen.identity):
            new.setdefault(seen.identity, seen)
    await retract.make_room(connection, [identity for identity in new if identity in known])
    return sorted(new.values(), key=lambda seen: seen.slot)


async def _folded(
    connection: Connection, ids: Ids, events: Sequence[Seen], commitment: str, usd_fresh_s: int
) -> Changes:
    wanted = keys_of(events)
    state = await writes.load(connection, ids, wanted.mints, wanted.positions, wanted.candles)
    state.past = await writes.load_past(connection, late_positions(events, state))
    quotes = {row.quote_mint for row in state.tokens.values()} | {one.quote_mint for one in events}
    state.quote_prices = await writes.load_quote_prices(
        connection,
        {quote for quote in quotes if quote is not None},
        [one.block_time for one in events if one.block_time is not None],
        usd_fresh_s,
    )
    first_seq = await writes.take_seqs(connection, len(events))
    return fold(state, events, first_seq, commitment)
