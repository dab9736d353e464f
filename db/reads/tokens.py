"""Tokens: one, and lists of them."""

# ruff: noqa: S608 - what is put into statements are names that are written in this file

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from db.pool import Pool
from db.reads.moment import Before, Moment, Page, at_moment, columns_of, page_of, row_of
from db.rows import TokenRow

TokenOrder = Literal["new", "active"]

TOKENS = columns_of(TokenRow)

_ORDER_OF_TOKENS: Mapping[TokenOrder, str] = MappingProxyType(
    {"new": "first_seq", "active": "state_seq"}
)


async def tokens(pool: Pool, order: TokenOrder, before: Before, limit: int) -> Page[TokenRow]:
    """Tokens by age (new) or by their newest state change (active), newest first."""
    key = _ORDER_OF_TOKENS[order]
    where, arguments = ("true", []) if before is None else (f"t.{key} < $2", [before[0]])
    moment, records = await at_moment(
        pool,
        f"SELECT {TOKENS} FROM tokens t WHERE {where} ORDER BY t.{key} DESC LIMIT $1",
        limit + 1,
        *arguments,
    )
    found = [row_of(TokenRow, each) for each in records]
    return page_of(moment, found, limit, lambda row: (getattr(row, key),))


async def token(pool: Pool, mint: bytes) -> tuple[Moment, TokenRow | None]:
    """One token."""
    moment, records = await at_moment(
        pool, f"SELECT {TOKENS} FROM tokens t WHERE t.mint = $1", mint
    )
    return moment, row_of(TokenRow, records[0]) if records else None
