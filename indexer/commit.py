"""From decoded events to committed rows: each once, all of a batch or nothing."""

from __future__ import annotations

from db import coverage, partitions, retract, tables, writes
from db.pool import Connection
from db.quarantine import release
from db.rows import Changes
from db.writer import Writer
from indexer.prepare import Batch, Prepared, ahead, in_turn
from indexer.refold import reorder
from programs.events import Traded

__all__ = ["Batch", "Prepared", "ahead", "commit"]


async def commit(
    writer: Writer, batch: Batch, commitment: str, prepared: Prepared | None = None
) -> Changes:
    """Store a batch: what of it is stored already counts once. Returns what was new.

    `prepared`: the same batch folded ahead. It is folded again if something came between.

    Raises DatabaseUnavailable where it may or may not have been stored: the same batch can be
    committed again, for events are known by their identity.
    """
    slots = {seen.slot for seen in batch.events if isinstance(seen.event, Traded)}
    kept = writer.kept
    async with writer.transaction(keeps=True) as connection:
        made = await partitions.ensure(connection, slots, writer.partitions)
        if batch.released:
            await release(connection, batch.released)
        if prepared is None or not await _is_next(connection, writer, prepared):
            prepared = await in_turn(writer, connection, batch, commitment)
        changes = prepared.changes
        await retract.make_room(connection, prepared.withdrawn)
        if prepared.encoded is not None:
            await tables.write(connection, prepared.encoded)
        for marking in batch.markings:
            await coverage.mark(connection, marking)
        reordered = await reorder(connection, _placed_slots(batch, changes))
        if kept.pending and kept.pending[0] is prepared:
            kept.pending.popleft()
        if reordered:
            kept.forget()
    writer.partitions |= made
    return changes


async def _is_next(connection: Connection, writer: Writer, prepared: Prepared) -> bool:
    """Whether it was folded on what is stored now; it gets its numbers of the feed, then."""
    pending, count = writer.kept.pending, len(prepared.changes.feed)
    if not pending or pending[0] is not prepared:
        return False
    return not count or await writes.take_seqs_after(connection, prepared.first_seq, count)


def _placed_slots(batch: Batch, changes: Changes) -> set[int]:
    """Slots in which something got its place in the block, which may be another than assumed."""
    late = {row.slot for row in changes.trades if row.tx_index is not None}
    return late | {place.slot for marking in batch.markings for place in marking.places}
