"""Trades of a token or of a wallet, in the chain's order."""

# ruff: noqa: S608 - what is put into statements are names that are written in this file

from __future__ import annotations

from decimal import Decimal

import msgspec

from db.feed import Scope
from db.pool import Pool
from db.reads.moment import ID_OF, Arguments, Before, Key, Page, at_moment, page_of, rows_of


class TradeView(msgspec.Struct, frozen=True):
    """A stored trade, with what its token knows to make it readable. Numbers that are only shown
    are decimal texts. `fees` are amounts in the order of `fee_names`, both comma-separated."""

    signature: bytes
    program: str
    ordinal: int
    slot: int
    tx_index: int | None
    seq: int
    mint: bytes
    wallet: bytes | None
    is_buy: bool
    base_amount: str
    quote_amount: int
    user_quote_amount: int | None
    quote_usd: Decimal | int | None
    fees: str
    fee_names: str
    price: str | None
    virtual_base: int | None
    virtual_quote: int | None
    real_base: str | None
    real_quote: str | None
    progress_bps: int | None
    block_time: int | None
    is_own: bool
    pool: bytes | None
    quote_mint: bytes | None
    quote_decimals: int | None
    supply: int | None


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """Which trades of a scope: all that is given must hold. Times are unix seconds, both ends of
    a range are inside it; amounts are least ones, of base and of quote units."""

    is_buy: bool | None = None
    other: bytes | None = None
    """Of a token's trades the wallet, of a wallet's the mint."""
    min_base: int | None = None
    min_quote: int | None = None
    from_slot: int | None = None
    to_slot: int | None = None
    from_time: int | None = None
    to_time: int | None = None


NO_FILTERS = Filters()

_ROWS = """t.signature, p.name AS program, t.ordinal, t.slot, t.tx_index, t.seq, k.mint,
    w.key AS wallet, t.is_buy, t.base_amount::text, t.quote_amount, t.user_quote_amount,
    t.quote_usd, coalesce(t.fees, '') AS fees, coalesce(n.names, '') AS fee_names, t.price::text,
    t.virtual_base, t.virtual_quote, t.real_base::text, t.real_quote::text, t.progress_bps,
    t.block_time, t.is_own, l.key AS pool, q.key AS quote_mint, k.quote_decimals, k.supply"""

UNPLACED = 2**31 - 1
PLACE = f"t.slot, coalesce(t.tx_index, {UNPLACED}), t.seq"
"""The chain's order: inside a slot that of the block. What is not placed yet is the newest."""
NEWEST_FIRST = f"t.slot DESC, coalesce(t.tx_index, {UNPLACED}) DESC, t.seq DESC"


def readable(rows: str) -> str:
    """A SELECT of `trade_rows` with everything a TradeView has, newest first."""
    return f"""SELECT {_ROWS} FROM ({rows}) t
        JOIN tokens k ON k.id = t.token_id
        JOIN programs p ON p.id = t.program_id
        LEFT JOIN keys w ON w.id = t.wallet_id
        LEFT JOIN keys l ON l.id = t.pool_id
        LEFT JOIN keys q ON q.id = t.quote_id
        LEFT JOIN fee_names n ON n.id = t.fee_names_id
        ORDER BY {NEWEST_FIRST}"""


async def trades(
    pool: Pool, scope: Scope, filters: Filters, before: Before, limit: int
) -> Page[TradeView]:
    """Trades of a token or of a wallet, newest first, without those a fork undid."""
    arguments = Arguments()
    conditions = ["NOT t.retracted", *_of_scope(scope, filters, arguments)]
    conditions += _of_values(filters, arguments)
    conditions += _of_range(scope, filters, arguments)
    if before is not None:
        slot, index, seq = (arguments.add(value) for value in before)
        conditions.append(f"t.slot <= {slot} AND ({PLACE}) < ({slot}, {index}, {seq})")
    select = readable(
        f"SELECT * FROM trade_rows t WHERE {' AND '.join(conditions)} "
        f"ORDER BY {NEWEST_FIRST} LIMIT {arguments.add(limit + 1)}"
    )
    moment, records = await at_moment(pool, select, *arguments.values)
    found = rows_of(TradeView, records)
    return page_of(moment, found, limit, place_of)


def _of_scope(scope: Scope, filters: Filters, arguments: Arguments) -> list[str]:
    mine, others = "t.token_id", "t.wallet_id"
    if scope.mint is None:
        mine, others = others, mine
    conditions = [f"{mine} = {ID_OF.format(arguments.add(scope.mint or scope.wallet))}"]
    if filters.other is not None:
        conditions.append(f"{others} = {ID_OF.format(arguments.add(filters.other))}")
    return conditions


def _of_values(filters: Filters, arguments: Arguments) -> list[str]:
    conditions = []
    if filters.is_buy is not None:
        conditions.append("t.is_buy" if filters.is_buy else "NOT t.is_buy")
    if filters.min_base is not None:
        conditions.append(f"t.base_amount >= {arguments.add(filters.min_base)}::numeric")
    if filters.min_quote is not None:
        conditions.append(f"t.quote_amount >= {arguments.add(filters.min_quote)}::numeric")
    return conditions


def _of_range(scope: Scope, filters: Filters, arguments: Arguments) -> list[str]:
    """Slots, and times. A token's minutes tell which slots a time can be in at most: without that
    a page of what is old, or of few, would look at every trade there is."""
    conditions = []
    if filters.from_slot is not None:
        conditions.append(f"t.slot >= {arguments.add(filters.from_slot)}")
    if filters.to_slot is not None:
        conditions.append(f"t.slot <= {arguments.add(filters.to_slot)}")
    if filters.from_time is not None:
        time = arguments.add(filters.from_time)
        conditions.append(f"t.block_time >= {time}")
        if scope.mint is not None:
            conditions.append(f"t.slot >= coalesce(({_MINUTE_BEFORE.format(time=time)}), 0)")
    if filters.to_time is not None:
        time = arguments.add(filters.to_time)
        conditions.append(f"t.block_time <= {time}")
        if scope.mint is not None:
            last = f"coalesce(({_MINUTE_AFTER.format(time=time)}), {2**63 - 1})"
            conditions.append(f"t.slot <= {last}")
    return conditions


_MINUTE_BEFORE = """SELECT c.last_slot FROM candle_rows c
    WHERE c.token_id = (SELECT id FROM keys WHERE key = $1) AND c.interval_s = 60
      AND c.start <= {time}::bigint - 60 ORDER BY c.start DESC LIMIT 1"""
_MINUTE_AFTER = """SELECT c.first_slot FROM candle_rows c
    WHERE c.token_id = (SELECT id FROM keys WHERE key = $1) AND c.interval_s = 60
      AND c.start > {time}::bigint ORDER BY c.start LIMIT 1"""
"""$1 is the scope's key: `_of_scope` adds it first."""


def place_of(row: TradeView) -> Key:
    """Its place in the list."""
    return row.slot, UNPLACED if row.tx_index is None else row.tx_index, row.seq
