"""Migration 0011 carries a history over: what was stored before it is found after it, and is what a
rebuild makes of the stored events.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from db.migrate import MIGRATIONS, migrate
from db.pool import Pool, pool_of
from db.rows import TokenEventRow, TradeRow
from indexer.rebuild import rebuild
from indexer.seen import Seen
from tests.helpers.events import MINUTE, completed, created, key, migrated, seen, traded
from tests.helpers.ledger import Ledger
from tests.helpers.pg import PostgresForTests

_BEFORE = 10
_TRADE = (
    "signature", "program", "ordinal", "slot", "seq", "mint", "wallet", "is_buy", "base_amount",
    "quote_amount", "user_quote_amount", "price", "virtual_base", "virtual_quote", "real_base",
    "real_quote", "progress_bps", "block_time", "extra_bytes", "is_own",
)  # fmt: skip
_EVENT = ("signature", "program", "ordinal", "slot", "seq", "kind", "mint", "wallet", "block_time")
_TOKEN = (
    "mint", "program", "pool", "amm_pool", "creator", "name", "symbol", "uri", "quote_mint",
    "decimals", "quote_decimals", "supply", "flags", "created_slot", "created_at", "state_slot",
    "state_seq", "price", "market_cap", "progress_bps", "virtual_base", "virtual_quote",
    "real_base", "real_quote", "trades", "volume_base", "volume_quote", "last_trade_at",
    "completed_slot", "migrated_slot", "first_seq",
)  # fmt: skip
_POSITION = (
    "wallet", "mint", "base_amount", "cost_quote", "realized_quote", "buys", "sells", "seq", "slot",
)  # fmt: skip
_CANDLE = (
    "mint", "interval_s", "start", "open", "high", "low", "close", "volume_base", "volume_quote",
    "trades", "first_slot", "first_seq", "last_slot", "last_seq", "rev",
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The migrations before it."""
    copied = Path(shutil.copytree(MIGRATIONS, tmp_path / "migrations"))
    for path in copied.glob("*.sql"):
        if int(path.name[:4]) > _BEFORE:
            path.unlink()
    return copied


@pytest.fixture
async def old(postgres: PostgresForTests, folder: Path) -> AsyncIterator[Pool]:
    """A database as it was before."""
    url = await postgres.create_empty()
    async with pool_of(url, 5) as pool:
        await migrate(pool, folder)
        yield pool
    await postgres.drop(url)


def _history() -> list[Seen]:
    random = Random(5)
    events = [seen(created(mint), f"create {mint}", 1) for mint in ("one", "two")]
    for number in range(200):
        trade = traded(
            random.randrange(1, 2**64), random.randrange(1, 2**64),
            mint=random.choice(("one", "two", "unseen")),
            wallet=random.choice(("ann", "bob", "eve", None)), is_buy=random.random() < 0.6,
            paid=random.choice((None, random.randrange(2**64))), time=MINUTE + number,
            reserves=(10**15, 10**10 + random.randrange(10**9)),
            quote_mint=key("odd") if number == 150 else None,
        )  # fmt: skip
        events.append(seen(trade, f"trade {number}", 400_000 + number * 500))
    events += [seen(completed("one"), "full", 600_000), seen(migrated("one"), "away", 600_001)]
    return events


async def _insert(
    pool: Pool, table: str, names: tuple[str, ...], rows: Iterable[object], **more: Any
) -> None:
    columns = (*names, *more)
    values = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
    await pool.executemany(
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values})",  # noqa: S608
        [(*(getattr(row, name) for name in names), *more.values()) for row in rows],
    )


async def _fill(pool: Pool) -> Ledger:
    """Store a folded history in the old tables."""
    ledger, events = Ledger(), list[TokenEventRow]()
    for one in _history():
        events += ledger.commit([one]).token_events
    fees = json.dumps({"fee": "7", "creator_fee": "0"})
    await _insert(pool, "trades", _TRADE, ledger.trades, fees=fees)
    await _insert(pool, "token_events", _EVENT, events)
    for row in events:
        await pool.execute(
            """UPDATE token_events SET pool = $2, price = $3, virtual_base = $4, virtual_quote = $5,
               real_base = $6, real_quote = $7 WHERE seq = $1""",
            row.seq, row.pool, row.price, row.virtual_base, row.virtual_quote, row.real_base,
            row.real_quote,
        )  # fmt: skip
    state = ledger.state
    await _insert(pool, "tokens", _TOKEN, state.tokens.values())
    await _insert(pool, "positions", _POSITION, state.positions.values())
    minutes = [row for row in state.candles.values() if row.interval_s == 60]
    await _insert(pool, "candles", _CANDLE, minutes)
    return ledger


async def test_what_was_stored_is_there_and_complete(old: Pool) -> None:
    """Trades, tokens, positions and candles are as they were; what is new about them is what a
    rebuild makes, which finds nothing to change.
    """
    ledger = await _fill(old)
    await migrate(old)
    assert await rebuild(old, lambda *_: None) == 0
    rows = await old.fetch("SELECT * FROM trades ORDER BY seq")
    assert [tuple(row[name] for name in _TRADE) for row in rows] == [
        tuple(getattr(row, name) for name in _TRADE) for row in ledger.trades
    ]
    assert {row["fees"] for row in rows} == {'{"fee": "7", "creator_fee": "0"}'}
    assert await old.fetchval("SELECT count(DISTINCT tableoid) FROM trade_rows") == 2
    for table, names, expected in (
        ("tokens", _TOKEN, ledger.state.tokens.values()),
        ("positions", _POSITION, ledger.state.positions.values()),
        ("candles", _CANDLE[:-1], ledger.state.candles.values()),
    ):
        found = await old.fetch(f"SELECT {', '.join(names)} FROM {table}")  # noqa: S608
        wanted = [tuple(getattr(row, name) for name in names) for row in expected]
        assert sorted(map(tuple, found), key=repr) == sorted(wanted, key=repr), table
    assert await old.fetchval(
        "SELECT count(*) FROM token_names WHERE grams @> query_grams('OIN')"
    ) == len([row for row in ledger.state.tokens.values() if row.name])


def test_the_columns_are_those_of_the_rows() -> None:
    """Nothing of a trade is left out of the comparison but what the old tables did not have."""
    new = {"tx_index", "pool", "quote_mint", "fee_names", "fees", "quote_usd"}
    assert set(TradeRow.__struct_fields__) - set(_TRADE) == new
