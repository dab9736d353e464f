"""A wallet: what it holds, and what it made of it."""

# ruff: noqa: S608 - what is put into statements are names that are written in this file

from __future__ import annotations

from decimal import Decimal

import msgspec

from db.pool import Pool
from db.reads.moment import ID_OF, Before, Moment, Page, at_moment, page_of, rows_of


class OpenPosition(msgspec.Struct, frozen=True):
    """A wallet's position in a token, with what the token is and costs now."""

    token_id: int
    seq: int
    base_amount: int
    cost_quote: int
    realized_quote: int
    bought_quote: int
    sold_quote: int
    buys: int
    sells: int
    mint: bytes
    symbol: str | None
    name: str | None
    decimals: int | None
    quote_mint: bytes | None
    quote_decimals: int | None
    price: Decimal | int | None
    has_image: bool


class TotalsRow(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a wallet did against one quote token; what is open is at last prices."""

    quote_mint: bytes | None
    positions: int
    buys: int
    sells: int
    bought_quote: int
    sold_quote: int
    realized_quote: int
    last_trade_at: int | None
    open_positions: int = 0
    unpriced_positions: int = 0
    cost_quote: int = 0
    value_quote: int = 0
    is_partial: bool = False
    """The wallet has more than MOST_VALUED positions; what is open was looked for in these."""


MOST_VALUED = 2_000
"""Positions of a wallet, those traded last, that are valued at the prices of now."""


async def positions(
    pool: Pool, wallet: bytes, is_open: bool | None, before: Before, limit: int
) -> Page[OpenPosition]:
    """Positions, the one traded last first: all, those still open, or those sold out."""
    where = {None: "true", True: "p.base_amount > 0", False: "p.base_amount = 0"}[is_open]
    if before is not None:
        where += " AND p.seq < $3"
    moment, records = await at_moment(
        pool,
        f"""SELECT p.*, t.mint, t.symbol, t.name, t.decimals, t.quote_mint, t.quote_decimals,
                t.price, m.thumbnail_hash IS NOT NULL AS has_image
            FROM (SELECT p.* FROM position_rows p
                WHERE p.wallet_id = {ID_OF.format("$1")} AND {where}
                ORDER BY p.seq DESC LIMIT $2) p
            JOIN tokens t ON t.id = p.token_id LEFT JOIN token_metadata m ON m.mint = t.mint
            ORDER BY p.seq DESC""",
        wallet, limit + 1, *(before or ()),
    )  # fmt: skip
    found = rows_of(OpenPosition, records)
    return page_of(moment, found, limit, lambda row: (row.seq,))


_TOTALS = f"""SELECT k.key AS quote_mint, w.positions, w.buys, w.sells, w.bought_quote,
        w.sold_quote, w.realized_quote, greatest(w.last_buy_at, w.last_sell_at) AS last_trade_at,
        w.quote_id
    FROM wallet_totals w LEFT JOIN keys k ON k.id = w.quote_id
    WHERE w.wallet_id = {ID_OF.format("$1")}"""

_OPEN = f"""SELECT coalesce(t.quote_id, 0) AS quote_id, count(*) AS open_positions,
        count(*) FILTER (WHERE t.price IS NULL) AS unpriced_positions,
        coalesce(sum(p.cost_quote) FILTER (WHERE t.price IS NOT NULL), 0) AS cost_quote,
        coalesce(sum(floor(
            p.base_amount * t.price * 10::numeric ^ (t.quote_decimals - t.decimals))), 0)
            AS value_quote
    FROM (SELECT * FROM position_rows WHERE wallet_id = {ID_OF.format("$1")}
          ORDER BY seq DESC LIMIT $2) p
    JOIN tokens t ON t.id = p.token_id WHERE p.base_amount > 0
    GROUP BY coalesce(t.quote_id, 0)"""


async def totals(pool: Pool, wallet: bytes) -> tuple[Moment, list[TotalsRow], int]:
    """A wallet's totals per quote token, and how many tokens it created."""
    async with pool.acquire() as connection:
        moment, records = await at_moment(
            connection, f"{_TOTALS} ORDER BY w.buys + w.sells DESC, w.quote_id", wallet
        )
        created = await connection.fetchval(
            f"SELECT count(*) FROM tokens t WHERE t.creator_id = {ID_OF.format('$1')}", wallet
        )
    return moment, [_totals(dict(record)) for record in records], created


async def profits(
    pool: Pool, wallet: bytes, most: int = MOST_VALUED
) -> tuple[Moment, list[TotalsRow]]:
    """The same with what is open, all as of one moment. Of a wallet with more than `most`
    positions, what is open of those traded last."""
    moment, records = await at_moment(
        pool,
        f"""SELECT w.*, coalesce(o.open_positions, 0) AS open_positions,
                coalesce(o.unpriced_positions, 0) AS unpriced_positions,
                coalesce(o.cost_quote, 0) AS cost_quote, coalesce(o.value_quote, 0) AS value_quote,
                sum(w.positions) OVER () > $2 AS is_partial
            FROM ({_TOTALS}) w
            LEFT JOIN ({_OPEN}) o ON o.quote_id = w.quote_id
            ORDER BY w.buys + w.sells DESC, w.quote_id""",
        wallet, most,
    )  # fmt: skip
    return moment, [_totals(dict(record)) for record in records]


def _totals(record: dict[str, object]) -> TotalsRow:
    names = set(TotalsRow.__struct_fields__)
    return msgspec.convert({key: value for key, value in record.items() if key in names}, TotalsRow)
