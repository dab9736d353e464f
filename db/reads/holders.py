"""Who holds a token, and who made what of it: from its trades, so transfers are not seen."""

# ruff: noqa: S608 - what is put into statements are names that are written in this file

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Literal

import msgspec

from db.pool import Connection, Pool
from db.reads.moment import Before, Key, Moment, Page, at_moment, page_of, row_of, rows_of
from db.reads.trades import PLACE

_TOP = 10
TraderOrder = Literal["realized", "loss", "amount", "recent"]


class HolderRow(msgspec.Struct, frozen=True):
    """A wallet that holds something."""

    wallet_id: int
    wallet: bytes
    base_amount: int


class Holders(msgspec.Struct, frozen=True, kw_only=True):
    """A page of holders, and what is known of all of them; None: the token was never seen."""

    page: Page[HolderRow]
    count: int
    top10: int
    """What the ten largest hold together."""
    supply: int | None
    creator: bytes | None


class TraderRow(msgspec.Struct, frozen=True):
    """A wallet's position in a token."""

    wallet_id: int
    wallet: bytes
    base_amount: int
    cost_quote: int
    realized_quote: int
    bought_quote: int
    sold_quote: int
    buys: int
    sells: int
    last_at: int | None


class OfToken(msgspec.Struct, frozen=True, kw_only=True):
    """What values of a token's positions are reckoned with."""

    id: int
    creator: bytes | None
    creator_id: int | None
    created_slot: int | None
    supply: int | None
    price: Decimal | int | None
    decimals: int | None
    quote_decimals: int | None


_NOW = """SELECT p.wallet_id, p.base_amount FROM position_rows p
    WHERE p.token_id = $1 AND p.base_amount > 0"""

_THEN = f"""SELECT f.wallet_id, sum(f.change) - least(0, min(f.running)) AS base_amount
    FROM (SELECT t.wallet_id, t.change,
              sum(t.change) OVER (PARTITION BY t.wallet_id ORDER BY {PLACE}
                                  ROWS UNBOUNDED PRECEDING) AS running
          FROM (SELECT *, CASE WHEN is_buy THEN base_amount ELSE -base_amount END AS change
                FROM trade_rows) t
          WHERE t.token_id = $1 AND t.slot <= $2 AND t.wallet_id IS NOT NULL AND t.is_own
            AND NOT t.retracted) f
    GROUP BY f.wallet_id
    HAVING sum(f.change) - least(0, min(f.running)) > 0"""
"""A position never falls below zero: what is sold beyond it had come by transfer. A sum that is
held at zero ends at its plain sum less the lowest that the plain sum ever was."""


async def of_token(connection: Connection, mint: bytes) -> OfToken | None:
    """The token itself."""
    record = await connection.fetchrow(
        "SELECT id, creator, creator_id, created_slot, supply, price, decimals, quote_decimals "
        "FROM tokens WHERE mint = $1",
        mint,
    )
    return None if record is None else row_of(OfToken, record)


async def holders(
    pool: Pool, mint: bytes, as_of_slot: int | None, before: Before, limit: int
) -> Holders | None:
    """Holders, the largest first: now, or as they were after a slot."""
    async with pool.acquire() as connection:
        token = await of_token(connection, mint)
        if token is None:
            return None
        if as_of_slot is None:
            return await _now(connection, token, before, limit)
        return await _then(connection, token, as_of_slot, (before, limit))


async def _now(connection: Connection, token: OfToken, before: Before, limit: int) -> Holders:
    where = "" if before is None else "AND (p.base_amount, p.wallet_id) < ($3::numeric, $4::int)"
    moment, records = await at_moment(
        connection,
        f"""SELECT h.*, k.key AS wallet FROM ({_NOW} {where}
                ORDER BY p.base_amount DESC, p.wallet_id DESC LIMIT $2) h
            JOIN keys k ON k.id = h.wallet_id ORDER BY h.base_amount DESC, h.wallet_id DESC""",
        token.id, limit + 1, *(before or ()),
    )  # fmt: skip
    summary = await connection.fetchrow(
        f"""SELECT (SELECT holders FROM tokens WHERE id = $1) AS count,
            (SELECT coalesce(sum(h.base_amount), 0) FROM (
                {_NOW} ORDER BY p.base_amount DESC LIMIT {_TOP}) h) AS top10""",
        token.id,
    )
    found = rows_of(HolderRow, records)
    sums = (0, 0) if summary is None else (summary["count"], summary["top10"])
    return _holders(token, _page(moment, found, limit), sums)


