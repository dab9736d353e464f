"""The chain of reserves: what one trade leaves on a curve, the next one finds."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from db.pool import Connection

_TIMEOUT_S = 30

PROGRAMS = ("pump",)
"""Launchpads whose trades name the reserves after them, virtual and real, and move both by their
amounts.
"""


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


class Links(msgspec.Struct, frozen=True):
    """What was found of some slots. `held` and `repriced` say how many links there were: those that
    hold, and those whose virtual reserves somebody set, while the real ones follow.
    """

    held: int
    repriced: int
    breaks: list[Break]
    """Oldest first."""


async def links(connection: Connection, first: int, last: int) -> Links:
    """The links that end in these slots.

    A link goes from a trade, or the curve's creation, to the next trade of the curve.
    """
    rows = await connection.fetch(_LINKS, first, last, list(PROGRAMS), timeout=_TIMEOUT_S)
    outcomes = [row["outcome"] for row in rows]
    breaks = [
        Break(row["mint"], row["pool"], row["slot_before"], row["slot"])
        for row in rows
        if row["outcome"] == "broken"
    ]
    return Links(outcomes.count("held"), outcomes.count("repriced"), breaks)


_LINKS = """
WITH launchpads AS MATERIALIZED (SELECT id FROM programs WHERE name = ANY($3::text[])),
touched AS MATERIALIZED (
    SELECT token_id, coalesce((
        SELECT b.slot FROM trade_rows b
        WHERE b.token_id = m.token_id AND b.slot < $1 AND b.is_own AND NOT b.retracted
        ORDER BY b.slot DESC LIMIT 1), 0) AS since
    FROM (SELECT DISTINCT token_id FROM trade_rows
          WHERE slot BETWEEN $1 AND $2 AND program_id IN (SELECT id FROM launchpads) AND is_own
            AND NOT retracted) m),
links AS (
    SELECT token_id, t.slot, coalesce(t.tx_index, 2147483647) AS place, t.seq,
           t.virtual_base, t.virtual_quote, t.real_base, t.real_quote,
           CASE WHEN is_buy THEN base_amount ELSE -base_amount END AS base_out,
           CASE WHEN is_buy THEN quote_amount ELSE -quote_amount END AS quote_in
    FROM touched JOIN trade_rows t USING (token_id)
    WHERE t.slot BETWEEN since AND $2 AND t.program_id IN (SELECT id FROM launchpads) AND t.is_own
      AND NOT t.retracted
    UNION ALL
    SELECT token_id, e.slot, -1, e.seq, e.virtual_base, e.virtual_quote, e.real_base,
           e.real_quote, 0, 0
    FROM touched JOIN tokens k ON k.id = token_id JOIN token_events e ON e.mint = k.mint
    WHERE e.kind = 'create' AND e.slot <= $2 AND NOT e.retracted AND e.virtual_base IS NOT NULL),
chained AS (
    SELECT *, lag(slot) OVER curve AS slot_before,
           virtual_base + base_out = lag(virtual_base) OVER curve
               AND virtual_quote - quote_in = lag(virtual_quote) OVER curve AS is_held,
           real_base + base_out = lag(real_base) OVER curve
               AND real_quote - quote_in = lag(real_quote) OVER curve AS is_real_held
    FROM links WINDOW curve AS (PARTITION BY token_id ORDER BY slot, place, seq))
SELECT k.mint, k.pool, slot_before, slot,
       CASE WHEN is_held THEN 'held' WHEN is_real_held THEN 'repriced' ELSE 'broken' END AS outcome
FROM chained JOIN tokens k ON k.id = token_id
WHERE slot BETWEEN $1 AND $2 AND slot_before IS NOT NULL AND k.pool IS NOT NULL
ORDER BY slot"""


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
