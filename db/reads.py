"""What the REST API reads. Every answer carries the feed's position of the very moment it shows.

Lists are paged by key ("rows below this one"), so rows that come in between shift nothing. Keys and
signatures are raw bytes, amounts integers of base units, prices decimals.
"""

# ruff: noqa: S608 - what is put into statements are names that are written in this file

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Generic, Literal, TypeVar

import asyncpg
import msgspec

from db.coverage import HORIZON, Horizon
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


class Moment(msgspec.Struct, frozen=True):
    """What an answer shows: everything in the feed up to here, and how far that is verified."""

    position: Position
    horizon: Horizon


class Page(msgspec.Struct, Generic[Item], frozen=True):
    """Items, newest first; `last` is the key to go on from, None at the end."""

    moment: Moment
    items: list[Item]
    last: tuple[int, ...] | None


class TradeView(msgspec.Struct, frozen=True, kw_only=True):
    """A stored trade, with what its token knows to make it readable. `fees` is JSON."""

    signature: bytes
    program: str
    ordinal: int
    slot: int
    tx_index: int | None
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


_OF_TOKEN = ("pool", "amm_pool", "quote_mint", "quote_decimals", "supply")
"""Fields of a TradeView that are its token's."""


def _columns(row: type[msgspec.Struct], others: tuple[str, ...] = ()) -> str:
    """The struct's fields as columns of `t`, `others` of `k`."""
    names = row.__struct_fields__
    return ", ".join(f"k.{name}" if name in others else f"t.{name}" for name in names)


_TOKENS = _columns(TokenRow)
_TRADES = _columns(TradeView, _OF_TOKEN)
_CANDLES = _columns(CandleRow)
_POSITIONS = _columns(PositionRow)

_UNPLACED = 2**31 - 1
_PLACE = f"t.slot, coalesce(t.tx_index, {_UNPLACED}), t.seq"
"""The chain's order: inside a slot that of the block. What is not placed yet is the newest."""
_NEWEST_FIRST = f"t.slot DESC, coalesce(t.tx_index, {_UNPLACED}) DESC, t.seq DESC"

_ORDER_OF_TOKENS: Mapping[TokenOrder, str] = MappingProxyType(
    {"new": "first_seq", "active": "state_seq"}
)


async def tokens(pool: Pool, order: TokenOrder, before: Before, limit: int) -> Page[TokenRow]:
    """Tokens by age (new) or by their newest state change (active), newest first."""
    key = _ORDER_OF_TOKENS[order]
    where, arguments = ("true", []) if before is None else (f"t.{key} < $2", [before[0]])
    moment, records = await _at_moment(
        pool,
        f"SELECT {_TOKENS} FROM tokens t WHERE {where} ORDER BY t.{key} DESC LIMIT $1",
        limit + 1,
        *arguments,
    )
    return _page(
        moment, [_token(each) for each in records], limit, lambda row: (getattr(row, key),)
    )


async def token(pool: Pool, mint: bytes) -> tuple[Moment, TokenRow | None]:
    """One token."""
    moment, records = await _at_moment(
        pool,
        f"SELECT {_TOKENS} FROM tokens t WHERE t.mint = $1",
        mint,
    )
    return moment, _token(records[0]) if records else None


async def trades(pool: Pool, scope: Scope, before: Before, limit: int) -> Page[TradeView]:
    """Trades of a token or of a wallet, newest first, without those a fork undid."""
    where, key = ("t.mint = $1", scope.mint) if scope.mint else ("t.wallet = $1", scope.wallet)
    arguments: list[object] = [key, limit + 1]
    if before is not None:
        where += f" AND t.slot <= $3 AND ({_PLACE}) < ($3, $4, $5)"
        arguments.extend(before)
    moment, records = await _at_moment(
        pool,
        f"SELECT {_TRADES} FROM trades t LEFT JOIN tokens k ON k.mint = t.mint "
        f"WHERE {where} AND NOT t.retracted ORDER BY {_NEWEST_FIRST} LIMIT $2",
        *arguments,
    )
    found = [_trade(each) for each in records]
    return _page(moment, found, limit, _place_of)


async def candles(
    pool: Pool, mint: bytes, interval_s: int, before: Before, limit: int
) -> Page[CandleRow]:
    """Bars of a token, newest first."""
    where, arguments = ("true", []) if before is None else ("t.start < $4", [before[0]])
    moment, records = await _at_moment(
        pool,
        f"SELECT {_CANDLES} FROM candles t WHERE t.mint = $1 AND t.interval_s = $2 "
        f"AND {where} ORDER BY t.start DESC LIMIT $3",
        mint,
        interval_s,
        limit + 1,
        *arguments,
    )
    found = [CandleRow(**_fields(CandleRow, each)) for each in records]
    return _page(moment, found, limit, lambda row: (row.start,))


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
        f"SELECT {_TOKENS} FROM tokens t WHERE {where} ORDER BY t.first_seq DESC LIMIT $1",
        SNAPSHOT_TOKENS,
        *key,
    )
    return [_token(each) for each in records]


async def _fetch_trades(connection: Connection, where: str, key: bytes) -> list[TradeView]:
    records = await connection.fetch(
        f"SELECT {_TRADES} FROM trades t LEFT JOIN tokens k ON k.mint = t.mint "
        f"WHERE {where} AND NOT t.retracted ORDER BY {_NEWEST_FIRST} LIMIT $1",
        SNAPSHOT_TRADES,
        key,
    )
    return [_trade(each) for each in records]


async def _fetch_newest_trades(connection: Connection) -> list[TradeView]:
    """Of all tokens, by way of the feed: trades themselves are not indexed by seq alone."""
    records = await connection.fetch(
        f"""SELECT {_TRADES} FROM (
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
        f"SELECT {_POSITIONS} FROM positions t WHERE t.wallet = $1 ORDER BY t.seq DESC LIMIT $2",
        wallet,
        SNAPSHOT_POSITIONS,
    )
    return [PositionRow(**_fields(PositionRow, each)) for each in records]


async def _at_moment(
    pool: Pool, select: str, *arguments: object
) -> tuple[Moment, list[asyncpg.Record]]:
    """Rows of `select`, the feed's position and the horizon, in one statement, so of one moment."""
    records = await pool.fetch(
        "SELECT h.epoch AS head_epoch, h.seq AS head_seq, z.*, r.* "
        f"FROM feed_head h CROSS JOIN ({HORIZON}) z "
        f"LEFT JOIN LATERAL (SELECT true AS is_found, q.* FROM ({select}) q) r ON true",
        *arguments,
        timeout=TIMEOUT_S,
    )
    first = records[0]
    moment = Moment(
        Position(first["head_epoch"], first["head_seq"]),
        Horizon(first["frontier_slot"], first["finalized_slot"], first["is_complete"]),
    )
    return moment, [record for record in records if record["is_found"]]


def _page(
    moment: Moment, found: list[Item], limit: int, key: Callable[[Item], tuple[int, ...]]
) -> Page[Item]:
    items = found[:limit]
    return Page(moment, items, key(items[-1]) if len(found) > limit else None)


def _place_of(row: TradeView) -> tuple[int, ...]:
    return row.slot, _UNPLACED if row.tx_index is None else row.tx_index, row.seq


def _token(record: asyncpg.Record) -> TokenRow:
    return TokenRow(**_fields(TokenRow, record))


def _trade(record: asyncpg.Record) -> TradeView:
    return TradeView(**_fields(TradeView, record))


def _fields(row: type[msgspec.Struct], record: asyncpg.Record) -> dict[str, Any]:
    return {name: record[name] for name in row.__struct_fields__}
