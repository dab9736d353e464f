"""A history like that of benchmarks/history.py, made inside of Postgres: ten million trades in
minutes. Same keys, same skew, constant-product curves; the reserves of a token are a random walk
between an empty and a nearly full curve.

Everything random is a hash of the trade's number, so whoever makes a part, and in which order, the
history is the same. Reads are measured on it: costs and profits are only near what the fold would
have made of them.
"""

# ruff: noqa: S608 - what is put into statements are numbers and names of this file and the schema

from __future__ import annotations

import asyncio
import io
import os
import time
from collections.abc import Callable, Iterable, Iterator

import msgspec

from benchmarks.history import (
    CURVE_BASE,
    SLOTS_PER_S,
    START_SLOT,
    SUPPLY,
    VIRTUAL_BASE,
    VIRTUAL_QUOTE,
    Shape,
    key_of,
)
from db.partitions import SLOTS
from db.pool import Pool
from indexer.seen import WRAPPED_SOL

LANES = min(4, os.cpu_count() or 1)
"""Statements that run beside one another."""
_TIMEOUT_S = 7_200
_K = VIRTUAL_BASE * VIRTUAL_QUOTE
_FULL = _K // (VIRTUAL_BASE - CURVE_BASE * 19 // 20) - VIRTUAL_QUOTE
"""Quote units in a curve that is nearly full."""
_PACK = 2**37
"""More than those: a trade's number and what its curve held after it, in one integer."""
_DAY_S, _PRICE_EVERY_S = 86_400, 15

Say = Callable[[str], None]


class _Index(msgspec.Struct, frozen=True):
    """How to do without one, and how to make it again."""

    drop: str
    create: str


_INDEXES = """
    SELECT i.indrelid::regclass::text AS of_table, i.indexrelid::regclass::text AS name,
        replace(pg_get_indexdef(i.indexrelid), ' ON ONLY ', ' ON ') AS definition, c.conname,
        pg_get_constraintdef(c.oid) AS of_constraint
    FROM pg_index i LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.contype = 'p'
    WHERE i.indrelid = ANY(ARRAY['trade_rows', 'position_rows', 'candle_rows']::regclass[])
    ORDER BY 1, 2"""


