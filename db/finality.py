"""How far the chain is final, and which stored landings lie in slots that may be gone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import msgspec

from db.pool import Connection
from db.retract import Landing

_TIMEOUT_S = 60


class FinalityRow(msgspec.Struct, frozen=True):
    """The row of `finality`. Nothing stored at or below `checked_slot` can be undone any more."""

    confirmed_slot: int
    finalized_slot: int
    checked_slot: int


async def load(connection: Connection) -> FinalityRow:
    """What was established last; zeros in a new database."""
    row = await connection.fetchrow(
        "SELECT confirmed_slot, finalized_slot, checked_slot FROM finality", timeout=_TIMEOUT_S
    )
    return FinalityRow(0, 0, 0) if row is None else FinalityRow(**row)


async def save(connection: Connection, row: FinalityRow) -> None:
    """Replace it."""
    await connection.execute(
        "UPDATE finality SET confirmed_slot = $1, finalized_slot = $2, checked_slot = $3",
        row.confirmed_slot,
        row.finalized_slot,
        row.checked_slot,
        timeout=_TIMEOUT_S,
    )


async def landings_in(connection: Connection, slots: Collection[int]) -> Mapping[int, set[Landing]]:
    """Landings with events that stand, of these slots; a slot without any is not in the answer."""
    rows = await connection.fetch(
        """SELECT signature, slot FROM trades WHERE slot = ANY($1::int8[]) AND NOT retracted
           UNION
           SELECT signature, slot FROM token_events
           WHERE slot = ANY($1::int8[]) AND NOT retracted""",
        list(slots),
        timeout=_TIMEOUT_S,
    )
    return _by_slot((row["signature"], row["slot"]) for row in rows)


async def landings_between(
    connection: Connection, program: str, first: int, last: int
) -> Mapping[int, set[Landing]]:
    """The same of one program in a range of slots, both ends included."""
    rows = await connection.fetch(
        """SELECT signature, slot FROM trades
           WHERE slot BETWEEN $2 AND $3 AND program = $1 AND NOT retracted
           UNION
           SELECT signature, slot FROM token_events
           WHERE slot BETWEEN $2 AND $3 AND program = $1 AND NOT retracted""",
        program,
        first,
        last,
        timeout=_TIMEOUT_S,
    )
    return _by_slot((row["signature"], row["slot"]) for row in rows)


def _by_slot(landings: Iterable[Landing]) -> dict[int, set[Landing]]:
    found: dict[int, set[Landing]] = {}
    for landing in landings:
        found.setdefault(landing[1], set()).add(landing)
    return found
