"""Dropping what is older than the settings say: whole partitions of trades, bars of a second, rows
of the feed, prices of quotes (a trade keeps its own). What was folded from dropped trades stays.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from db.partitions import SLOTS
from db.pool import Connection, Pool

Report = Callable[[int, int], None]
"""Called with (done, total) steps."""

_TIMEOUT_S = 600
_ROWS_AT_ONCE = 20_000


class Ages(msgspec.Struct, frozen=True):
    """From which age (seconds) on what is dropped; None: never."""

    trades_s: int | None
    second_bars_s: int | None
    feed_s: int | None
    prices_s: int | None = None


class Dropped(msgspec.Struct):
    """What was dropped."""

    partitions: int = 0
    bars: int = 0
    feed_rows: int = 0
    prices: int = 0


_PARTITIONS = """
    SELECT c.relname AS name, substr(c.relname, length('trade_rows_p') + 1)::bigint AS first
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'trade_rows'::regclass ORDER BY first"""


async def drop_old(pool: Pool, ages: Ages, now_s: int, report: Report) -> Dropped:
    """Drop what is older at `now_s` (unix seconds). May run beside the indexer, and be repeated: it
    goes by small transactions, and what a killed run left is dropped by the next.
    """
    dropped = Dropped()
    report(0, 4)
    async with pool.acquire() as connection:
        if ages.trades_s is not None:
            dropped.partitions = await _drop_trades(connection, now_s - ages.trades_s)
        report(1, 4)
        if ages.second_bars_s is not None:
            dropped.bars = await _drop_bars(connection, now_s - ages.second_bars_s)
        report(2, 4)
        if ages.feed_s is not None:
            dropped.feed_rows = await _drop_feed(connection, now_s - ages.feed_s)
        report(3, 4)
        if ages.prices_s is not None:
            dropped.prices = await _drop_prices(connection, now_s - ages.prices_s)
        report(4, 4)
    return dropped


async def _drop_trades(connection: Connection, before_s: int) -> int:
    """Partitions from the oldest on, up to the first with a trade that is young enough; never the
    newest.
    """
    count = 0
    for row in (await connection.fetch(_PARTITIONS))[:-1]:
        newest = await connection.fetchval(
            f"""SELECT block_time FROM {row["name"]} WHERE block_time IS NOT NULL
                ORDER BY slot DESC LIMIT 1""",  # noqa: S608 - a name out of the catalogue
            timeout=_TIMEOUT_S,
        )
        if newest is not None and newest >= before_s:
            break
        held = await connection.fetchval(
            f"SELECT EXISTS (SELECT FROM {row['name']})"  # noqa: S608 - as above
        )
        async with connection.transaction():
            if held:
                await connection.execute(
                    "UPDATE retained SET from_slot = greatest(from_slot, $1)", row["first"] + SLOTS
                )
            await connection.execute("SET LOCAL lock_timeout = '5s'")
            await connection.execute(f"DROP TABLE {row['name']}", timeout=_TIMEOUT_S)
        count += 1
    return count


_OLD_BARS = f"""
    WITH old AS (SELECT token_id, start FROM candle_rows
                 WHERE interval_s = 1 AND token_id BETWEEN $2 AND $3 AND start < $1
                 LIMIT {_ROWS_AT_ONCE})
    DELETE FROM candle_rows c USING old
    WHERE c.interval_s = 1 AND c.token_id = old.token_id AND c.start = old.start"""  # noqa: S608
_TOKENS_AT_ONCE = 10_000


async def _drop_bars(connection: Connection, before_s: int) -> int:
    count, last = 0, int(await connection.fetchval("SELECT coalesce(max(id), 0) FROM tokens"))
    for first in range(1, last + 1, _TOKENS_AT_ONCE):
        until = first + _TOKENS_AT_ONCE - 1
        while done := _rows(
            await connection.execute(_OLD_BARS, before_s, first, until, timeout=_TIMEOUT_S)
        ):
            count += done
    return count


_OLD_FEED = f"""
    DELETE FROM feed WHERE seq IN (
        SELECT seq FROM (SELECT seq, committed_at FROM feed ORDER BY seq LIMIT {_ROWS_AT_ONCE}) f
        WHERE committed_at < to_timestamp($1::float8))"""  # noqa: S608 - a constant


async def _drop_feed(connection: Connection, before_s: int) -> int:
    count = 0
    while done := _rows(await connection.execute(_OLD_FEED, before_s, timeout=_TIMEOUT_S)):
        count += done
    return count


_OLD_PRICES = """
    DELETE FROM quote_prices p WHERE p.observed_at < $1 AND EXISTS (
        SELECT FROM quote_prices n
        WHERE n.quote_mint = p.quote_mint AND n.observed_at > p.observed_at)"""
"""The newest of each stays: an old price is not the same as none."""


async def _drop_prices(connection: Connection, before_s: int) -> int:
    return _rows(await connection.execute(_OLD_PRICES, before_s, timeout=_TIMEOUT_S))


def _rows(status: str) -> int:
    return int(status.rpartition(" ")[2])
