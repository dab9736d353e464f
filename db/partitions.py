"""Partitions of `trade_rows`: one for the slots of an epoch, made before the first row needs it."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from db.pool import Connection

SLOTS = 432_000
"""Slots of a partition. The same number stands in make_trade_partition."""
_AHEAD = 1
"""Partitions made beyond the newest that is written."""
_TIMEOUT_S = 60


async def ensure(
    connection: Connection, slots: Iterable[int], existing: Collection[int]
) -> set[int]:
    """Make the partitions of these slots and the next, unless they are among the `existing` ones.

    Part of the transaction: only when that was committed are the numbers that are returned (first
    slot divided by SLOTS) existing ones.
    """
    needed = {slot // SLOTS + ahead for slot in slots for ahead in range(_AHEAD + 1)}
    missing = needed - set(existing)
    for number in sorted(missing):
        await connection.execute(
            "SELECT make_trade_partition($1)", number * SLOTS, timeout=_TIMEOUT_S
        )
    return missing