class Loader:
    """A history on its way into an empty database, so that its newest trade was a moment ago."""

    def __init__(self, pool: Pool, shape: Shape, say: Say = lambda _: None) -> None:
        self._pool = pool
        self._shape = shape
        self._say = say
        self._began = time.monotonic()
        self._shift_s = int(time.time()) - int(shape.trades / shape.trades_per_s)
        self._every = max(1, shape.trades // shape.tokens)

    async def load(self) -> None:
        """Everything, and statistics for the planner."""
        indexes = await self._indexes()
        await self._each("indexes away", [index.drop for index in indexes])
        await self._names()
        await self._together("choices", [self._raw(lane) for lane in range(LANES)])
        await self._together("walks", [self._made(lane) for lane in range(LANES)])
        await self._together("rows", [self._candles(), *self._partitions(), self._positions()])
        await self._together("indexes", [index.create for index in indexes])
        await self._each("tokens and sums", self._sums())
        await self._each("tables away", [f"DROP TABLE {name}" for name in self._scratch()])
        await self._together("analyse", ["VACUUM ANALYZE"])

    async def _indexes(self) -> list[_Index]:
        return [
            _Index(f"DROP INDEX {row['name']}", row["definition"])
            if row["conname"] is None
            else _Index(
                f"ALTER TABLE {row['of_table']} DROP CONSTRAINT {row['conname']}",
                f"ALTER TABLE {row['of_table']} ADD CONSTRAINT {row['conname']} "
                f"{row['of_constraint']}",
            )
            for row in await self._pool.fetch(_INDEXES)
        ]

    async def _each(self, what: str, statements: Iterable[str]) -> None:
        for statement in statements:
            await self._pool.execute(statement, timeout=_TIMEOUT_S)
        self._say(f"{time.monotonic() - self._began:6.0f} s  {what}")

    async def _together(self, what: str, statements: Iterable[str]) -> None:
        lanes = asyncio.Semaphore(LANES)

        async def run(statement: str) -> None:
            async with lanes:
                await self._pool.execute(statement, timeout=_TIMEOUT_S)

        async with asyncio.TaskGroup() as tasks:
            for statement in statements:
                tasks.create_task(run(statement))
        self._say(f"{time.monotonic() - self._began:6.0f} s  {what}")

    async def _names(self) -> None:
        """Numbers of keys: mints from 1 on, then wallets, then wrapped SOL."""
        shape = self._shape
        named = [("mint", number) for number in range(shape.tokens)]
        named += [("wallet", number) for number in range(shape.wallets)]
        keys = [key_of(*each) for each in named] + [WRAPPED_SOL]
        await self._copy("keys", ("id", "key"), enumerate(keys, 1))
        await self._each("keys", (
            f"SELECT setval(pg_get_serial_sequence('keys', 'id'), {len(keys)})",
            "INSERT INTO programs (name) VALUES ('pump') ON CONFLICT DO NOTHING",
            "INSERT INTO fee_names (names) VALUES ('fee,creator_fee') ON CONFLICT DO NOTHING",
            "CREATE UNLOGGED TABLE bench_curves (i int PRIMARY KEY, pool bytea)",
        ))  # fmt: skip
        curves = ((number, key_of("curve", number)) for number in range(shape.tokens))
        await self._copy("bench_curves", ("i", "pool"), curves)

    async def _copy(
        self, table: str, columns: tuple[str, ...], rows: Iterable[tuple[int, bytes]]
    ) -> None:
        lines = "".join(f"{number}\t\\\\x{key.hex()}\n" for number, key in rows)
        async with self._pool.acquire() as connection:
            await connection.copy_to_table(
                table, source=io.BytesIO(lines.encode()), columns=columns
            )

    def _scratch(self) -> Iterator[str]:
        yield "bench_curves"
        for lane in range(LANES):
            yield f"bench_raw_{lane}"
            yield f"bench_made_{lane}"

    def _raw(self, lane: int) -> str:
        """Who trades what, and by how much it moves the curve. The younger a token the more it is
        traded; some old ones stay."""
        shape = self._shape
        part = -(-shape.trades // LANES)
        first, last = lane * part, min((lane + 1) * part, shape.trades) - 1
        amount = f"exp(18.5 + 1.4 * sqrt(-2 * ln(1 - {_u(4)})) * cos(2 * pi() * {_u(5)}))"
        return f"""CREATE UNLOGGED TABLE bench_raw_{lane} AS
            SELECT n, CASE WHEN {_u(1)} < 0.8 THEN c - 1 - age ELSE age END AS token,
                ({_skewed(str(shape.wallets), 3)})::int AS wallet,
                (floor({amount}) + 1) * CASE WHEN {_u(6)} < 0.54 THEN 1 ELSE -1 END AS change
            FROM (SELECT n, c, ({_skewed("c", 2)})::int AS age
                  FROM (SELECT n::int, least({shape.tokens}, n / {self._every} + 1)::int AS c
                        FROM generate_series({first}, {last}) AS g (n)) m) k"""

    def _made(self, lane: int) -> str:
        """What the curve holds before and after each trade: a walk that turns at both ends."""
        raw = " UNION ALL ".join(
            f"SELECT * FROM bench_raw_{each} WHERE token % {LANES} = {lane}"
            for each in range(LANES)
        )
        return f"""CREATE UNLOGGED TABLE bench_made_{lane} AS
            SELECT n, token, wallet, held, lag(held, 1, 0::bigint) OVER w AS before,
                floor({_K}::float8 / ({VIRTUAL_QUOTE} + held))::bigint AS base
            FROM (SELECT n, token, wallet, {_FULL} - abs(
                      {_FULL} - ((walked % {2 * _FULL}) + {2 * _FULL}) % {2 * _FULL}) AS held
                  FROM (SELECT n, token, wallet,
                            (sum(change) OVER (PARTITION BY token ORDER BY n))::bigint AS walked
                        FROM ({raw}) r) s) h
            WINDOW w AS (PARTITION BY token ORDER BY n)"""

    def _trades(self) -> str:
        """Every trade's figures, of all lanes."""
        shape = self._shape
        made = " UNION ALL ".join(f"SELECT * FROM bench_made_{lane}" for lane in range(LANES))
        at = f"n / {shape.trades_per_s}::float8"
        return f"""(SELECT n, token + 1 AS token_id, {shape.tokens} + 1 + wallet AS wallet_id,
            floor({at} * {SLOTS_PER_S})::bigint + {START_SLOT} AS slot, held, base,
            floor({at})::bigint + {self._shift_s} AS time, n::bigint + 2 + n / {self._every} AS seq,
            held >= before AS is_buy, abs(held - before) AS quote,
            greatest(1, abs(base - floor({_K}::float8 / ({VIRTUAL_QUOTE} + before))::bigint))
                AS amount
            FROM ({made}) u)"""

    def _partitions(self) -> Iterator[str]:
        shape = self._shape
        last = START_SLOT + int(shape.trades / shape.trades_per_s * SLOTS_PER_S)
        for first in range(START_SLOT // SLOTS * SLOTS, last + 1, SLOTS):
            yield f"""SELECT make_trade_partition({first});
                INSERT INTO trade_rows (
                    slot, seq, block_time, token_id, wallet_id, quote_id, tx_index, program_id,
                    ordinal, progress_bps, fee_names_id, is_buy, signature, base_amount,
                    quote_amount, user_quote_amount, price, virtual_base, virtual_quote, real_base,
                    real_quote, quote_usd, fees)
                SELECT slot, seq, time, token_id, wallet_id, {self._sol}, n % 1200, 1, 0,
                    ({VIRTUAL_BASE} - base) * 10000 / {CURVE_BASE}, 1, is_buy,
                    sha512(int8send(n)), amount, quote, {_PAID}, {_price("held")}, base,
                    held + {VIRTUAL_QUOTE}, base - {VIRTUAL_BASE - CURVE_BASE}, held, 190.5,
                    {_FEE} || ',' || {_CREATOR_FEE}
                FROM {self._trades()} t WHERE slot >= {first} AND slot < {first + SLOTS}
                ORDER BY n"""

    @property
    def _sol(self) -> int:
        return self._shape.tokens + self._shape.wallets + 1

    def _candles(self) -> str:
        """Bars of a second, of these those of a minute, of these those of an hour."""
        first = f"""CREATE TEMPORARY TABLE bars ON COMMIT DROP AS
            SELECT token_id, 1 AS seconds, time AS start, min(slot) AS first_slot,
                min(seq) AS first_seq, max(slot) AS last_slot, max(seq) AS last_seq,
                count(*)::int AS trades, (count(*) FILTER (WHERE is_buy))::int AS buys,
                min(n::bigint * {_PACK} + held) AS first,
                max(n::bigint * {_PACK} + held) AS last, max(held) AS high, min(held) AS low,
                sum(amount) AS base, sum(quote) AS quote
            FROM {self._trades()} t GROUP BY token_id, time"""
        rolled = "; ".join(
            f"""INSERT INTO bars
            SELECT token_id, {seconds}, start / {seconds} * {seconds}, min(first_slot),
                min(first_seq), max(last_slot), max(last_seq), sum(trades), sum(buys), min(first),
                max(last), max(high), min(low), sum(base), sum(quote)
            FROM bars WHERE seconds = {of} GROUP BY 1, 3"""
            for of, seconds in ((1, 60), (60, 3_600))
        )
        others = [
            f"CASE WHEN {held} = held THEN close ELSE {_price(held)} END"
            for held in (f"first % {_PACK}", "high", "low")
        ]  # a bar of one trade has one price
        return f"""{first}; {rolled}; TRUNCATE candle_rows; INSERT INTO candle_rows (
                token_id, interval_s, start, first_slot, first_seq, last_slot, last_seq, trades,
                buys, rev, open, high, low, close, volume_base, volume_quote)
            SELECT token_id, seconds, start, first_slot, first_seq, last_slot, last_seq, trades,
                buys, trades, {", ".join(others)}, close, base, quote
            FROM (SELECT *, last % {_PACK} AS held, {_price(f"last % {_PACK}")} AS close
                  FROM bars OFFSET 0) b"""

    def _positions(self) -> str:
        """Of every wallet in every token it traded."""
        return f"""TRUNCATE position_rows; INSERT INTO position_rows (
                wallet_id, token_id, seq, slot, first_slot, last_buy_at, last_sell_at, buys, sells,
                base_amount, cost_quote, realized_quote, bought_quote, sold_quote)
            SELECT wallet_id, token_id, seq, slot, first_slot, last_buy_at, last_sell_at, buys,
                sells, greatest(0, net), bought, sold - bought, bought, sold
            FROM (SELECT wallet_id, token_id, max(seq) AS seq, max(slot) AS slot,
                    min(slot) AS first_slot, max(time) FILTER (WHERE is_buy) AS last_buy_at,
                    max(time) FILTER (WHERE NOT is_buy) AS last_sell_at,
                    count(*) FILTER (WHERE is_buy) AS buys,
                    count(*) FILTER (WHERE NOT is_buy) AS sells,
                    sum(CASE WHEN is_buy THEN amount ELSE -amount END) AS net,
                    coalesce(sum({_PAID}) FILTER (WHERE is_buy), 0) AS bought,
                    coalesce(sum({_PAID}) FILTER (WHERE NOT is_buy), 0) AS sold
                  FROM {self._trades()} t GROUP BY wallet_id, token_id) p"""

    def _sums(self) -> Iterator[str]:
        """Tokens with their newest state, wallets' totals, minutes of the market, and where the
        feed and the ledger stand."""
        shape = self._shape
        yield self._tokens()
        yield f"""INSERT INTO token_events (signature, program, ordinal, slot, seq, kind, mint,
                block_time, creator, name, symbol, uri, quote_mint, decimals, supply, flags, pool)
            SELECT sha512(int4send(-id)), program, 0, created_slot, first_seq, 'create', mint,
                created_at, creator, name, symbol, uri, quote_mint, decimals, supply, flags, pool
            FROM tokens WHERE id <= {shape.tokens}"""
        yield f"""INSERT INTO wallet_totals (
                wallet_id, quote_id, last_buy_at, last_sell_at, positions, buys, sells,
                bought_quote, sold_quote, cost_quote, realized_quote)
            SELECT wallet_id, {self._sol}, max(last_buy_at), max(last_sell_at), count(*), sum(buys),
                sum(sells), sum(bought_quote), sum(sold_quote), sum(cost_quote),
                sum(realized_quote)
            FROM position_rows GROUP BY 1"""
        yield f"""INSERT INTO market_minutes (
                start, quote_id, first_slot, trades, buys, volume_quote)
            SELECT start, {self._sol}, min(first_slot), sum(trades), sum(buys), sum(volume_quote)
            FROM candle_rows WHERE interval_s = 60 GROUP BY 1"""
        yield f"""INSERT INTO quote_prices (quote_mint, observed_at, price, source)
            SELECT k.key, at, 190.5, 'fixed' FROM keys k,
                generate_series({int(time.time()) - _DAY_S}, {int(time.time())}, {_PRICE_EVERY_S})
                AS g (at) WHERE k.id = {self._sol}"""
        yield """INSERT INTO token_metadata (mint, uri, state, description, thumbnail_hash)
            SELECT mint, uri, 'done', 'A coin', CASE WHEN id % 2 = 0 THEN sha256(mint) END
            FROM tokens"""
        yield """INSERT INTO checkpoints (program, slot, tip_slot, finalized_slot)
            SELECT 'pump', max(state_slot), max(state_slot), max(state_slot) FROM tokens"""
        yield "UPDATE finality SET checked_slot = (SELECT max(state_slot) FROM tokens)"
        yield "UPDATE feed_head SET seq = (SELECT max(state_seq) FROM tokens)"

    def _tokens(self) -> str:
        shape = self._shape
        made = " UNION ALL ".join(
            f"SELECT token, max(n::bigint * {_PACK} + held) AS last "
            f"FROM bench_made_{lane} GROUP BY 1"
            for lane in range(LANES)
        )
        at = f"i * {self._every} / {shape.trades_per_s}::float8"
        is_over = "t.i % 50 = 0"
        return f"""INSERT INTO tokens (
                mint, id, program, pool, creator, creator_id, name, symbol, uri, quote_mint,
                quote_id, decimals, quote_decimals, supply, created_slot, created_at, first_seq,
                state_slot, state_seq, price, market_cap, progress_bps, virtual_base,
                virtual_quote, real_base, real_quote, trades, buys, sells, volume_base,
                volume_quote, last_trade_at, completed_slot, migrated_slot, holders, traders)
            SELECT m.key, m.id, 'pump', t.pool, w.key, w.id, 'Coin ' || to_hex(i * {self._every}),
                'C' || to_hex(i * {self._every}),
                'https://example.org/' || i * {self._every} || '.json', q.key, q.id, 6, 9, {SUPPLY},
                floor({at} * {SLOTS_PER_S})::bigint + {START_SLOT},
                floor({at})::bigint + {self._shift_s}, i * {self._every}::bigint + i + 1,
                coalesce(c.slot, 0), coalesce(c.seq, 0), {_price("held")},
                {_price("held")} * {SUPPLY // 10**6},
                ({VIRTUAL_BASE} - base) * 10000 / {CURVE_BASE}, base, held + {VIRTUAL_QUOTE},
                base - {VIRTUAL_BASE - CURVE_BASE}, held, coalesce(c.trades, 0),
                coalesce(c.buys, 0), coalesce(c.trades - c.buys, 0), coalesce(c.base_sum, 0),
                coalesce(c.quote_sum, 0), p.last_at,
                CASE WHEN {is_over} THEN c.slot END, CASE WHEN {is_over} THEN c.slot END,
                coalesce(p.holders, 0), coalesce(p.traders, 0)
            FROM (SELECT *, floor({_K}::float8 / ({VIRTUAL_QUOTE} + held))::bigint AS base
                  FROM (SELECT b.*, ({_skewed(str(shape.wallets), 7, "i")})::int AS who,
                            coalesce(s.last % {_PACK}, 0) AS held
                        FROM bench_curves b LEFT JOIN ({made}) s ON s.token = b.i) h) t
            JOIN keys m ON m.id = t.i + 1
            JOIN keys w ON w.id = {shape.tokens} + 1 + t.who
            JOIN keys q ON q.id = {self._sol}
            LEFT JOIN (SELECT token_id, sum(trades) AS trades, sum(buys) AS buys,
                    sum(volume_base) AS base_sum, sum(volume_quote) AS quote_sum,
                    max(last_seq) AS seq, max(last_slot) AS slot
                FROM candle_rows WHERE interval_s = 3600 GROUP BY 1) c ON c.token_id = m.id
            LEFT JOIN (SELECT token_id, count(*) AS traders, max(last_at) AS last_at,
                    count(*) FILTER (WHERE base_amount > 0) AS holders
                FROM position_rows GROUP BY 1) p ON p.token_id = m.id"""


def _u(draw: int, number: str = "n") -> str:
    """An even number in [0, 1) that is this trade's alone."""
    return f"((hashint8extended({number}, {draw}) & {2**53 - 1}) / {2.0**53:.1f}::float8)"


def _skewed(count: str, draw: int, number: str = "n") -> str:
    """A number below `count`; a tenth of them gets about two thirds."""
    return f"floor({count} * power({_u(draw, number)}, 4))"


def _price(held: str) -> str:
    """Whole quote tokens per whole base token."""
    return f"(power({VIRTUAL_QUOTE} + {held}, 2) / {_K * 1_000}::float8)::numeric"


_FEE, _CREATOR_FEE = "quote * 95 / 10000", "quote * 30 / 10000"
_PAID = f"quote + ({_FEE} + {_CREATOR_FEE}) * CASE WHEN is_buy THEN 1 ELSE -1 END"
