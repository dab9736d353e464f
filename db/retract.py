"""Withdrawing what a fork undid, and reading what is needed to fold tokens anew.

Nothing is deleted before it is replaced: a withdrawn event keeps its row, flagged. What is folded
from events (tokens, positions) is derived, and goes when no event that stands is left for it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

import asyncpg
import msgspec

from db.pool import Connection
from db.rows import CandleKey, Identity

_TIMEOUT_S = 60

Landing = tuple[bytes, int]
"""A signature and the slot it landed in."""

Span = tuple[int, int]
"""First and last slot."""


class Withdrawn(msgspec.Struct, frozen=True):
    """An event that was flagged. `block_time`: a time in its candles; None: it was in none."""

    seq: int
    signature: bytes
    slot: int
    mint: bytes
    wallet: bytes | None
    is_trade: bool
    block_time: int | None


class TokenSums(msgspec.Struct, frozen=True):
    """Sums over a token's own trades that stand."""

    trades: int = 0
    buys: int = 0
    volume_base: int = 0
    volume_quote: int = 0
    last_trade_at: int | None = None


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """A stored event that says a token's state: its place, and the state after it."""

    slot: int
    seq: int
    tx_index: int | None
    kind: str
    """trade, create, complete or migrate."""
    pool: bytes | None
    block_time: int | None
    price: Decimal | None
    progress_bps: int | None
    virtual_base: int | None
    virtual_quote: int | None
    real_base: int | None
    real_quote: int | None


class PricedTrade(msgspec.Struct, frozen=True, kw_only=True):
    """What a stored trade did to its candle."""

    slot: int
    seq: int
    tx_index: int | None
    price: Decimal
    is_buy: bool
    base_amount: int
    quote_amount: int


async def withdraw(connection: Connection, landings: Collection[Landing]) -> list[Withdrawn]:
    """Flag every event of these landings that stands; returns them, oldest first."""
    signatures, slots = zip(*landings, strict=True) if landings else ((), ())
    rows = await connection.fetch(
        """WITH gone AS (SELECT * FROM unnest($1::bytea[], $2::int8[]) AS g (signature, slot)),
        trades_ AS (
            UPDATE trade_rows t SET retracted = true FROM gone g
            WHERE t.slot = g.slot AND substr(t.signature, 1, 8) = substr(g.signature, 1, 8)
              AND t.signature = g.signature AND NOT t.retracted
            RETURNING t.seq, t.signature, t.slot,
                      (SELECT key FROM keys WHERE id = t.token_id) AS mint,
                      (SELECT key FROM keys WHERE id = t.wallet_id) AS wallet, t.is_own AS is_trade,
                      CASE WHEN t.is_own AND t.price IS NOT NULL THEN t.block_time END
                      AS block_time),
        events_ AS (
            UPDATE token_events e SET retracted = true FROM gone g
            WHERE e.signature = g.signature AND e.slot = g.slot AND NOT e.retracted
            RETURNING e.seq, e.signature, e.slot, e.mint, e.wallet, false, NULL::int8)
        SELECT * FROM trades_ UNION ALL SELECT * FROM events_ ORDER BY seq""",
        list(signatures),
        list(slots),
        timeout=_TIMEOUT_S,
    )
    return [Withdrawn(**row) for row in rows]


_MAKE_ROOM = """
    WITH again AS (
        SELECT * FROM unnest($1::bytea[], $2::text[], $3::int2[], $4::int8[])
                      AS k (signature, program, ordinal, slot)),
    trades_ AS (
        DELETE FROM trade_rows t USING again k, programs p
        WHERE t.slot = k.slot AND substr(t.signature, 1, 8) = substr(k.signature, 1, 8)
          AND t.signature = k.signature AND t.ordinal = k.ordinal AND p.name = k.program
          AND t.program_id = p.id AND t.retracted)
    DELETE FROM token_events t USING again k
    WHERE t.retracted AND t.signature = k.signature AND t.program = k.program
      AND t.ordinal = k.ordinal AND t.slot = k.slot"""


