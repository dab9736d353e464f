"""What the indexer writes: every statement of a batch, run inside one transaction (db.writer).

A batch costs two or three reads and one write: all tables are written by a single statement whose
arrays `unnest` makes rows of, which holds about twice the rate of a statement per table.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from db.pool import Connection
from db.rows import (
    CandleKey,
    CandleRow,
    Changes,
    Identity,
    PastTrade,
    PoolRow,
    PositionKey,
    PositionRow,
    State,
    TokenRow,
)

_TIMEOUT_S = 60


class _Table(msgspec.Struct, frozen=True):
    """A table and how its rows are written: column → type of the array that carries it."""

    name: str
    columns: dict[str, str]
    keys: tuple[str, ...] = ()
    """Columns of the conflict that turns an INSERT into an UPDATE; empty: a conflict is an error.
    """
    kept: tuple[str, ...] = ()
    """Columns such an UPDATE leaves alone."""
    is_ignoring: bool = False
    """A row that is there already stays as it is."""

    def insert(self, first: int) -> str:
        """INSERT … SELECT FROM unnest($first, …)."""
        names = ", ".join(self.columns)
        arrays = ", ".join(f"${first + i}::{t}[]" for i, t in enumerate(self.columns.values()))
        values = ", ".join(
            f"string_to_array({name}, ',')" if name == "flags" else name for name in self.columns
        )
        return (
            f"INSERT INTO {self.name} ({names}) "  # noqa: S608 - all names are constants below
            f"SELECT {values} FROM unnest({arrays}) AS new ({names}){self._on_conflict()}"
        )

    def _on_conflict(self) -> str:
        if self.is_ignoring:
            return " ON CONFLICT DO NOTHING"
        if not self.keys:
            return ""
        changed = (name for name in self.columns if name not in (*self.keys, *self.kept))
        updates = ", ".join(f"{name} = EXCLUDED.{name}" for name in changed)
        return f" ON CONFLICT ({', '.join(self.keys)}) DO UPDATE SET {updates}"

    def arrays(self, rows: Sequence[object]) -> Iterable[list[Any]]:
        """One list per column."""
        for name in self.columns:
            if name == "flags":
                yield [",".join(getattr(row, name)) for row in rows]
            else:
                yield [getattr(row, name) for row in rows]


_TRADES = _Table(
    "trades",
    {
        "signature": "bytea", "program": "text", "ordinal": "int2", "slot": "int8",
        "tx_index": "int4", "seq": "int8", "mint": "bytea", "wallet": "bytea", "is_buy": "bool",
        "base_amount": "numeric", "quote_amount": "numeric", "user_quote_amount": "numeric",
        "fees": "jsonb", "price": "numeric", "market_cap": "numeric", "virtual_base": "numeric",
        "virtual_quote": "numeric", "real_base": "numeric", "real_quote": "numeric",
        "progress_bps": "int2", "block_time": "int8", "extra_bytes": "int2", "is_own": "bool",
    },
)  # fmt: skip
_TOKEN_EVENTS = _Table(
    "token_events",
    {
        "signature": "bytea", "program": "text", "ordinal": "int2", "slot": "int8", "seq": "int8",
        "kind": "text", "mint": "bytea", "wallet": "bytea", "block_time": "int8", "pool": "bytea",
        "price": "numeric", "market_cap": "numeric", "virtual_base": "numeric",
        "virtual_quote": "numeric", "real_base": "numeric", "real_quote": "numeric",
    },
)  # fmt: skip
_TOKENS = _Table(
    "tokens",
    {
        "mint": "bytea", "program": "text", "first_seq": "int8", "pool": "bytea",
        "amm_pool": "bytea", "creator": "bytea", "name": "text", "symbol": "text", "uri": "text",
        "quote_mint": "bytea", "decimals": "int2", "quote_decimals": "int2", "supply": "numeric",
        "flags": "text", "created_slot": "int8", "created_at": "int8", "state_slot": "int8",
        "state_seq": "int8", "price": "numeric", "market_cap": "numeric", "progress_bps": "int2",
        "virtual_base": "numeric", "virtual_quote": "numeric", "real_base": "numeric",
        "real_quote": "numeric", "trades": "int8", "volume_base": "numeric",
        "volume_quote": "numeric", "last_trade_at": "int8", "completed_slot": "int8",
        "migrated_slot": "int8",
    },
    keys=("mint",),
    kept=("first_seq",),
)  # fmt: skip
_POSITIONS = _Table(
    "positions",
    {
        "wallet": "bytea", "mint": "bytea", "base_amount": "numeric", "cost_quote": "numeric",
        "realized_quote": "numeric", "buys": "int4", "sells": "int4", "seq": "int8", "slot": "int8",
    },
    keys=("wallet", "mint"),
)  # fmt: skip
_CANDLES = _Table(
    "candles",
    {
        "mint": "bytea", "interval_s": "int4", "start": "int8", "open": "numeric",
        "high": "numeric", "low": "numeric", "close": "numeric", "volume_base": "numeric",
        "volume_quote": "numeric", "trades": "int4", "first_slot": "int8", "first_seq": "int8",
        "last_slot": "int8", "last_seq": "int8", "rev": "int4",
    },
    keys=("mint", "interval_s", "start"),
)  # fmt: skip
_FEED = _Table(
    "feed",
    {
        "seq": "int8", "event": "text", "mint": "bytea", "wallet": "bytea", "slot": "int8",
        "data": "text", "price_update": "text", "portfolio_update": "text",
    },
)  # fmt: skip
_POOLS = _Table(
    "pools",
    {"pool": "bytea", "mint": "bytea", "quote_mint": "bytea"},
    is_ignoring=True,
)
_QUARANTINE = _Table(
    "quarantine",
    {
        "signature": "bytea", "slot": "int8", "program": "text", "path": "text", "reason": "text",
        "payload": "bytea", "block_time": "int8",
    },
    is_ignoring=True,
)  # fmt: skip

_TABLES = (_TRADES, _TOKEN_EVENTS, _TOKENS, _POSITIONS, _CANDLES, _FEED, _POOLS, _QUARANTINE)


def _store_statement() -> str:
    """All INSERTs as data-modifying parts of one statement, and the NOTIFY."""
    parts, first = [], 1
    for table in _TABLES:
        parts.append(f"{table.name}_ AS ({table.insert(first)})")
        first += len(table.columns)
    newest = f"${first}::text"
    notify = f"SELECT pg_notify('feed', {newest}) WHERE {newest} IS NOT NULL"
    return f"WITH {', '.join(parts)} {notify}"


_STORE = _store_statement()


async def store(connection: Connection, changes: Changes) -> None:
    """Write everything a batch changed and wake those who follow the feed."""
    rows: tuple[Sequence[object], ...] = (
        changes.trades, changes.token_events, changes.tokens, changes.positions,
        changes.candles, changes.feed, changes.pools, changes.quarantine,
    )  # fmt: skip
    arrays = [
        array
        for table, of_table in zip(_TABLES, rows, strict=True)
        for array in table.arrays(of_table)
    ]
    newest = str(changes.feed[-1].seq) if changes.feed else None
    await connection.execute(
        _STORE,
        *arrays,
        newest,
        timeout=_TIMEOUT_S,
    )


async def known(
    connection: Connection, trades: Collection[bytes], token_events: Collection[bytes]
) -> dict[Identity, bool]:
    """Stored trades and token events of these signatures, and of each whether it stands (False: it
    was withdrawn).
    """
    rows = await connection.fetch(
        """SELECT t.signature, program, ordinal, slot, NOT retracted
           FROM unnest($1::bytea[]) AS key (signature) JOIN trades t USING (signature)
           UNION ALL
           SELECT e.signature, program, ordinal, slot, NOT retracted
           FROM unnest($2::bytea[]) AS key (signature) JOIN token_events e USING (signature)""",
        list(trades),
        list(token_events),
        timeout=_TIMEOUT_S,
    )
    return {(row[0], row[1], row[2], row[3]): row[4] for row in rows}


async def load(
    connection: Connection,
    mints: Collection[bytes],
    positions: Collection[PositionKey],
    candles: Collection[CandleKey],
) -> State:
    """Stored tokens, positions and candles of these keys; what is not stored yet is not in it."""
    return State(
        tokens={row.mint: row for row in await _load_tokens(connection, mints)},
        positions={
            (row.wallet, row.mint): row for row in await _load_positions(connection, positions)
        },
        candles={
            (row.mint, row.interval_s, row.start): row
            for row in await _load_candles(connection, candles)
        },
    )


_LOAD_TOKENS = f"""SELECT {", ".join(_TOKENS.columns)} FROM tokens
    WHERE mint = ANY($1::bytea[])"""  # noqa: S608
_LOAD_POSITIONS = f"""SELECT {", ".join(_POSITIONS.columns)} FROM positions
    JOIN unnest($1::bytea[], $2::bytea[]) AS key (wallet, mint)
         USING (wallet, mint)"""  # noqa: S608
_LOAD_CANDLES = f"""SELECT {", ".join(_CANDLES.columns)} FROM candles
    JOIN unnest($1::bytea[], $2::int4[], $3::int8[]) AS key (mint, interval_s, start)
         USING (mint, interval_s, start)"""  # noqa: S608


async def _load_tokens(connection: Connection, mints: Collection[bytes]) -> list[TokenRow]:
    if not mints:
        return []
    rows = await connection.fetch(_LOAD_TOKENS, list(mints), timeout=_TIMEOUT_S)
    return [
        TokenRow(
            **{**row, "price": _decimal(row["price"]), "market_cap": _decimal(row["market_cap"])}
        )
        for row in rows
    ]


async def _load_positions(
    connection: Connection, keys: Collection[PositionKey]
) -> list[PositionRow]:
    if not keys:
        return []
    wallets, mints = zip(*keys, strict=True)
    rows = await connection.fetch(_LOAD_POSITIONS, wallets, mints, timeout=_TIMEOUT_S)
    return [PositionRow(**row) for row in rows]


async def _load_candles(connection: Connection, keys: Collection[CandleKey]) -> list[CandleRow]:
    if not keys:
        return []
    rows = await connection.fetch(
        _LOAD_CANDLES, *map(list, zip(*keys, strict=True)), timeout=_TIMEOUT_S
    )
    prices = ("open", "high", "low", "close")
    return [CandleRow(**{**row, **{name: Decimal(row[name]) for name in prices}}) for row in rows]


def _decimal(value: int | Decimal | None) -> Decimal | None:
    return None if value is None else Decimal(value)


async def load_past(
    connection: Connection, keys: Collection[PositionKey]
) -> dict[PositionKey, list[PastTrade]]:
    """All trades of these positions that stand, oldest first."""
    found: dict[PositionKey, list[PastTrade]] = {key: [] for key in keys}
    if not keys:
        return found
    wallets, mints = zip(*keys, strict=True)
    rows = await connection.fetch(
        """SELECT wallet, mint, slot, seq, is_buy, base_amount, quote_amount, user_quote_amount,
                  tx_index
           FROM trades JOIN unnest($1::bytea[], $2::bytea[]) AS key (wallet, mint)
                USING (wallet, mint)
           WHERE is_own AND NOT retracted ORDER BY slot, seq""",
        wallets,
        mints,
        timeout=_TIMEOUT_S,
    )
    for wallet, mint, *rest in rows:
        found[wallet, mint].append(PastTrade(**dict(zip(_PAST, rest, strict=True))))
    return found


_PAST = tuple(PastTrade.__struct_fields__)


async def take_seqs(connection: Connection, count: int) -> int:
    """Lock the feed's head and take `count` numbers; returns the first.

    The last lock a writer takes before it writes: numbers become visible in the order of commits.
    """
    newest = await connection.fetchval(
        "UPDATE feed_head SET seq = seq + $1 RETURNING seq", count, timeout=_TIMEOUT_S
    )
    return int(newest) - count + 1


async def pools_of(connection: Connection, pools: Collection[bytes]) -> dict[bytes, PoolRow]:
    """What is known of these pools."""
    rows = await connection.fetch(
        "SELECT pool, mint, quote_mint FROM pools WHERE pool = ANY($1::bytea[])",
        list(pools),
    )
    return {row["pool"]: PoolRow(**row) for row in rows}


async def claim_chain(connection: Connection, genesis_hash: str) -> str:
    """The genesis hash of the chain this database holds: `genesis_hash` if it held none yet."""
    await connection.execute(
        "INSERT INTO chain (genesis_hash) VALUES ($1) ON CONFLICT DO NOTHING", genesis_hash
    )
    return str(await connection.fetchval("SELECT genesis_hash FROM chain"))


async def start_over(connection: Connection, genesis_hash: str) -> None:
    """Forget everything of another chain and renew the feed's epoch, so that clients see it."""
    async with connection.transaction():
        await connection.execute(
            """TRUNCATE trades, token_events, tokens, positions, candles, feed, pools, quarantine,
                        checkpoints, coverage, gaps"""
        )
        await connection.execute("UPDATE chain SET genesis_hash = $1", genesis_hash)
        await connection.execute(
            "UPDATE finality SET confirmed_slot = 0, finalized_slot = 0, checked_slot = 0"
        )
        await connection.execute(
            "UPDATE feed_head SET seq = 0, epoch = substr(md5(gen_random_uuid()::text), 1, 8)"
        )
        await connection.execute("SELECT pg_notify('feed', '0')")
