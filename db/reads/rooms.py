"""What a WebSocket room is about, as of one moment."""

# ruff: noqa: S608 - what is put into statements are names that are written in this package

from __future__ import annotations

import msgspec

from db.feed import Position, Scope, frozen, last_log_seq
from db.pool import Connection, Pool
from db.reads.moment import TIMEOUT_S, columns_of, row_of
from db.reads.tokens import TOKENS
from db.reads.trades import NEWEST_FIRST, TRADES, TradeView
from db.rows import PositionRow, TokenRow

SNAPSHOT_TOKENS = 50
SNAPSHOT_TRADES = 50
SNAPSHOT_POSITIONS = 200

_POSITIONS = columns_of(PositionRow)


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """State of a room's part of the world; `seq` is the room's position."""

    top: Position
    seq: int
    tokens: list[TokenRow] = []
    trades: list[TradeView] = []
    positions: list[PositionRow] = []


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
        f"SELECT {TOKENS} FROM tokens t WHERE {where} ORDER BY t.first_seq DESC LIMIT $1",
        SNAPSHOT_TOKENS,
        *key,
    )
    return [row_of(TokenRow, each) for each in records]


async def _fetch_trades(connection: Connection, where: str, key: bytes) -> list[TradeView]:
    records = await connection.fetch(
        f"SELECT {TRADES} FROM trades t LEFT JOIN tokens k ON k.mint = t.mint "
        f"WHERE {where} AND NOT t.retracted ORDER BY {NEWEST_FIRST} LIMIT $1",
        SNAPSHOT_TRADES,
        key,
    )
    return [row_of(TradeView, each) for each in records]


async def _fetch_newest_trades(connection: Connection) -> list[TradeView]:
    """Of all tokens, by way of the feed: trades themselves are not indexed by seq alone."""
    records = await connection.fetch(
        f"""SELECT {TRADES} FROM (
                SELECT mint, slot, seq FROM feed WHERE event = 'new_trade'
                ORDER BY seq DESC LIMIT $1) f
            JOIN trades t ON t.mint = f.mint AND t.slot = f.slot AND t.seq = f.seq
            LEFT JOIN tokens k ON k.mint = t.mint
            WHERE NOT t.retracted ORDER BY t.seq DESC""",
        SNAPSHOT_TRADES,
    )
    return [row_of(TradeView, each) for each in records]


async def _fetch_positions(connection: Connection, wallet: bytes) -> list[PositionRow]:
    records = await connection.fetch(
        f"SELECT {_POSITIONS} FROM positions t WHERE t.wallet = $1 ORDER BY t.seq DESC LIMIT $2",
        wallet,
        SNAPSHOT_POSITIONS,
    )
    return [row_of(PositionRow, each) for each in records]
