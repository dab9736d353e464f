"""What the REST API reads. Every answer carries the feed's position of the very moment it shows.

Lists are paged by key ("rows below this one"), so rows that come in between shift nothing. Keys and
signatures are raw bytes, amounts integers of base units, prices decimals.
"""

# ruff: noqa: S608 - what is put into statements are names that are written in this file

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Generic, Literal, TypeVar

import asyncpg
import msgspec

from db.feed import Position, Scope, frozen, last_log_seq
from db.pool import Connection, Pool
from db.rows import CandleRow, PositionRow, TokenRow

TokenOrder = Literal["new", "active"]
Item = TypeVar("Item")
Before = tuple[int, ...] | None
"""Key of the last item of the page before."""

TIMEOUT_S = 5.0
SNAPSHOT_TOKENS = 50
SNAPSHOT_TRADES = 50
SNAPSHOT_POSITIONS = 200


class Page(msgspec.Struct, Generic[Item], frozen=True):
    """Items, newest first; `last` is the key to go on from, None at the end."""

    position: Position
    items: list[Item]
    last: tuple[int, ...] | None


class TradeView(msgspec.Struct, frozen=True, kw_only=True):
    """A stored trade, with what its token knows to make it readable. `fees` is JSON."""

    signature: bytes
    program: str
    ordinal: int
    slot: int
    seq: int
    mint: bytes
    wallet: bytes | None
    is_buy: bool
    base_amount: int
    quote_amount: int
    user_quote_amount: int | None
    fees: str
    price: Decimal | int | None
    virtual_base: int | None
    virtual_quote: int | None
    real_base: int | None
    real_quote: int | None
    progress_bps: int | None
    block_time: int | None
    is_own: bool
    pool: bytes | None
    amm_pool: bytes | None
    quote_mint: bytes | None
    quote_decimals: int | None
    supply: int | None


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """State of a room's part of the world; `seq` is the room's position."""

    top: Position
    seq: int
    tokens: list[TokenRow] = []
    trades: list[TradeView] = []
    positions: list[PositionRow] = []


_TOKEN_COLUMNS = """t.mint, t.program, t.first_seq, t.pool, t.amm_pool, t.creator, t.name, t.symbol,
t.uri,
    t.quote_mint, t.decimals, t.quote_decimals, t.supply, t.flags, t.created_slot, t.created_at,
    t.state_slot, t.state_seq, t.price, t.market_cap, t.progress_bps, t.virtual_base,
    t.virtual_quote, t.real_base, t.real_quote, t.trades, t.volume_base, t.volume_quote,
    t.last_trade_at, t.completed_slot, t.migrated_slot"""
_TRADE = """t.signature, t.program, t.ordinal, t.slot, t.seq, t.mint, t.wallet, t.is_buy,
    t.base_amount, t.quote_amount, t.user_quote_amount, t.fees, t.price, t.virtual_base,
    t.virtual_quote, t.real_base, t.real_quote, t.progress_bps, t.block_time, t.is_own,
    k.pool, k.amm_pool, k.quote_mint, k.quote_decimals, k.supply"""
_CANDLE = """t.mint, t.interval_s, t.start, t.open, t.high, t.low, t.close, t.first_slot,
    t.first_seq, t.last_slot, t.last_seq, t.volume_base, t.volume_quote, t.trades, t.rev"""
_POSITION = """t.wallet, t.mint, t.base_amount, t.cost_quote, t.realized_quote, t.buys, t.sells,
    t.seq, t.slot"""

_ORDER_OF_TOKENS: Mapping[TokenOrder, str] = MappingProxyType(
    {"new": "first_seq", "active": "state_seq"}
)


async def tokens(pool: Pool, order: TokenOrder, before: Before, limit: int) -> Page[TokenRow]:
    """Tokens by age (new) or by their newest state change (active), newest first."""
    key = _ORDER_OF_TOKENS[order]
    where, arguments = ("true", []) if before is None else (f"t.{key} < $2", [before[0]])
    position, records = await _at_position(
        pool,
        f"SELECT {_TOKEN_COLUMNS} FROM tokens t WHERE {where} ORDER BY t.{key} DESC LIMIT $1",
        limit + 1,
        *arguments,
    )
    return _page(
        position, [_token(each) for each in records], limit, lambda row: (getattr(row, key),)
    )


async def token(pool: Pool, mint: bytes) -> tuple[Position, TokenRow | None]:
    """One token."""
    position, records = await _at_position(
        pool,
        f"SELECT {_TOKEN_COLUMNS} FROM tokens t WHERE t.mint = $1",
        mint,
    )
    return position, _token(records[0]) if records else None


async def trades(pool: Pool, scope: Scope, before: Before, limit: int) -> Page[TradeView]:
    """Trades of a token or of a wallet, newest first, without those a fork undid."""
    where, key = ("t.mint = $1", scope.mint) if scope.mint else ("t.wallet = $1", scope.wallet)
    arguments: list[object] = [key, limit + 1]
    if before is not None:
        where += " AND (t.slot, t.seq) < ($3, $4)"
        arguments.extend(before)
    position, records = await _at_position(
        pool,
        f"SELECT {_TRADE} FROM trades t LEFT JOIN tokens k ON k.mint = t.mint "
        f"WHERE {where} AND NOT t.retracted ORDER BY t.slot DESC, t.seq DESC LIMIT $2",
        *arguments,
    )
    found = [_trade(each) for each in records]
    return _page(position, found, limit, lambda row: (row.slot, row.seq))


