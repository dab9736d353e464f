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
MOST_RANKED = 1_000
"""Tokens that are ranked: a letter or two may begin the names of most of what there is."""
_BY_NAME = f"""SELECT {COLUMNS} FROM (
        (SELECT token_id FROM token_names WHERE grams @> (query_grams($1) || $3::text[])
         LIMIT {MOST_RANKED})
        UNION (SELECT token_id FROM token_names WHERE grams @> query_grams($1)
         LIMIT {MOST_RANKED})) n
    JOIN tokens t ON t.id = n.token_id
    WHERE strpos(lower(t.symbol), $1) > 0 OR strpos(lower(t.name), $1) > 0
    ORDER BY {_RANK} LIMIT $2"""
"""$3: what only names that are the whole text have in common, and few others."""


async def by_mint(pool: Pool, mint: bytes) -> tuple[Moment, list[TokenView]]:
    """The token of this mint, if there is one."""
    async with pool.acquire() as connection:
        moment, records = await at_moment(connection, with_others(_BY_MINT), mint)
        return moment, await viewed(connection, records)


async def by_name(pool: Pool, text: str, limit: int) -> tuple[Moment, list[TokenView]]:
    """Tokens whose symbol or name holds the text, whatever its case: those that are called just
    so first, then by how much they are traded. Of a text that is in more than MOST_RANKED names,
    all that are called just so, and so many others as they come."""
    wanted = text.strip().lower()
    async with pool.acquire() as connection:
        moment, records = await at_moment(
            connection,
            f"{with_others(_BY_NAME)} ORDER BY {_RANK}",
            wanted,
            limit,
            [f"  {wanted} "[start : start + 3] for start in (0, len(wanted))],
        )
        return moment, await viewed(connection, records)