async def make_room(connection: Connection, identities: Collection[Identity]) -> None:
    """Remove the flagged rows of events that are about to be stored again: a fork that had been
    abandoned became the chain after all.
    """
    if identities:
        arrays = [list(column) for column in zip(*identities, strict=True)]
        await connection.execute(_MAKE_ROOM, *arrays, timeout=_TIMEOUT_S)


async def disordered(
    connection: Connection, slots: Collection[int]
) -> list[tuple[bytes, bytes | None, int | None]]:
    """Own trades (mint, wallet, time in its candles) of tokens that in one of these slots were
    stored in another order than the block's. Whose places are not all known are among them: a
    wallet's may be, or a bar's, and in_order decides for each.
    """
    rows = await connection.fetch(
        """WITH own AS (
            SELECT token_id, slot, seq, tx_index, wallet_id, price, block_time
            FROM trade_rows WHERE slot = ANY($1::int8[]) AND is_own AND NOT retracted),
        placed AS (
            SELECT token_id, slot, tx_index,
                   lag(tx_index) OVER (PARTITION BY token_id, slot ORDER BY seq) AS before
            FROM own WHERE tx_index IS NOT NULL),
        wrong AS (SELECT DISTINCT token_id, slot FROM placed WHERE before > tx_index)
        SELECT DISTINCT m.key AS mint, w.key AS wallet,
               CASE WHEN price IS NOT NULL THEN block_time END AS block_time
        FROM own JOIN wrong USING (token_id, slot) JOIN keys m ON m.id = token_id
        LEFT JOIN keys w ON w.id = wallet_id""",
        list(slots),
        timeout=_TIMEOUT_S,
    )
    return [(row["mint"], row["wallet"], row["block_time"]) for row in rows]


async def sums(connection: Connection, tokens: Collection[int]) -> dict[int, TokenSums]:
    """Of each token (by number) with own trades that stand."""
    rows = await connection.fetch(
        """SELECT token_id, count(*) AS trades, count(*) FILTER (WHERE is_buy) AS buys,
                  sum(base_amount) AS volume_base, sum(quote_amount) AS volume_quote,
                  max(block_time) AS last_trade_at
           FROM trade_rows WHERE token_id = ANY($1::int4[]) AND is_own AND NOT retracted
           GROUP BY token_id""",
        list(tokens),
        timeout=_TIMEOUT_S,
    )
    return {
        row["token_id"]: TokenSums(
            row["trades"], row["buys"], int(row["volume_base"]), int(row["volume_quote"]),
            row["last_trade_at"],
        )
        for row in rows
    }  # fmt: skip


_STATE = "price, progress_bps, virtual_base, virtual_quote, real_base, real_quote"


async def newest_trades(
    connection: Connection, tokens: Collection[int]
) -> Mapping[int, list[Moment]]:
    """Of each token (by number) all own trades that stand in the newest slot with any."""
    rows = await connection.fetch(
        f"""SELECT t.token_id AS of, t.slot, t.seq, t.tx_index, 'trade' AS kind,
                   NULL::bytea AS pool, t.block_time, {_STATE}
            FROM unnest($1::int4[]) AS m (id)
            CROSS JOIN LATERAL (
                SELECT slot FROM trade_rows WHERE token_id = m.id AND is_own AND NOT retracted
                ORDER BY slot DESC LIMIT 1) AS newest
            JOIN trade_rows t ON t.token_id = m.id AND t.slot = newest.slot
            WHERE t.is_own AND NOT t.retracted""",  # noqa: S608 - a constant
        list(tokens),
        timeout=_TIMEOUT_S,
    )
    return _moments(rows)