async def candles(
    pool: Pool, mint: bytes, interval_s: int, before: Before, limit: int
) -> Page[CandleRow]:
    """Bars of a token, newest first."""
    where, arguments = ("true", []) if before is None else ("t.start < $4", [before[0]])
    position, records = await _at_position(
        pool,
        f"SELECT {_CANDLE} FROM candles t WHERE t.mint = $1 AND t.interval_s = $2 "
        f"AND {where} ORDER BY t.start DESC LIMIT $3",
        mint,
        interval_s,
        limit + 1,
        *arguments,
    )
    found = [CandleRow(**{name: each[name] for name in _CANDLE_FIELDS}) for each in records]
    return _page(position, found, limit, lambda row: (row.start,))


async def snapshot(pool: Pool, scope: Scope) -> Snapshot:
    """The state of what a room is about, and the room's position, as of one moment."""
    async with frozen(pool, TIMEOUT_S) as (connection, top):
        seq = await last_log_seq(connection, scope, top.seq)
        if scope.mint is not None:
            return Snapshot(
                top=top,
                seq=seq,
                tokens=await _fetch_tokens(connection, "t.mint = $2", scope.mint),
                trades=await _fetch_trades(connection, "t.mint = $2", scope.mint),
            )
        if scope.wallet is not None:
            return Snapshot(
                top=top,
                seq=seq,
                positions=await _fetch_positions(connection, scope.wallet),
                trades=await _fetch_trades(connection, "t.wallet = $2", scope.wallet),
            )
        return Snapshot(
            top=top,
            seq=seq,
            tokens=await _fetch_tokens(connection, "true"),
            trades=await _fetch_newest_trades(connection),
        )


async def _fetch_tokens(connection: Connection, where: str, *key: bytes) -> list[TokenRow]:
    records = await connection.fetch(
        f"SELECT {_TOKEN_COLUMNS} FROM tokens t WHERE {where} ORDER BY t.first_seq DESC LIMIT $1",
        SNAPSHOT_TOKENS,
        *key,
    )
    return [_token(each) for each in records]


async def _fetch_trades(connection: Connection, where: str, key: bytes) -> list[TradeView]:
    records = await connection.fetch(
        f"SELECT {_TRADE} FROM trades t LEFT JOIN tokens k ON k.mint = t.mint "
        f"WHERE {where} AND NOT t.retracted ORDER BY t.slot DESC, t.seq DESC LIMIT $1",
        SNAPSHOT_TRADES,
        key,
    )
    return [_trade(each) for each in records]


async def _fetch_newest_trades(connection: Connection) -> list[TradeView]:
    """Of all tokens, by way of the feed: trades themselves are not indexed by seq alone."""
    records = await connection.fetch(
        f"""SELECT {_TRADE} FROM (
                SELECT mint, slot, seq FROM feed WHERE event = 'new_trade'
                ORDER BY seq DESC LIMIT $1) f
            JOIN trades t ON t.mint = f.mint AND t.slot = f.slot AND t.seq = f.seq
            LEFT JOIN tokens k ON k.mint = t.mint
            WHERE NOT t.retracted ORDER BY t.seq DESC""",
        SNAPSHOT_TRADES,
    )
    return [_trade(each) for each in records]


async def _fetch_positions(connection: Connection, wallet: bytes) -> list[PositionRow]:
    records = await connection.fetch(
        f"SELECT {_POSITION} FROM positions t WHERE t.wallet = $1 ORDER BY t.seq DESC LIMIT $2",
        wallet,
        SNAPSHOT_POSITIONS,
    )
    return [PositionRow(**dict(each)) for each in records]


async def _at_position(
    pool: Pool, select: str, *arguments: object
) -> tuple[Position, list[asyncpg.Record]]:
    """Rows of `select` and the feed's position, in one statement and so of one moment."""
    records = await pool.fetch(
        "SELECT h.epoch AS head_epoch, h.seq AS head_seq, r.* "
        f"FROM feed_head h LEFT JOIN LATERAL (SELECT true AS is_found, q.* FROM ({select}) q) r "
        "ON true",
        *arguments,
        timeout=TIMEOUT_S,
    )
    position = Position(records[0]["head_epoch"], records[0]["head_seq"])
    return position, [record for record in records if record["is_found"]]


def _page(
    position: Position, found: list[Item], limit: int, key: Callable[[Item], tuple[int, ...]]
) -> Page[Item]:
    items = found[:limit]
    return Page(position, items, key(items[-1]) if len(found) > limit else None)


_TOKEN_FIELDS = TokenRow.__struct_fields__
_TRADE_FIELDS = TradeView.__struct_fields__
_CANDLE_FIELDS = CandleRow.__struct_fields__


def _token(record: asyncpg.Record) -> TokenRow:
    return TokenRow(**{name: record[name] for name in _TOKEN_FIELDS})


def _trade(record: asyncpg.Record) -> TradeView:
    return TradeView(**{name: record[name] for name in _TRADE_FIELDS})
