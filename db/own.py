"""What can be said of stored trades only once their token is known: whether they are on its own
curve or pool, and their price. The news of it may come after them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from decimal import Decimal

import msgspec

from db.pool import Connection

_TIMEOUT_S = 60

_JUDGE = """
    UPDATE trade_rows t SET is_own = NOT t.is_own FROM tokens k
    WHERE k.mint = ANY($1::bytea[]) AND t.token_id = k.id AND NOT t.retracted
      AND t.is_own <> (
        (t.pool_id IS NULL
         OR (k.pool IS NULL AND (k.amm_pool IS NULL OR t.progress_bps IS NOT NULL))
         OR coalesce((SELECT key FROM keys WHERE id = t.pool_id) = k.pool, false)
         OR coalesce((SELECT key FROM keys WHERE id = t.pool_id) = k.amm_pool, false))
        AND (t.quote_id IS NULL OR t.quote_id IS NOT DISTINCT FROM k.quote_id))
    RETURNING k.mint, (SELECT key FROM keys WHERE id = t.wallet_id) AS wallet, t.slot,
              CASE WHEN t.price IS NOT NULL THEN t.block_time END AS block_time"""

_UNPRICED = """
    SELECT t.slot, t.seq, t.virtual_quote, t.virtual_base, k.decimals,
           coalesce((SELECT key FROM keys WHERE id = t.quote_id), k.quote_mint) AS quote_mint
    FROM tokens k JOIN trade_rows t ON t.token_id = k.id
    WHERE k.mint = ANY($1::bytea[]) AND k.decimals IS NOT NULL AND t.price IS NULL
      AND t.virtual_quote IS NOT NULL AND t.virtual_base > 0 AND NOT t.retracted"""
_PRICE = """
    UPDATE trade_rows t SET price = n.price
    FROM unnest($1::int8[], $2::int8[], $3::numeric[]) AS n (slot, seq, price)
    WHERE t.slot = n.slot AND t.seq = n.seq
    RETURNING (SELECT key FROM keys WHERE id = t.token_id) AS mint, NULL::bytea AS wallet, t.slot,
              t.block_time, t.is_own"""


class Unpriced(msgspec.Struct, frozen=True):
    """A stored trade that has no price, though what makes it is known now."""

    slot: int
    seq: int
    virtual_quote: int
    virtual_base: int
    decimals: int
    quote_mint: bytes | None


class Judged(msgspec.Struct, frozen=True):
    """A stored trade that turned out to be its token's own, or not to be, or that has a price now.

    `wallet`: whose position it changes. `block_time`: a time in its candles; None: it is in none.
    """

    mint: bytes
    wallet: bytes | None
    slot: int
    block_time: int | None


async def judge(connection: Connection, mints: Collection[bytes]) -> list[Judged]:
    """Set what is wrong by the pools and the quote that are known of these tokens now: the same
    rule by which a trade is folded (indexer.fold). Reads all trades of the tokens.
    """
    rows = await connection.fetch(_JUDGE, list(mints), timeout=_TIMEOUT_S)
    return [Judged(**row) for row in rows]


async def unpriced(connection: Connection, mints: Collection[bytes]) -> list[Unpriced]:
    """Trades of these tokens for which there was no price when they came."""
    rows = await connection.fetch(_UNPRICED, list(mints), timeout=_TIMEOUT_S)
    return [
        Unpriced(**{**row, **{name: int(row[name]) for name in ("virtual_quote", "virtual_base")}})
        for row in rows
    ]


async def price(
    connection: Connection, trades: Sequence[Unpriced], prices: Sequence[Decimal]
) -> list[Judged]:
    """Give these trades their prices; returns those that are their token's own."""
    places = [[one.slot for one in trades], [one.seq for one in trades]]
    rows = await connection.fetch(_PRICE, *places, list(prices), timeout=_TIMEOUT_S)
    return [
        Judged(row["mint"], row["wallet"], row["slot"], row["block_time"])
        for row in rows
        if row["is_own"]
    ]
