"""`rebuild`: everything that is folded from events, folded anew from the stored ones.

It goes through the tokens by the numbers of their mints, some at a time, each time in one
transaction that also notes how far it has come: killed, it goes on there. Rows that already are
what they should be are left alone, so a rebuild of what is right changes nothing, and clients keep
what they hold. If anything was wrong the feed gets another epoch.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

import asyncpg
import msgspec
import structlog

from common.errors import GiveUp
from db import rebuild as db
from db import retract, tables
from db.keys import intern
from db.lease import STALE_S
from db.pool import Connection, Pool
from db.rebuild import Progress
from db.retract import Moment, PricedTrade, TokenSums
from db.rows import (
    CandleKey,
    CandleRow,
    Changes,
    PastTrade,
    PositionKey,
    PositionRow,
    TokenRow,
)
from db.writer import Writer
from indexer import candles, positions
from indexer.order import in_order
from indexer.refold import bar, set_token
from indexer.seen import base_decimals, quote_decimals

Report = Callable[[int, int], None]
"""Called with (done, total) keys."""

KEYS_AT_ONCE = 2_000
_Row = TypeVar("_Row", bound=msgspec.Struct)
_log = structlog.get_logger(__name__)


class Folded(msgspec.Struct):
    """What the events of some tokens make."""

    tokens: dict[bytes, TokenRow] = {}
    positions: dict[PositionKey, PositionRow] = {}
    candles: dict[CandleKey, CandleRow] = {}


async def rebuild(pool: Pool, report: Report, keys_at_once: int = KEYS_AT_ONCE) -> int:
    """Make everything anew; returns how many rows were changed, since it was begun.

    Raises GiveUp while an indexer is writing, or where retention has dropped trades.
    """
    async with Writer(pool) as writer:
        await _take(writer)
        async with writer.transaction() as connection:
            at, total = await db.progress(connection), await db.last_id(connection)
            if await db.retained_from(connection) > 0:
                raise GiveUp(
                    "retention has dropped trades, what was folded from them can't be made anew",
                    hint="Index into an empty database instead",
                )
        while at.phase == "tokens":
            at = await _next_tokens(writer, at, total, keys_at_once)
            report(at.after_id if at.phase == "tokens" else total, 2 * total)
        while at.after_id < total:
            at = await _next_wallets(writer, at, keys_at_once * 10)
            report(total + min(at.after_id, total), 2 * total)
        async with writer.transaction() as connection:
            await db.count_minutes(connection)
            await db.finish(connection, at)
    _log.info("rebuilt", keys=total, changed=at.changed)
    return at.changed


async def _take(writer: Writer) -> None:
    """Take the lease; one that was left behind by a kill is free within seconds."""
    deadline = time.monotonic() + 2 * STALE_S
    while not await writer.is_holding():
        if time.monotonic() > deadline:
            raise GiveUp("an indexer is writing to this database", hint="Stop it, then rebuild")
        await asyncio.sleep(0.1)


async def _next_tokens(writer: Writer, at: Progress, total: int, count: int) -> Progress:
    first, last = at.after_id + 1, at.after_id + count
    async with writer.transaction() as connection:
        changed = at.changed + await _tokens(connection, first, last)
        at = Progress("tokens", last, changed)
        if last >= total:
            at = Progress("wallets", 0, changed)
        await db.note(connection, at)
    return at


async def _next_wallets(writer: Writer, at: Progress, count: int) -> Progress:
    first, last = at.after_id + 1, at.after_id + count
    async with writer.transaction() as connection:
        await db.count_wallets(connection, first, last)
        at = Progress("wallets", last, at.changed)
        await db.note(connection, at)
    return at


async def _tokens(connection: Connection, first: int, last: int) -> int:
    """Fold a range anew and store what differs; returns how many rows did."""
    names = await db.mints(connection, first, last)
    trades = await db.trades(connection, first, last)
    events = await db.events(connection, first, last)
    tokens, positions_, candles_ = await db.stored(connection, first, last)
    was = Folded(
        {row.mint: row for row in tokens},
        {(row.wallet, row.mint): row for row in positions_},
        {(row.mint, row.interval_s, row.start): row for row in candles_},
    )
    now = folded(names, trades, events, was)
    changes = Changes(
        tokens=_different(now.tokens, was.tokens),
        positions=_different(now.positions, was.positions),
        candles=_different(now.candles, was.candles),
    )
    return await _store(connection, changes, was, now)


async def _store(connection: Connection, changes: Changes, was: Folded, now: Folded) -> int:
    named = {row.mint for row in changes.tokens} | {row.mint for row in changes.candles}
    named |= {key for row in changes.positions for key in (row.wallet, row.mint)}
    named |= {key for row in changes.tokens for key in (row.creator, row.quote_mint) if key}
    gone_tokens = was.tokens.keys() - now.tokens.keys()
    gone_positions = was.positions.keys() - now.positions.keys()
    gone_candles = was.candles.keys() - now.candles.keys()
    named |= gone_tokens | {key for pair in gone_positions for key in pair}
    named |= {mint for mint, _, _ in gone_candles}
    if not named:
        return 0
    ids = await intern(connection, named)
    of = ids.keys
    for candle in changes.candles:
        candle.rev += 1
    await tables.store(connection, changes, ids)
    await retract.forget(
        connection,
        {mint: of[mint] for mint in gone_tokens},
        [(of[wallet], of[mint]) for wallet, mint in gone_positions],
    )
    await db.forget_candles(connection, [(of[key[0]], *key[1:]) for key in gone_candles])
    written = len(changes.tokens) + len(changes.positions) + len(changes.candles)
    return written + len(gone_tokens) + len(gone_positions) + len(gone_candles)


def _different(now: Mapping[Any, _Row], was: Mapping[Any, _Row]) -> list[_Row]:
    return [row for key, row in now.items() if was.get(key) != row]


# --- the fold, from the beginning


def folded(
    names: Mapping[int, bytes],
    trades: Sequence[asyncpg.Record],
    events: Sequence[asyncpg.Record],
    was: Folded,
) -> Folded:
    """What stored trades and token events make. `was` gives what no event says: the number in the
    feed of a token's first mention, the revisions of candles.
    """
    result = Folded()
    by_token: dict[int, list[asyncpg.Record]] = defaultdict(list)
    of_events: dict[int, list[asyncpg.Record]] = defaultdict(list)
    for row in trades:
        by_token[row["token_id"]].append(row)
    for row in events:
        of_events[row["token_id"]].append(row)
    for token_id in by_token.keys() | of_events.keys():
        mint = names[token_id]
        _fold_token(mint, by_token[token_id], of_events[token_id], was, result)
    for key, stored in was.candles.items():
        if key not in result.candles and key[0] in result.tokens and stored.trades == 0:
            result.candles[key] = stored  # all that was in it has been withdrawn, which is right
    return result


def _fold_token(
    mint: bytes,
    trades: Sequence[asyncpg.Record],
    events: Sequence[asyncpg.Record],
    was: Folded,
    result: Folded,
) -> None:
    standing = [row for row in trades if not row["retracted"]]
    stages = [row for row in events if not row["retracted"]]
    if not standing and not stages:
        return
    token = _named(mint, trades, events, was.tokens.get(mint))
    own = [row for row in standing if row["is_own"]]
    newest = max((row["slot"] for row in own), default=0)
    last = in_order([_moment(row, "trade") for row in own if row["slot"] == newest])
    set_token(token, _sums(own), last[-1:], [_moment(row, row["kind"]) for row in stages])
    result.tokens[mint] = token
    _fold_positions(mint, own, token, result)
    _fold_candles(mint, own, was, result)


def _named(
    mint: bytes,
    trades: Sequence[asyncpg.Record],
    events: Sequence[asyncpg.Record],
    stored: TokenRow | None,
) -> TokenRow:
    """The token with all that does not move: from its creation where that was seen."""
    seqs = [row["seq"] for row in (*trades, *events)]
    any_row = min((*trades, *events), key=lambda row: int(row["seq"]))
    token = TokenRow(mint=mint, program=any_row["program"], first_seq=min(seqs))
    if stored is not None:
        token = msgspec.structs.replace(stored)
    else:
        own = [row["quote_mint"] for row in trades if row["is_own"] and row["quote_mint"]]
        token.quote_mint = own[0] if own else None
        token.decimals = base_decimals(token.program)
    created = [row for row in events if row["kind"] == "create" and not row["retracted"]]
    if created:
        _take_names(token, created[-1])
    token.quote_decimals = quote_decimals(token.quote_mint)
    return token


def _take_names(token: TokenRow, created: asyncpg.Record) -> None:
    for name in ("program", "pool", "creator", "name", "symbol", "uri", "supply"):
        setattr(token, name, created[name])
    token.flags = list(created["flags"] or ())
    token.quote_mint = created["quote_mint"] or token.quote_mint
    if created["decimals"] is not None:
        token.decimals = created["decimals"]


def _moment(row: asyncpg.Record, kind: str) -> Moment:
    return Moment(
        slot=row["slot"], seq=row["seq"], tx_index=row["tx_index"] if kind == "trade" else None,
        kind=kind, pool=None if kind == "trade" else row["pool"], block_time=row["block_time"],
        price=None if row["price"] is None else Decimal(row["price"]),
        progress_bps=row["progress_bps"] if kind == "trade" else 0,
        virtual_base=row["virtual_base"], virtual_quote=row["virtual_quote"],
        real_base=row["real_base"], real_quote=row["real_quote"],
    )  # fmt: skip


def _sums(own: Sequence[asyncpg.Record]) -> TokenSums:
    times = [row["block_time"] for row in own if row["block_time"] is not None]
    return TokenSums(
        len(own), sum(row["is_buy"] for row in own), sum(row["base_amount"] for row in own),
        sum(row["quote_amount"] for row in own), max(times, default=None),
    )  # fmt: skip


def _fold_positions(
    mint: bytes, own: Sequence[asyncpg.Record], token: TokenRow, result: Folded
) -> None:
    by_wallet: dict[bytes, list[PastTrade]] = defaultdict(list)
    for row in own:
        if row["wallet"] is not None:
            fields = {name: row[name] for name in PastTrade.__struct_fields__}
            by_wallet[row["wallet"]].append(PastTrade(**fields))
    token.holders, token.traders = 0, len(by_wallet)
    for wallet, trades in by_wallet.items():
        position = result.positions[wallet, mint] = positions.fold((wallet, mint), trades)
        token.holders += position.base_amount > 0


def _fold_candles(mint: bytes, own: Sequence[asyncpg.Record], was: Folded, result: Folded) -> None:
    bars: dict[CandleKey, list[PricedTrade]] = defaultdict(list)
    for row in own:
        if row["price"] is None or row["block_time"] is None:
            continue
        fields = {name: row[name] for name in PricedTrade.__struct_fields__}
        trade = PricedTrade(**(fields | {"price": Decimal(row["price"])}))
        for key in candles.keys_of(mint, row["block_time"]):
            bars[key].append(trade)
    for key, trades in bars.items():
        stored = was.candles.get(key)
        made = result.candles[key] = bar(key, trades)
        made.rev = 0 if stored is None else stored.rev
