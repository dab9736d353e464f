"""Tokens by mint, symbol or name."""

# ruff: noqa: S608 - what is put into statements are names that are written in this package

from __future__ import annotations

from typing import Literal

from db.pool import Pool
from db.reads.moment import Moment, at_moment
from db.reads.tokens import COLUMNS, TokenView, viewed, with_others

MatchedBy = Literal["mint", "symbol", "name"]

_BY_MINT = f"SELECT {COLUMNS} FROM tokens t WHERE t.mint = $1"

_RANK = """(lower(t.symbol) = $1) DESC NULLS LAST, (lower(t.name) = $1) DESC NULLS LAST,
    starts_with(lower(t.symbol), $1) DESC NULLS LAST, t.trades DESC, t.id DESC"""
_BY_NAME = f"""SELECT {COLUMNS} FROM token_names n JOIN tokens t ON t.id = n.token_id
    WHERE n.grams @> query_grams($1)
      AND (strpos(lower(t.symbol), $1) > 0 OR strpos(lower(t.name), $1) > 0)
    ORDER BY {_RANK} LIMIT $2"""


async def by_mint(pool: Pool, mint: bytes) -> tuple[Moment, list[TokenView]]:
    """The token of this mint, if there is one."""
    async with pool.acquire() as connection:
        moment, records = await at_moment(connection, with_others(_BY_MINT), mint)
        return moment, await viewed(connection, records)


async def by_name(pool: Pool, text: str, limit: int) -> tuple[Moment, list[TokenView]]:
    """Tokens whose symbol or name holds the text, whatever its case: those that are called just
    so first, then by how much they are traded."""
    wanted = text.strip().lower()
    async with pool.acquire() as connection:
        moment, records = await at_moment(
            connection,
            f"{with_others(_BY_NAME)} ORDER BY {_RANK}",
            wanted,
            limit,
        )
        return moment, await viewed(connection, records)