async def moments(connection: Connection, mints: Collection[bytes]) -> Mapping[bytes, list[Moment]]:
    """Creations, completions and migrations that stand, in the order of slots."""
    rows = await connection.fetch(
        """SELECT mint AS of, slot, seq, NULL::int4 AS tx_index, kind, pool, block_time, price,
                  0 AS progress_bps, virtual_base, virtual_quote, real_base, real_quote
           FROM token_events WHERE mint = ANY($1::bytea[]) AND NOT retracted ORDER BY slot, seq""",
        list(mints),
        timeout=_TIMEOUT_S,
    )
    return _moments(rows)


def _moments(rows: Collection[asyncpg.Record]) -> dict[Any, list[Moment]]:
    found: dict[Any, list[Moment]] = {}
    for row in rows:
        fields = dict(row)
        of = fields.pop("of")
        fields["price"] = None if fields["price"] is None else Decimal(fields["price"])
        found.setdefault(of, []).append(Moment(**fields))
    return found


async def named_elsewhere(connection: Connection, mints: Mapping[bytes, int]) -> set[bytes]:
    """Tokens (with their numbers) that some event that stands names: also a trade in a foreign
    pool.
    """
    rows = await connection.fetch(
        """SELECT mint FROM unnest($1::bytea[], $2::int4[]) AS m (mint, id)
           WHERE EXISTS (SELECT FROM trade_rows t WHERE t.token_id = m.id AND NOT t.retracted)
              OR EXISTS (SELECT FROM token_events e WHERE e.mint = m.mint AND NOT e.retracted)""",
        list(mints),
        list(mints.values()),
        timeout=_TIMEOUT_S,
    )
    return {row["mint"] for row in rows}


async def candle_trades(
    connection: Connection, ids: Mapping[bytes, int], spans: Mapping[CandleKey, Span]
) -> dict[CandleKey, list[PricedTrade]]:
    """Of each candle: its trades that stand, which lie in the slots of its span."""
    found: dict[CandleKey, list[PricedTrade]] = {}
    by_id = {(ids[key[0]], *key[1:]): key for key in spans}
    rows = await connection.fetch(
        """SELECT k.token_id, k.interval_s, k.start,
                  t.slot, t.seq, t.tx_index, t.price, t.is_buy, t.base_amount, t.quote_amount
           FROM unnest($1::int4[], $2::int4[], $3::int8[], $4::int8[], $5::int8[])
                AS k (token_id, interval_s, start, first_slot, last_slot)
           JOIN trade_rows t
                ON t.token_id = k.token_id AND t.slot BETWEEN k.first_slot AND k.last_slot
           WHERE t.is_own AND NOT t.retracted AND t.price IS NOT NULL
             AND t.block_time >= k.start AND t.block_time < k.start + k.interval_s""",
        *([key[column] for key in by_id] for column in range(3)),
        *([span[end] for span in spans.values()] for end in range(2)),
        timeout=_TIMEOUT_S,
    )
    for token_id, interval_s, start, *rest in rows:
        fields = dict(zip(PricedTrade.__struct_fields__, rest, strict=True))
        fields["price"] = Decimal(fields["price"])
        found.setdefault(by_id[token_id, interval_s, start], []).append(PricedTrade(**fields))
    return found


async def forget(
    connection: Connection, tokens: Mapping[bytes, int], positions: Collection[tuple[int, int]]
) -> None:
    """Remove rows that nothing that stands is left for: tokens, and positions by the numbers of
    wallet and mint.
    """
    if tokens:
        await connection.execute("DELETE FROM tokens WHERE mint = ANY($1::bytea[])", list(tokens))
        await connection.execute(
            "DELETE FROM token_names WHERE token_id = ANY($1::int4[])", list(tokens.values())
        )
    if positions:
        wallets, mints = map(list, zip(*positions, strict=True))
        await connection.execute(
            """DELETE FROM position_rows p
               USING unnest($1::int4[], $2::int4[]) AS k (wallet_id, token_id)
               WHERE p.wallet_id = k.wallet_id AND p.token_id = k.token_id""",
            wallets,
            mints,
        )
