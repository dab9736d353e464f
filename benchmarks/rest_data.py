"""The history of benchmarks/history.py, loaded the short way: trades by COPY, what is derived from
them by set-wise SQL, so that ten million are there in minutes.

Reads are measured on it, so costs and profits are only near what the fold would have made of them.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator

from benchmarks.history import START_S, SUPPLY, Shape, events
from db.pool import Pool
from indexer.seen import WRAPPED_SOL, Seen
from programs.events import Created, Traded

_PART = 50_000
_INDEXES = (
    "trade_rows_identity", "trade_rows_of_token", "trade_rows_of_wallet",
    "position_rows_of_wallet", "position_rows_holders", "position_rows_by_profit",
    "position_rows_by_time",
)  # fmt: skip
"""Made after the rows: that is several times faster."""
_TRADE_COLUMNS = (
    "slot", "seq", "block_time", "token_id", "wallet_id", "quote_id", "tx_index", "program_id",
    "ordinal", "progress_bps", "fee_names_id", "is_buy", "signature", "base_amount",
    "quote_amount", "user_quote_amount", "price", "virtual_base", "virtual_quote", "real_base",
    "real_quote", "quote_usd", "fees",
)  # fmt: skip
_TOKEN_COLUMNS = (
    "mint", "program", "pool", "creator", "name", "symbol", "uri", "quote_mint", "decimals",
    "quote_decimals", "supply", "created_slot", "created_at", "first_seq", "id", "creator_id",
    "quote_id",
)  # fmt: skip


class Loader:
    """Trades on their way into a database, so that the newest was a moment ago."""

    def __init__(self, pool: Pool, shape: Shape) -> None:
        self._pool = pool
        self._shape = shape
        self._ids: dict[bytes, int] = {}
        self._shift_s = int(time.time()) - START_S - int(shape.trades / shape.trades_per_s)
        self._seq = 0

    async def load(self) -> None:
        """Everything, and statistics for the planner."""
        last_slot = await self._copy_all()
        keys = "".join(f"{number}\t{_bytes(key)}\n" for key, number in self._ids.items())
        await self._copy("keys", ("id", "key"), [keys])
        for statement in (*_DERIVED, *_FINISH):
            await self._pool.execute(statement, timeout=3_600)
        await self._pool.execute(
            "INSERT INTO checkpoints (program, slot, tip_slot, finalized_slot) "
            "VALUES ('pump', $1, $1, $1)",
            last_slot,
        )
        await self._pool.execute("UPDATE finality SET checked_slot = $1", last_slot)
        await self._pool.execute("UPDATE feed_head SET seq = $1", self._seq)
        await self._pool.execute("VACUUM ANALYZE", timeout=3_600)

    async def _copy_all(self) -> int:
        await self._pool.execute(
            "INSERT INTO programs (name) VALUES ('pump') ON CONFLICT DO NOTHING"
        )
        await self._pool.execute("INSERT INTO fee_names (names) VALUES ('fee,creator_fee')")
        for name in _INDEXES:
            await self._pool.execute(f"DROP INDEX {name}")
        self._id(WRAPPED_SOL)
        slot = -1
        trades: list[str] = []
        tokens: list[str] = []
        for seen in events(self._shape):
            self._seq += 1
            if seen.slot // 432_000 != slot // 432_000:
                await self._pool.execute("SELECT make_trade_partition($1)", seen.slot)
            slot = seen.slot
            if isinstance(seen.event, Created):
                tokens.append(self._token(seen, seen.event))
            elif isinstance(seen.event, Traded):
                trades.append(self._trade(seen, seen.event))
            if len(trades) >= _PART:
                await self._copy("trade_rows", _TRADE_COLUMNS, trades)
                trades.clear()
        await self._copy("trade_rows", _TRADE_COLUMNS, trades)
        await self._copy("tokens", _TOKEN_COLUMNS, tokens)
        return slot

    async def _copy(self, table: str, columns: tuple[str, ...], lines: list[str]) -> None:
        async with self._pool.acquire() as connection:
            await connection.copy_to_table(
                table, source=io.BytesIO("".join(lines).encode()), columns=columns
            )

    def _id(self, key: bytes) -> int:
        return self._ids.setdefault(key, len(self._ids) + 1)

    def _trade(self, seen: Seen, event: Traded) -> str:
        assert event.wallet is not None and event.virtual_base and event.virtual_quote
        price = f"{event.virtual_quote / event.virtual_base / 1000:.19f}".rstrip("0")
        fees = event.fees
        values = (
            seen.slot, self._seq, (seen.block_time or 0) + self._shift_s, self._id(seen.mint),
            self._id(event.wallet), self._id(WRAPPED_SOL), self._seq % 1_200, 1, 0,
            event.progress_bps, 1, "t" if event.is_buy else "f", _bytes(seen.signature),
            event.base_amount, event.quote_amount, event.user_quote_amount, price,
            event.virtual_base, event.virtual_quote, event.real_base, event.real_quote, "190.5",
            f"{fees['fee']},{fees['creator_fee']}",
        )  # fmt: skip
        return "\t".join(map(str, values)) + "\n"

    def _token(self, seen: Seen, event: Created) -> str:
        assert event.pool is not None and event.creator is not None
        values = (
            _bytes(seen.mint), "pump", _bytes(event.pool), _bytes(event.creator), event.name,
            event.symbol, event.uri, _bytes(WRAPPED_SOL), 6, 9, SUPPLY, seen.slot,
            (seen.block_time or 0) + self._shift_s, self._seq, self._id(seen.mint),
            self._id(event.creator), self._id(WRAPPED_SOL),
        )  # fmt: skip
        return "\t".join(map(str, values)) + "\n"


def _bytes(value: bytes) -> str:
    return f"\\\\x{value.hex()}"


def _candles() -> Iterator[str]:
    for seconds in (1, 60, 3_600):
        start = f"block_time / {seconds} * {seconds}"
        yield f"""INSERT INTO candle_rows (
                token_id, interval_s, start, first_slot, first_seq, last_slot, last_seq, trades,
                buys, rev, open, high, low, close, volume_base, volume_quote)
            SELECT token_id, {seconds}, {start}, min(slot), min(seq), max(slot), max(seq),
                count(*), count(*) FILTER (WHERE is_buy), count(*), (array_agg(price))[1],
                max(price), min(price), (array_agg(price))[count(*)], sum(base_amount),
                sum(quote_amount)
            FROM trade_rows GROUP BY 1, 3"""  # noqa: S608 - numbers of this file


_DERIVED = (
    *_candles(),
    """INSERT INTO position_rows (
            wallet_id, token_id, seq, slot, first_slot, last_buy_at, last_sell_at, buys, sells,
            base_amount, cost_quote, realized_quote, bought_quote, sold_quote)
        SELECT wallet_id, token_id, max(seq), max(slot), min(slot),
            max(block_time) FILTER (WHERE is_buy), max(block_time) FILTER (WHERE NOT is_buy),
            count(*) FILTER (WHERE is_buy), count(*) FILTER (WHERE NOT is_buy),
            greatest(0, sum(CASE WHEN is_buy THEN base_amount ELSE -base_amount END)),
            coalesce(sum(user_quote_amount) FILTER (WHERE is_buy), 0),
            sum(CASE WHEN is_buy THEN -user_quote_amount ELSE user_quote_amount END),
            coalesce(sum(user_quote_amount) FILTER (WHERE is_buy), 0),
            coalesce(sum(user_quote_amount) FILTER (WHERE NOT is_buy), 0)
        FROM trade_rows GROUP BY 1, 2""",
    """INSERT INTO wallet_totals (
            wallet_id, quote_id, last_buy_at, last_sell_at, positions, buys, sells, bought_quote,
            sold_quote, cost_quote, realized_quote)
        SELECT wallet_id, 1, max(last_buy_at), max(last_sell_at), count(*), sum(buys), sum(sells),
            sum(bought_quote), sum(sold_quote), sum(cost_quote), sum(realized_quote)
        FROM position_rows GROUP BY 1""",
    """INSERT INTO market_minutes (start, quote_id, first_slot, trades, buys, volume_quote)
        SELECT start, 1, min(first_slot), sum(trades), sum(buys), sum(volume_quote)
        FROM candle_rows WHERE interval_s = 60 GROUP BY 1""",
    """UPDATE tokens t SET trades = c.trades, buys = c.buys, sells = c.trades - c.buys,
            volume_base = c.base, volume_quote = c.quote, state_seq = c.seq, state_slot = c.slot
        FROM (SELECT token_id, sum(trades) AS trades, sum(buys) AS buys, sum(volume_base) AS base,
                sum(volume_quote) AS quote, max(last_seq) AS seq, max(last_slot) AS slot
              FROM candle_rows WHERE interval_s = 3600 GROUP BY 1) c WHERE c.token_id = t.id""",
)
_FINISH = (
    """CREATE UNIQUE INDEX trade_rows_identity
        ON trade_rows (slot, substr(signature, 1, 8), ordinal, program_id)""",
    "CREATE INDEX trade_rows_of_token ON trade_rows (token_id, slot DESC)",
    """CREATE INDEX trade_rows_of_wallet ON trade_rows (wallet_id, slot DESC)
        WHERE wallet_id IS NOT NULL""",
    "CREATE INDEX position_rows_of_wallet ON position_rows (wallet_id, seq DESC)",
    """CREATE INDEX position_rows_holders ON position_rows (token_id, base_amount DESC)
        WHERE base_amount > 0""",
    "CREATE INDEX position_rows_by_profit ON position_rows (token_id, realized_quote DESC)",
    """CREATE INDEX position_rows_by_time ON position_rows (token_id, last_at DESC)
        INCLUDE (last_buy_at, last_sell_at)""",
    """UPDATE tokens t SET price = s.price, market_cap = s.price * 1000000000,
            progress_bps = s.progress_bps, virtual_base = s.virtual_base,
            virtual_quote = s.virtual_quote, real_base = s.real_base, real_quote = s.real_quote,
            last_trade_at = s.block_time,
            completed_slot = CASE WHEN t.id % 50 = 0 THEN s.slot END,
            migrated_slot = CASE WHEN t.id % 50 = 0 THEN s.slot END
        FROM trade_rows s WHERE s.token_id = t.id AND s.slot = t.state_slot
          AND s.seq = t.state_seq""",
    """UPDATE tokens t SET traders = p.traders, holders = p.holders
        FROM (SELECT token_id, count(*) AS traders,
                count(*) FILTER (WHERE base_amount > 0) AS holders
              FROM position_rows GROUP BY 1) p WHERE p.token_id = t.id""",
)
