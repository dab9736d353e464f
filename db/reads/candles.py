"""Candles of a token."""

# ruff: noqa: S608 - what is put into statements are names that are written in this file

from __future__ import annotations

from db.pool import Pool
from db.reads.moment import Before, Page, at_moment, columns_of, page_of, row_of
from db.rows import CandleRow

_CANDLES = columns_of(CandleRow)


async def candles(
    pool: Pool, mint: bytes, interval_s: int, before: Before, limit: int
) -> Page[CandleRow]:
    """Bars of a token, newest first."""
    where, arguments = ("true", []) if before is None else ("t.start < $4", [before[0]])
    moment, records = await at_moment(
        pool,
        f"SELECT {_CANDLES} FROM candles t WHERE t.mint = $1 AND t.interval_s = $2 "
        f"AND {where} ORDER BY t.start DESC LIMIT $3",
        mint,
        interval_s,
        limit + 1,
        *arguments,
    )
    found = [row_of(CandleRow, each) for each in records]
    return page_of(moment, found, limit, lambda row: (row.start,))
