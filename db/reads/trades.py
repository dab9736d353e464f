"""Trades of a token or of a wallet, in the chain's order."""

# ruff: noqa: S608 - what is put into statements are names that are written in this file

from __future__ import annotations

from decimal import Decimal

import msgspec

from db.feed import Scope
from db.pool import Pool
from db.reads.moment import Before, Key, Page, at_moment, columns_of, page_of, row_of


class TradeView(msgspec.Struct, frozen=True, kw_only=True):
    """A stored trade, with what its token knows to make it readable. `fees` is JSON."""

    signature: bytes
    program: str
    ordinal: int
    slot: int
    tx_index: int | None
    seq: int
    mint: bytes
    wallet: bytes | None
    is_buy: bool
    base_amount: int
    quote_amount: int
    user_quote_amount: int | None
    fees: str
    price: Decimal | int | None
    virtual_base: int | None
    virtual_quote: int | None
    real_base: int | None
    real_quote: int | None
    progress_bps: int | None
    block_time: int | None
    is_own: bool
    pool: bytes | None
    amm_pool: bytes | None
    quote_mint: bytes | None
    quote_decimals: int | None
    supply: int | None


_OF_TOKEN = ("pool", "amm_pool", "quote_mint", "quote_decimals", "supply")
"""Fields of a TradeView that are its token's."""

TRADES = columns_of(TradeView, _OF_TOKEN)

UNPLACED = 2**31 - 1
_PLACE = f"t.slot, coalesce(t.tx_index, {UNPLACED}), t.seq"
"""The chain's order: inside a slot that of the block. What is not placed yet is the newest."""
NEWEST_FIRST = f"t.slot DESC, coalesce(t.tx_index, {UNPLACED}) DESC, t.seq DESC"


async def trades(pool: Pool, scope: Scope, before: Before, limit: int) -> Page[TradeView]:
    """Trades of a token or of a wallet, newest first, without those a fork undid."""
    where, key = ("t.mint = $1", scope.mint) if scope.mint else ("t.wallet = $1", scope.wallet)
    arguments: list[object] = [key, limit + 1]
    if before is not None:
        where += f" AND t.slot <= $3 AND ({_PLACE}) < ($3, $4, $5)"
        arguments.extend(before)
    moment, records = await at_moment(
        pool,
        f"SELECT {TRADES} FROM trades t LEFT JOIN tokens k ON k.mint = t.mint "
        f"WHERE {where} AND NOT t.retracted ORDER BY {NEWEST_FIRST} LIMIT $2",
        *arguments,
    )
    found = [row_of(TradeView, each) for each in records]
    return page_of(moment, found, limit, place_of)


def place_of(row: TradeView) -> Key:
    """Its place in the list."""
    return row.slot, UNPLACED if row.tx_index is None else row.tx_index, row.seq
