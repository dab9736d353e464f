"""The chain of reserves: what one trade leaves on a curve, the next one finds."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from db.pool import Connection

_TIMEOUT_S = 30

PROGRAMS = ("pump",)
"""Launchpads whose trades name the virtual reserves after them, and move them by their amounts."""


class Break(msgspec.Struct, frozen=True):
    """Between two neighbours of a curve something happened that is not stored, or one of them is
    not what it seems: somewhere in slots `first` to `last`.
    """

    mint: bytes
    pool: bytes
    first: int
    last: int


async def frontier(connection: Connection) -> int:
    """Every slot up to here is verified and its order known; -1: nothing is."""
    slot = await connection.fetchval(
        "SELECT min(slot) FROM checkpoints WHERE program = ANY($1::text[])", list(PROGRAMS)
    )
    return -1 if slot is None else int(slot)


async def broken(connection: Connection, first: int, last: int) -> tuple[int, list[Break]]:
    """How many links end in these slots, and those that do not hold, oldest first.

    A link goes from a trade, or the curve's creation, to the next trade of the curve.
    """
    rows = await connection.fetch(
        """WITH touched AS MATERIALIZED (
            SELECT mint, coalesce((
                SELECT max(b.slot) FROM trades b
                WHERE b.mint = m.mint AND b.slot < $1 AND b.is_own AND NOT b.retracted), 0) AS since
            FROM (SELECT DISTINCT mint FROM trades
                  WHERE slot BETWEEN $1 AND $2 AND program = ANY($3::text[]) AND is_own
                    AND NOT retracted) m),
        links AS (
            SELECT t.mint, t.slot, coalesce(t.tx_index, 2147483647) AS place, t.seq,
                   t.virtual_base AS base, t.virtual_quote AS quote,
                   CASE WHEN is_buy THEN base_amount ELSE -base_amount END AS base_out,
                   CASE WHEN is_buy THEN quote_amount ELSE -quote_amount END AS quote_in
            FROM touched JOIN trades t USING (mint)
            WHERE t.slot BETWEEN since AND $2 AND t.program = ANY($3::text[]) AND t.is_own
              AND NOT t.retracted
            UNION ALL
            SELECT e.mint, e.slot, -1, e.seq, e.virtual_base, e.virtual_quote, 0, 0
            FROM touched JOIN token_events e USING (mint)
            WHERE e.kind = 'create' AND e.slot <= $2 AND NOT e.retracted
              AND e.virtual_base IS NOT NULL),
        chained AS (
            SELECT *, lag(slot) OVER curve AS slot_before, lag(base) OVER curve AS base_before,
                   lag(quote) OVER curve AS quote_before
            FROM links WINDOW curve AS (PARTITION BY mint ORDER BY slot, place, seq))
        SELECT mint, pool, slot_before, slot,
               base + base_out = base_before AND quote - quote_in = quote_before AS holds
        FROM chained JOIN tokens USING (mint)
        WHERE slot BETWEEN $1 AND $2 AND slot_before IS NOT NULL AND pool IS NOT NULL
        ORDER BY slot""",
        first,
        last,
        list(PROGRAMS),
        timeout=_TIMEOUT_S,
    )
    breaks = [
        Break(row["mint"], row["pool"], row["slot_before"], row["slot"])
        for row in rows
        if not row["holds"]
    ]
    return len(rows), breaks


async def missing_of(
    connection: Connection, signatures: Sequence[tuple[bytes, int]]
) -> set[tuple[bytes, int]]:
    """Which of these landings have no event that stands and are not set aside."""
    rows = await connection.fetch(
        """SELECT k.signature, k.slot FROM unnest($1::bytea[], $2::int8[]) AS k (signature, slot)
           WHERE NOT EXISTS (SELECT FROM trade_rows t WHERE t.slot = k.slot
                             AND substr(t.signature, 1, 8) = substr(k.signature, 1, 8)
                             AND t.signature = k.signature AND NOT t.retracted)
             AND NOT EXISTS (SELECT FROM token_events e WHERE e.signature = k.signature
                             AND e.slot = k.slot AND NOT e.retracted)""",
        [signature for signature, _ in signatures],
        [slot for _, slot in signatures],
        timeout=_TIMEOUT_S,
    )
    return {(row["signature"], row["slot"]) for row in rows}
