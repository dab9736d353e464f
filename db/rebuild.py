"""What `rebuild` reads and writes: all events of a range of keys' numbers, what is stored of what
was folded from them, and how far it has come.
"""

from __future__ import annotations

from collections.abc import Collection

import asyncpg
import msgspec

from db.backup import new_epoch
from db.keys import NO_QUOTE
from db.pool import Connection
from db.rows import CandleRow, PositionRow, TokenRow

_TIMEOUT_S = 3600


class Progress(msgspec.Struct):
    """A row of `rebuilds`."""

    phase: str = "tokens"
    after_id: int = 0
    changed: int = 0


async def progress(connection: Connection) -> Progress:
    """Where the last run was cut off; the beginning if it was not."""
    row = await connection.fetchrow("SELECT phase, after_id, changed FROM rebuilds")
    return Progress() if row is None else Progress(**row)


async def note(connection: Connection, at: Progress) -> None:
    """Everything up to here is done, if this transaction is committed."""
    await connection.execute(
        """INSERT INTO rebuilds (phase, after_id, changed) VALUES ($1, $2, $3)
           ON CONFLICT (is_only) DO UPDATE SET phase = $1, after_id = $2, changed = $3""",
        at.phase,
        at.after_id,
        at.changed,
    )


async def finish(connection: Connection, at: Progress) -> None:
    """All of it is done. If anything was changed the feed gets another epoch: what clients hold may
    be wrong.
    """
    await connection.execute("DELETE FROM rebuilds")
    if at.changed:
        await new_epoch(connection)


async def last_id(connection: Connection) -> int:
    """The greatest number of a key."""
    return int(await connection.fetchval("SELECT coalesce(max(id), 0) FROM keys"))


async def retained_from(connection: Connection) -> int:
    """The first slot whose trades are still stored."""
    return int(await connection.fetchval("SELECT from_slot FROM retained"))


_TRADES = """
    SELECT t.token_id, t.wallet_id, w.key AS wallet, q.key AS quote_mint, p.name AS program,
           t.slot, t.seq, t.tx_index, t.is_buy, t.is_own, t.retracted, t.base_amount,
           t.quote_amount, t.user_quote_amount, t.price, t.progress_bps, t.virtual_base,
           t.virtual_quote, t.real_base, t.real_quote, t.block_time
    FROM trade_rows t JOIN programs p ON p.id = t.program_id
    LEFT JOIN keys w ON w.id = t.wallet_id LEFT JOIN keys q ON q.id = t.quote_id
    WHERE t.token_id BETWEEN $1 AND $2 ORDER BY t.seq"""
_EVENTS = """
    SELECT k.id AS token_id, e.*
    FROM keys k JOIN token_events e ON e.mint = k.key
    WHERE k.id BETWEEN $1 AND $2 ORDER BY e.slot, e.seq"""


async def trades(connection: Connection, first: int, last: int) -> list[asyncpg.Record]:
    """All trades of tokens with numbers in this range, also retracted ones, by seq."""
    return await connection.fetch(_TRADES, first, last, timeout=_TIMEOUT_S)


async def events(connection: Connection, first: int, last: int) -> list[asyncpg.Record]:
    """All their creations, completions and migrations, by slot."""
    return await connection.fetch(_EVENTS, first, last, timeout=_TIMEOUT_S)


async def mints(connection: Connection, first: int, last: int) -> dict[int, bytes]:
    """The keys in this range."""
    rows = await connection.fetch(
        "SELECT id, key FROM keys WHERE id BETWEEN $1 AND $2", first, last, timeout=_TIMEOUT_S
    )
    return {row["id"]: row["key"] for row in rows}


_STORED_TOKENS = f"""SELECT {", ".join(TokenRow.__struct_fields__)} FROM tokens
    WHERE id BETWEEN $1 AND $2"""  # noqa: S608
_STORED_POSITIONS = f"""SELECT w.key AS wallet, m.key AS mint,
        {", ".join(PositionRow.__struct_fields__[2:])}
    FROM position_rows JOIN keys w ON w.id = wallet_id JOIN keys m ON m.id = token_id
    WHERE token_id BETWEEN $1 AND $2"""  # noqa: S608
_STORED_CANDLES = f"""SELECT m.key AS mint, {", ".join(CandleRow.__struct_fields__[1:])}
    FROM candle_rows JOIN keys m ON m.id = token_id
    WHERE token_id BETWEEN $1 AND $2"""  # noqa: S608


async def stored(
    connection: Connection, first: int, last: int
) -> tuple[list[TokenRow], list[PositionRow], list[CandleRow]]:
    """Tokens, positions and candles of this range as they are."""
    of_tokens = await connection.fetch(_STORED_TOKENS, first, last, timeout=_TIMEOUT_S)
    of_positions = await connection.fetch(_STORED_POSITIONS, first, last, timeout=_TIMEOUT_S)
    of_candles = await connection.fetch(_STORED_CANDLES, first, last, timeout=_TIMEOUT_S)
    return (
        [TokenRow(**row) for row in of_tokens],
        [PositionRow(**row) for row in of_positions],
        [CandleRow(**row) for row in of_candles],
    )


async def forget_candles(connection: Connection, keys: Collection[tuple[int, int, int]]) -> None:
    """Remove bars (token's number, interval, start) that no trade was ever in."""
    if keys:
        await connection.execute(
            """DELETE FROM candle_rows c
               USING unnest($1::int4[], $2::int4[], $3::int8[]) AS k (token_id, interval_s, start)
               WHERE (c.token_id, c.interval_s, c.start) = (k.token_id, k.interval_s, k.start)""",
            *map(list, zip(*keys, strict=True)),
            timeout=_TIMEOUT_S,
        )


_TOTALS = f"""
    INSERT INTO wallet_totals (
        wallet_id, quote_id, last_buy_at, last_sell_at, positions, buys, sells, bought_quote,
        sold_quote, cost_quote, realized_quote)
    SELECT p.wallet_id, coalesce(t.quote_id, {NO_QUOTE}), max(p.last_buy_at), max(p.last_sell_at),
           count(*), sum(p.buys), sum(p.sells), sum(p.bought_quote), sum(p.sold_quote),
           sum(p.cost_quote), sum(p.realized_quote)
    FROM position_rows p JOIN tokens t ON t.id = p.token_id
    WHERE p.wallet_id BETWEEN $1 AND $2 GROUP BY 1, 2"""  # noqa: S608 - a constant
_MINUTES = f"""
    INSERT INTO market_minutes (quote_id, start, first_slot, trades, buys, volume_quote)
    SELECT coalesce(t.quote_id, {NO_QUOTE}), c.start, min(c.first_slot), sum(c.trades), sum(c.buys),
           sum(c.volume_quote)
    FROM candle_rows c JOIN tokens t ON t.id = c.token_id WHERE c.interval_s = 60
    GROUP BY 1, 2"""  # noqa: S608 - a constant


async def count_wallets(connection: Connection, first: int, last: int) -> None:
    """The totals of wallets in this range, out of their positions."""
    await connection.execute(
        "DELETE FROM wallet_totals WHERE wallet_id BETWEEN $1 AND $2", first, last,
        timeout=_TIMEOUT_S,
    )  # fmt: skip
    await connection.execute(_TOTALS, first, last, timeout=_TIMEOUT_S)


async def count_minutes(connection: Connection) -> None:
    """The market's minutes, out of the candles."""
    await connection.execute("DELETE FROM market_minutes")
    await connection.execute(_MINUTES, timeout=_TIMEOUT_S)
