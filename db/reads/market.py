"""The market as a whole."""

# ruff: noqa: S608 - what is put into statements are names that are written in this package

from __future__ import annotations

from decimal import Decimal

import msgspec

from db.pool import Pool
from db.reads.moment import Moment, at_moment, row_of
from db.reads.tokens import COLUMNS, TokenView, viewed, with_others
from db.windows import WINDOWS


class MarketRow(msgspec.Struct, frozen=True, kw_only=True):
    """What was traded against one quote token inside a window."""

    quote_mint: bytes | None
    trades: int
    buys: int
    volume_quote: int


_WINDOWS = """SELECT w.name, k.key AS quote_mint, sum(m.trades) AS trades, sum(m.buys) AS buys,
        sum(m.volume_quote) AS volume_quote
    FROM unnest($1::text[], $2::bigint[]) AS w (name, seconds)
    JOIN market_minutes m ON m.start > extract(epoch FROM now())::bigint - w.seconds - 60
    LEFT JOIN keys k ON k.id = m.quote_id
    GROUP BY w.name, k.key ORDER BY w.name, sum(m.trades) DESC"""


async def market_windows(pool: Pool) -> tuple[Moment, dict[str, list[MarketRow]]]:
    """Every window's sums per quote token, by the minute."""
    moment, records = await at_moment(pool, _WINDOWS, list(WINDOWS), list(WINDOWS.values()))
    found: dict[str, list[MarketRow]] = {name: [] for name in WINDOWS}
    for record in records:
        found[record["name"]].append(row_of(MarketRow, record))
    return moment, found


_TRENDING = f"""SELECT {COLUMNS}, w.score FROM token_windows w JOIN tokens t ON t.id = w.token_id
    WHERE w.window_s = $1 ORDER BY w.score DESC, w.token_id DESC LIMIT $2"""


async def trending(
    pool: Pool, window_s: int, limit: int
) -> tuple[Moment, list[tuple[Decimal | float, TokenView]]]:
    """Tokens by their score of the window, best first."""
    async with pool.acquire() as connection:
        moment, records = await at_moment(
            connection,
            f"{with_others(_TRENDING)} ORDER BY t.score DESC, t.id DESC",
            window_s,
            limit,
        )
        views = await viewed(connection, records)
    return moment, [(record["score"], view) for record, view in zip(records, views, strict=True)]