async def _then(
    connection: Connection, token: OfToken, slot: int, part: tuple[Before, int]
) -> Holders:
    before, limit = part
    where = "true" if before is None else "(h.base_amount, h.wallet_id) < ($4::numeric, $5::int)"
    moment, records = await at_moment(
        connection,
        f"""WITH h AS MATERIALIZED ({_THEN}), s AS (
                SELECT count(*) AS count, coalesce(sum(base_amount) FILTER (WHERE n <= {_TOP}), 0)
                    AS top10
                FROM (SELECT base_amount, row_number() OVER (ORDER BY base_amount DESC) AS n
                      FROM h) r)
            SELECT s.count, s.top10, h.wallet_id, h.base_amount, k.key AS wallet
            FROM s LEFT JOIN (SELECT * FROM h WHERE {where}
                ORDER BY h.base_amount DESC, h.wallet_id DESC LIMIT $3) h ON true
            LEFT JOIN keys k ON k.id = h.wallet_id
            ORDER BY h.base_amount DESC, h.wallet_id DESC""",
        token.id, slot, limit + 1, *(before or ()),
    )  # fmt: skip
    found = rows_of(HolderRow, (each for each in records if each["wallet_id"] is not None))
    sums = (records[0]["count"], records[0]["top10"])
    return _holders(token, _page(moment, found, limit), sums)


def _holders(token: OfToken, page: Page[HolderRow], sums: tuple[int, int]) -> Holders:
    return Holders(
        page=page, count=sums[0], top10=sums[1], supply=token.supply, creator=token.creator
    )


def _page(moment: Moment, found: list[HolderRow], limit: int) -> Page[HolderRow]:
    return page_of(moment, found, limit, lambda row: (Decimal(row.base_amount), row.wallet_id))


class _Order(msgspec.Struct, frozen=True):
    """An order of positions, and the column it goes by: each has an index."""

    column: str
    where: str = ""
    type_: str = "numeric"
    is_descending: bool = True


_ORDERS: Mapping[TraderOrder, _Order] = MappingProxyType(
    {
        "realized": _Order("realized_quote"),
        "loss": _Order("realized_quote", is_descending=False),
        "amount": _Order("base_amount", "AND p.base_amount > 0 "),
        "recent": _Order("last_at", "AND p.last_at IS NOT NULL ", "bigint"),
    }
)


async def traders(
    pool: Pool, mint: bytes, by: TraderOrder, before: Before, limit: int
) -> tuple[OfToken, Page[TraderRow]] | None:
    """Positions in an order; None: the token was never seen."""
    order = _ORDERS[by]
    way, sign = ("DESC", "<") if order.is_descending else ("ASC", ">")
    after = f"AND (p.{order.column}, p.wallet_id) {sign} ($3::{order.type_}, $4::int)"
    where = order.where + ("" if before is None else after)
    async with pool.acquire() as connection:
        token = await of_token(connection, mint)
        if token is None:
            return None
        moment, records = await at_moment(
            connection,
            f"""SELECT p.*, k.key AS wallet FROM (
                    SELECT * FROM position_rows p WHERE p.token_id = $1 {where}
                    ORDER BY p.{order.column} {way}, p.wallet_id {way} LIMIT $2) p
                JOIN keys k ON k.id = p.wallet_id
                ORDER BY p.{order.column} {way}, p.wallet_id {way}""",
            token.id, limit + 1, *(before or ()),
        )  # fmt: skip
    found = rows_of(TraderRow, records)

    def key(row: TraderRow) -> Key:
        value: int = getattr(row, order.column)
        return (value if order.type_ == "bigint" else Decimal(value)), row.wallet_id

    return token, page_of(moment, found, limit, key)
