"""Withdrawing what a fork undid, and reading what is needed to fold tokens anew.

Nothing is deleted before it is replaced: a withdrawn event keeps its row, flagged. What is folded
from events (tokens, positions) is derived, and goes when no event that stands is left for it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal

import asyncpg
import msgspec

from db.pool import Connection
from db.rows import CandleKey, Identity, PositionKey

_TIMEOUT_S = 60

Landing = tuple[bytes, int]
"""A signature and the slot it landed in."""


class Withdrawn(msgspec.Struct, frozen=True):
    """An event that was flagged. `start`: the minute of its candle; None: it was in none."""

    seq: int
    signature: bytes
    slot: int
    mint: bytes
    wallet: bytes | None
    is_trade: bool
    start: int | None


class TokenSums(msgspec.Struct, frozen=True):
    """Sums over a token's own trades that stand."""

    trades: int = 0
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
    market_cap: Decimal | None
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
    base_amount: int
    quote_amount: int


async def withdraw(connection: Connection, landings: Collection[Landing]) -> list[Withdrawn]:
    """Flag every event of these landings that stands; returns them, oldest first."""
    signatures, slots = zip(*landings, strict=True) if landings else ((), ())
    rows = await connection.fetch(
        """WITH gone AS (SELECT * FROM unnest($1::bytea[], $2::int8[]) AS g (signature, slot)),
        trades_ AS (
            UPDATE trades t SET retracted = true FROM gone g
            WHERE t.signature = g.signature AND t.slot = g.slot AND NOT t.retracted
            RETURNING t.seq, t.signature, t.slot, t.mint, t.wallet, t.is_own AS is_trade,
                      CASE WHEN t.is_own AND t.price IS NOT NULL
                           THEN t.block_time - t.block_time % 60 END AS start),
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


async def make_room(connection: Connection, identities: Collection[Identity]) -> None:
    """Remove the flagged rows of events that are about to be stored again: a fork that had been
    abandoned became the chain after all.
    """
    if not identities:
        return
    arrays = [list(column) for column in zip(*identities, strict=True)]
    for table in ("trades", "token_events"):
        await connection.execute(
            f"""DELETE FROM {table} t
                USING unnest($1::bytea[], $2::text[], $3::int2[], $4::int8[])
                      AS k (signature, program, ordinal, slot)
                WHERE t.retracted AND t.signature = k.signature AND t.program = k.program
                  AND t.ordinal = k.ordinal AND t.slot = k.slot""",  # noqa: S608 - two constants
            *arrays,
            timeout=_TIMEOUT_S,
        )


async def disordered(
    connection: Connection, slots: Collection[int]
) -> list[tuple[bytes, bytes | None, int | None]]:
    """Own trades (mint, wallet, minute of the candle) of tokens that in one of these slots were
    stored in another order than the block's; only where the whole of that order is known.
    """
    rows = await connection.fetch(
        """WITH placed AS (
            SELECT mint, slot, seq, tx_index, wallet, price, block_time,
                   lag(tx_index) OVER token AS before,
                   count(*) OVER whole = count(tx_index) OVER whole AS is_known
            FROM trades WHERE slot = ANY($1::int8[]) AND is_own AND NOT retracted
            WINDOW token AS (PARTITION BY mint, slot ORDER BY seq),
                   whole AS (PARTITION BY mint, slot)),
        wrong AS (SELECT DISTINCT mint, slot FROM placed WHERE is_known AND before > tx_index)
        SELECT DISTINCT mint, wallet,
               CASE WHEN price IS NOT NULL THEN block_time - block_time % 60 END AS start
        FROM placed JOIN wrong USING (mint, slot)""",
        list(slots),
        timeout=_TIMEOUT_S,
    )
    return [(row["mint"], row["wallet"], row["start"]) for row in rows]


async def sums(connection: Connection, mints: Collection[bytes]) -> dict[bytes, TokenSums]:
    """Of each token with own trades that stand."""
    rows = await connection.fetch(
        """SELECT mint, count(*) AS trades, sum(base_amount) AS volume_base,
                  sum(quote_amount) AS volume_quote, max(block_time) AS last_trade_at
           FROM trades WHERE mint = ANY($1::bytea[]) AND is_own AND NOT retracted GROUP BY mint""",
        list(mints),
        timeout=_TIMEOUT_S,
    )
    return {
        row["mint"]: TokenSums(
            row["trades"], int(row["volume_base"]), int(row["volume_quote"]), row["last_trade_at"]
        )
        for row in rows
    }


_STATE = "price, market_cap, progress_bps, virtual_base, virtual_quote, real_base, real_quote"


async def newest_trades(
    connection: Connection, mints: Collection[bytes]
) -> Mapping[bytes, list[Moment]]:
    """Of each token all own trades that stand in the newest slot with any."""
    rows = await connection.fetch(
        f"""SELECT t.mint, t.slot, t.seq, t.tx_index, 'trade' AS kind, NULL::bytea AS pool,
                   t.block_time, {_STATE}
            FROM unnest($1::bytea[]) AS m (mint)
            CROSS JOIN LATERAL (
                SELECT slot FROM trades WHERE mint = m.mint AND is_own AND NOT retracted
                ORDER BY slot DESC LIMIT 1) AS newest
            JOIN trades t ON t.mint = m.mint AND t.slot = newest.slot
            WHERE t.is_own AND NOT t.retracted""",  # noqa: S608 - a constant
        list(mints),
        timeout=_TIMEOUT_S,
    )
    return _moments(rows)


async def moments(connection: Connection, mints: Collection[bytes]) -> Mapping[bytes, list[Moment]]:
    """Creations, completions and migrations that stand, in the order of slots."""
    rows = await connection.fetch(
        """SELECT mint, slot, seq, NULL::int4 AS tx_index, kind, pool, block_time, price,
                  market_cap, 0 AS progress_bps, virtual_base, virtual_quote, real_base, real_quote
           FROM token_events WHERE mint = ANY($1::bytea[]) AND NOT retracted ORDER BY slot, seq""",
        list(mints),
        timeout=_TIMEOUT_S,
    )
    return _moments(rows)


def _moments(rows: Collection[asyncpg.Record]) -> Mapping[bytes, list[Moment]]:
    found: dict[bytes, list[Moment]] = {}
    for row in rows:
        fields = dict(row)
        mint = fields.pop("mint")
        for name in ("price", "market_cap"):
            fields[name] = None if fields[name] is None else Decimal(fields[name])
        found.setdefault(mint, []).append(Moment(**fields))
    return found


async def named_elsewhere(connection: Connection, mints: Collection[bytes]) -> set[bytes]:
    """Tokens that some event that stands names: also a trade in a foreign pool."""
    rows = await connection.fetch(
        """SELECT mint FROM unnest($1::bytea[]) AS m (mint)
           WHERE EXISTS (SELECT FROM trades t WHERE t.mint = m.mint AND NOT t.retracted)
              OR EXISTS (SELECT FROM token_events e WHERE e.mint = m.mint AND NOT e.retracted)""",
        list(mints),
        timeout=_TIMEOUT_S,
    )
    return {row["mint"] for row in rows}


async def candle_trades(
    connection: Connection, keys: Collection[CandleKey]
) -> dict[CandleKey, list[PricedTrade]]:
    """Of each stored candle: its trades that stand. They lie in the slots that the row spans."""
    found: dict[CandleKey, list[PricedTrade]] = {}
    if not keys:
        return found
    mints, intervals, starts = map(list, zip(*keys, strict=True))
    rows = await connection.fetch(
        """SELECT c.mint, c.interval_s, c.start,
                  t.slot, t.seq, t.tx_index, t.price, t.base_amount, t.quote_amount
           FROM unnest($1::bytea[], $2::int4[], $3::int8[]) AS k (mint, interval_s, start)
           JOIN candles c USING (mint, interval_s, start)
           JOIN trades t ON t.mint = c.mint AND t.slot BETWEEN c.first_slot AND c.last_slot
           WHERE t.is_own AND NOT t.retracted AND t.price IS NOT NULL
             AND t.block_time >= c.start AND t.block_time < c.start + c.interval_s""",
        mints,
        intervals,
        starts,
        timeout=_TIMEOUT_S,
    )
    for mint, interval_s, start, *rest in rows:
        fields = dict(zip(PricedTrade.__struct_fields__, rest, strict=True))
        fields["price"] = Decimal(fields["price"])
        found.setdefault((mint, interval_s, start), []).append(PricedTrade(**fields))
    return found


async def forget(
    connection: Connection, tokens: Collection[bytes], positions: Collection[PositionKey]
) -> None:
    """Remove rows that nothing that stands is left for."""
    if tokens:
        await connection.execute("DELETE FROM tokens WHERE mint = ANY($1::bytea[])", list(tokens))
    if positions:
        wallets, mints = map(list, zip(*positions, strict=True))
        await connection.execute(
            """DELETE FROM positions p USING unnest($1::bytea[], $2::bytea[]) AS k (wallet, mint)
               WHERE p.wallet = k.wallet AND p.mint = k.mint""",
            wallets,
            mints,
        )
