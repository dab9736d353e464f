"""The coverage ledger: what is verified up to where, how, and what is known to be missing.

The indexer writes a mark in the transaction of the rows it vouches for; everybody may read.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import msgspec

from db.pool import Connection, Pool

_TIMEOUT_S = 60
_READ_TIMEOUT_S = 5.0
MAX_RANGES = 1_000
_RANGE_SLOTS = 10_000
"""A range of the ledger is not extended beyond this, so that "when" stays meaningful."""
STALE_S = 10.0
"""A frontier that nobody has confirmed for so long says nothing about now."""


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where in its block a transaction stands."""

    signature: bytes
    slot: int
    tx_index: int


class Gap(msgspec.Struct, frozen=True):
    """A transaction that exists and could not be fetched yet. Empty program: not known which."""

    signature: bytes
    slot: int
    program: str
    reason: str


class Verified(msgspec.Struct, frozen=True):
    """A program's frontier after a look at the node."""

    program: str
    first_slot: int
    """Where its history begins, if nothing is stored yet."""
    frontier: int
    method: str
    signatures: int
    """Listed since the last mark."""
    anchor: tuple[bytes, int] | None
    """Newest signature at or below the frontier, and its slot."""


class Marking(msgspec.Struct, frozen=True, kw_only=True):
    """What one look at the node established."""

    verified: tuple[Verified, ...]
    tip_slot: int
    finalized_slot: int
    places: tuple[Place, ...] = ()
    gaps: tuple[Gap, ...] = ()
    """Every open one."""


class Checkpoint(msgspec.Struct, frozen=True):
    """A program's row of `checkpoints`."""

    program: str
    first_slot: int
    slot: int
    signature: bytes | None
    signature_slot: int | None
    tip_slot: int
    finalized_slot: int
    age_s: float

    @property
    def is_complete(self) -> bool:
        """Nothing was known to be missing, a moment ago."""
        return self.slot >= self.tip_slot and self.age_s <= STALE_S


class Horizon(msgspec.Struct, frozen=True):
    """How far history is verified, over all programs that are indexed; nulls: nothing is yet."""

    frontier_slot: int | None
    finalized_slot: int | None
    is_complete: bool


HORIZON = f"""SELECT min(slot) AS frontier_slot, min(finalized_slot) AS finalized_slot,
    coalesce(bool_and(slot >= tip_slot AND updated_at > now() - interval '{STALE_S:g} s'), false)
        AS is_complete
    FROM checkpoints"""  # noqa: S608 - a constant
"""One row with the columns of `Horizon`."""


class Range(msgspec.Struct, frozen=True):
    """Slots verified in one way."""

    from_slot: int
    to_slot: int
    method: str
    signatures: int
    verified_at: datetime


class OpenGap(msgspec.Struct, frozen=True):
    """A row of `gaps`."""

    signature: bytes
    slot: int
    reason: str
    opened_at: datetime
    closed_at: datetime | None


class Completeness(msgspec.Struct, frozen=True):
    """What is known of a range of slots of one program."""

    checkpoint: Checkpoint
    ranges: list[Range]
    gaps: list[OpenGap]


# --- writing


_MARK = f"""
WITH old AS (SELECT slot FROM checkpoints WHERE program = $1),
extended AS (
    UPDATE coverage c SET to_slot = $3, verified_at = now(), signatures = c.signatures + $5
    FROM old
    WHERE c.program = $1 AND c.to_slot = old.slot AND c.method = $4 AND $3 > old.slot
      AND $3 - c.from_slot < {_RANGE_SLOTS}
    RETURNING 1),
added AS (
    INSERT INTO coverage (program, from_slot, to_slot, method, signatures)
    SELECT $1, since.slot, $3, $4, $5
    FROM (SELECT coalesce((SELECT slot + 1 FROM old), $2) AS slot) since
    WHERE since.slot <= $3 AND NOT EXISTS (SELECT FROM extended)
    ON CONFLICT DO NOTHING)
INSERT INTO checkpoints
    (program, first_slot, slot, tip_slot, finalized_slot, signature, signature_slot)
VALUES ($1, $2, $3, $6, $7, $8, $9)
ON CONFLICT (program) DO UPDATE SET
    signature = coalesce(EXCLUDED.signature, checkpoints.signature),
    signature_slot = coalesce(EXCLUDED.signature_slot, checkpoints.signature_slot),
    slot = greatest(checkpoints.slot, EXCLUDED.slot),
    tip_slot = greatest(checkpoints.slot, EXCLUDED.tip_slot),
    finalized_slot = greatest(checkpoints.finalized_slot, EXCLUDED.finalized_slot),
    updated_at = now()"""  # noqa: S608 - a constant


async def mark(connection: Connection, marking: Marking) -> None:
    """Write a look's result, in the transaction of the rows it vouches for. May be repeated."""
    for one in marking.verified:
        await connection.execute(
            _MARK, one.program, one.first_slot, one.frontier, one.method, one.signatures,
            marking.tip_slot, marking.finalized_slot, *(one.anchor or (None, None)),
            timeout=_TIMEOUT_S,
        )  # fmt: skip
    await place(connection, marking.places)
    await _note_gaps(connection, marking.gaps)


