"""What a WebSocket room is about, as of one moment."""

# ruff: noqa: S608 - what is put into statements are names that are written in this package

from __future__ import annotations

import msgspec

from db.feed import Position, Scope, frozen, last_log_seq
from db.pool import Connection, Pool
from db.reads.moment import ID_OF, TIMEOUT_S, columns_of, row_of, rows_of
from db.reads.tokens import COLUMNS, TokenView, plain_view_of
from db.reads.trades import NEWEST_FIRST, TradeView, readable
from db.rows import PositionRow

SNAPSHOT_TOKENS = 50
SNAPSHOT_TRADES = 50
SNAPSHOT_POSITIONS = 200

_POSITIONS = columns_of(PositionRow)


_OF_TOKEN = f"t.token_id = {ID_OF.format('$2')}"
_OF_WALLET = f"t.wallet_id = {ID_OF.format('$2')}"


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """State of a room's part of the world; `seq` is the room's position."""

    top: Position
    seq: int
    tokens: list[TokenView] = []
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
                trades=await _fetch_trades(connection, _OF_TOKEN, scope.mint),
            )
        if scope.wallet is not None:
            return Snapshot(
                top=top,
                seq=seq,
                positions=await _fetch_positions(connection, scope.wallet),
                trades=await _fetch_trades(connection, _OF_WALLET, scope.wallet),
            )
        return Snapshot(
            top=top,
            seq=seq,
            tokens=await _fetch_tokens(connection, "true"),
            trades=await _fetch_newest_trades(connection),
        )


async def _fetch_tokens(connection: Connection, where: str, *key: bytes) -> list[TokenView]:
    records = await connection.fetch(
        f"SELECT {COLUMNS} FROM tokens t WHERE {where} ORDER BY t.first_seq DESC LIMIT $1",
        SNAPSHOT_TOKENS,
        *key,
    )
    return [plain_view_of(each) for each in records]


async def _fetch_trades(connection: Connection, where: str, key: bytes) -> list[TradeView]:
    rows = f"""SELECT * FROM trade_rows t WHERE {where} AND NOT t.retracted
        ORDER BY {NEWEST_FIRST} LIMIT $1"""
    records = await connection.fetch(readable(rows), SNAPSHOT_TRADES, key)
    return rows_of(TradeView, records)


async def _fetch_newest_trades(connection: Connection) -> list[TradeView]:
    """Of all tokens, by way of the feed: trades themselves are not indexed by seq alone."""
    rows = """SELECT t.* FROM (
            SELECT f.slot, f.seq, k.id FROM feed f JOIN keys k ON k.key = f.mint
            WHERE f.event = 'new_trade' ORDER BY f.seq DESC LIMIT $1) f
        JOIN trade_rows t ON t.token_id = f.id AND t.slot = f.slot AND t.seq = f.seq
        WHERE NOT t.retracted"""
    records = await connection.fetch(readable(rows), SNAPSHOT_TRADES)
    found = rows_of(TradeView, records)
    return sorted(found, key=lambda row: row.seq, reverse=True)


async def _fetch_positions(connection: Connection, wallet: bytes) -> list[PositionRow]:
    records = await connection.fetch(
        f"""SELECT {_POSITIONS} FROM (
                SELECT p.*, m.key AS mint, $1::bytea AS wallet FROM (
                    SELECT * FROM position_rows WHERE wallet_id = {ID_OF.format("$1")}
                    ORDER BY seq DESC LIMIT $2) p
                JOIN keys m ON m.id = p.token_id) t
            ORDER BY t.seq DESC""",
        wallet,
        SNAPSHOT_POSITIONS,
    )
    return [row_of(PositionRow, each) for each in records]