async def place(connection: Connection, places: Sequence[Place]) -> None:
    """Rows that came by the subscription, which does not say where in the block they stand."""
    if not places:
        return
    await connection.execute(
        """UPDATE trade_rows t SET tx_index = n.tx_index
           FROM unnest($1::bytea[], $2::int8[], $3::int4[]) AS n (signature, slot, tx_index)
           WHERE t.slot = n.slot AND substr(t.signature, 1, 8) = substr(n.signature, 1, 8)
             AND t.signature = n.signature AND t.tx_index IS NULL""",
        [place.signature for place in places],
        [place.slot for place in places],
        [place.tx_index for place in places],
        timeout=_TIMEOUT_S,
    )


async def _note_gaps(connection: Connection, gaps: Sequence[Gap]) -> None:
    await connection.execute(
        """WITH open AS (
               INSERT INTO gaps (signature, slot, program, reason)
               SELECT * FROM unnest($1::bytea[], $2::int8[], $3::text[], $4::text[])
               ON CONFLICT (signature, slot)
               DO UPDATE SET reason = EXCLUDED.reason, closed_at = NULL)
           UPDATE gaps SET closed_at = now()
           WHERE closed_at IS NULL AND NOT EXISTS (
               SELECT FROM unnest($1::bytea[], $2::int8[]) AS o (signature, slot)
               WHERE o.signature = gaps.signature AND o.slot = gaps.slot)""",
        [gap.signature for gap in gaps],
        [gap.slot for gap in gaps],
        [gap.program for gap in gaps],
        [gap.reason for gap in gaps],
        timeout=_TIMEOUT_S,
    )


# --- reading


_CHECKPOINT = """SELECT program, first_slot, slot, signature, signature_slot, tip_slot,
    finalized_slot,
    extract(epoch FROM now() - updated_at)::float8 AS age_s FROM checkpoints"""


async def checkpoints(connection: Connection) -> Mapping[str, Checkpoint]:
    """Every program's frontier."""
    rows = await connection.fetch(_CHECKPOINT)
    return {row["program"]: Checkpoint(**row) for row in rows}


async def stored(connection: Connection, keys: Collection[tuple[bytes, int]]) -> set[bytes]:
    """Which of these (signature, slot) have rows that stand, in tables of events or set aside."""
    signatures, slots = zip(*keys, strict=True) if keys else ((), ())
    rows = await connection.fetch(
        """SELECT DISTINCT k.signature
           FROM unnest($1::bytea[], $2::int8[]) AS k (signature, slot)
           WHERE EXISTS (SELECT FROM trade_rows t WHERE t.slot = k.slot
                         AND substr(t.signature, 1, 8) = substr(k.signature, 1, 8)
                         AND t.signature = k.signature AND NOT t.retracted)
              OR EXISTS (SELECT FROM token_events e WHERE e.signature = k.signature
                         AND e.slot = k.slot AND NOT e.retracted)
              OR EXISTS (SELECT FROM quarantine q WHERE q.signature = k.signature
                         AND q.slot = k.slot)""",
        list(signatures),
        list(slots),
        timeout=_TIMEOUT_S,
    )
    return {row["signature"] for row in rows}


async def standing(
    connection: Connection, program: str, first: int, last: int
) -> set[tuple[bytes, int]]:
    """Every (signature, slot) with events of a program that stand, in these slots."""
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
    return {(row["signature"], row["slot"]) for row in rows}


async def completeness(
    pool: Pool, program: str, from_slot: int, to_slot: int
) -> Completeness | None:
    """What is known of a program's slots, of one moment; None: the program is not indexed."""
    async with (
        pool.acquire(timeout=_READ_TIMEOUT_S) as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        row = await connection.fetchrow(f"{_CHECKPOINT} WHERE program = $1", program)
        if row is None:
            return None
        ranges = await connection.fetch(
            """SELECT from_slot, to_slot, method, signatures, verified_at FROM coverage
               WHERE program = $1 AND to_slot >= $2 AND from_slot <= $3
               ORDER BY from_slot LIMIT $4""",
            program, from_slot, to_slot, MAX_RANGES, timeout=_READ_TIMEOUT_S,
        )  # fmt: skip
        gaps = await connection.fetch(
            """SELECT signature, slot, reason, opened_at, closed_at FROM gaps
               WHERE program IN ($1, '') AND slot BETWEEN $2 AND $3
               ORDER BY closed_at IS NOT NULL, slot LIMIT $4""",
            program, from_slot, to_slot, MAX_RANGES, timeout=_READ_TIMEOUT_S,
        )  # fmt: skip
    return Completeness(
        Checkpoint(**row), [Range(**one) for one in ranges], [OpenGap(**one) for one in gaps]
    )
