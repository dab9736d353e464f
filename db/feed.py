"""Reading the feed: every log event under one contiguous number, given in commit order.

Most rows are log events: each has its number, and whoever reads them in order misses nothing. A row
may also carry a state event alone (a price, a portfolio, statistics that somebody published);
`event` tells which.
"""

# ruff: noqa: S608 - what is put into statements are names that are written in this file

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import get_args

import asyncpg
import msgspec

from common.errors import FeedGap
from common.messages import StateEvent
from db.pool import Connection, Pool

CHANNEL = "feed"
"""NOTIFY channel; the payload is the newest seq. Only a wake-up: the table is the truth."""

STATE_EVENTS: frozenset[str] = frozenset(get_args(StateEvent))
"""All others are log events: also one that a newer version writes, so that its link of the chain
counts.
"""

OUTAGE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""What a restart, a failover or a cut connection looks like from here: try again."""

_COLUMNS = """f.seq, f.event, f.mint, f.wallet, f.slot, f.data, f.price_update, f.portfolio_update,
    (extract(epoch FROM f.committed_at) * 1000)::bigint AS ts"""
_STATES = list(STATE_EVENTS)
_READ_TIMEOUT_S = 5.0


class Position(msgspec.Struct, frozen=True):
    """A place in the feed: everything up to and including `seq` of this epoch."""

    epoch: str
    seq: int


class FeedRow(msgspec.Struct, frozen=True, gc=False):
    """One row. `data` and both updates are JSON texts; `ts` is unix milliseconds, just before the
    commit.
    """

    seq: int
    event: str
    mint: bytes | None
    wallet: bytes | None
    slot: int | None
    data: str
    price_update: str | None
    portfolio_update: str | None
    ts: int

    @property
    def is_log(self) -> bool:
        """A log event, as opposed to a published state."""
        return self.event not in STATE_EVENTS

    @property
    def is_whole(self) -> bool:
        """Its contents are here, too: not so where a hub serves no room that it concerns."""
        return bool(self.data)


class Scope(msgspec.Struct, frozen=True):
    """The part of the feed one room sees: a token's, a wallet's, or with neither everything."""

    mint: bytes | None = None
    wallet: bytes | None = None


class Missed(msgspec.Struct, frozen=True):
    """What a scope saw after a position: `rows` in order, at most the limit; `base` is the seq of
    the log event before them (0: there is none); `first` the oldest seq that the feed still
    holds.
    """

    top: Position
    first: int
    base: int
    rows: list[FeedRow]


async def head(target: Pool | Connection) -> Position:
    """The newest committed position."""
    row = await target.fetchrow("SELECT epoch, seq FROM feed_head", timeout=_READ_TIMEOUT_S)
    if row is None:
        raise FeedGap("the feed has no head: the row of feed_head was deleted", reason="epoch")
    return Position(row["epoch"], row["seq"])


@asynccontextmanager
async def frozen(
    pool: Pool, timeout_s: float = _READ_TIMEOUT_S
) -> AsyncIterator[tuple[Connection, Position]]:
    """A read-only transaction in which all reads see the same moment, and that moment's
    position.
    """
    async with (
        pool.acquire(timeout=timeout_s) as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        await connection.execute(f"SET LOCAL statement_timeout = {int(timeout_s * 1000)}")
        yield connection, await head(connection)


async def last_log_seq(connection: Connection, scope: Scope, up_to: int) -> int:
    """Seq of the newest log event of `scope` at or before `up_to`; 0 if there is none."""
    where, key = _where(scope)
    found: int | None = await connection.fetchval(
        f"SELECT seq FROM feed f WHERE {where} AND seq <= $2 AND event <> ALL($3) "
        "ORDER BY seq DESC LIMIT 1",
        key,
        up_to,
        _STATES,
    )
    return found or 0


async def missed(pool: Pool, scope: Scope, after: int, limit: int) -> Missed:
    """Rows of `scope` after a position, with the chain's link before them, all as of one moment."""
    where, key = _where(scope)
    async with frozen(pool) as (connection, top):
        records = await connection.fetch(
            f"SELECT {_COLUMNS} FROM feed f WHERE {where} AND seq > $2 ORDER BY seq LIMIT $3",
            key,
            after,
            limit,
        )
        first: int | None = await connection.fetchval("SELECT min(seq) FROM feed")
        base = await last_log_seq(connection, scope, min(after, top.seq))
    rows = [_row(record) for record in records]
    return Missed(top, first if first is not None else top.seq + 1, base, rows)


async def room_position(pool: Pool, scope: Scope) -> tuple[Position, int]:
    """The feed's position, and the seq of the scope's newest log event at that moment."""
    async with frozen(pool) as (connection, top):
        return top, await last_log_seq(connection, scope, top.seq)


async def rows_at(pool: Pool, epoch: str, seqs: Sequence[int]) -> list[FeedRow]:
    """The rows with these numbers, in order. Raises FeedGap if one of them is not there."""
    async with frozen(pool) as (connection, top):
        records = await connection.fetch(
            f"SELECT {_COLUMNS} FROM feed f WHERE seq = ANY($1::bigint[]) ORDER BY seq", seqs
        )
    if top.epoch != epoch or len(records) != len(seqs):
        reason = "gap" if top.epoch == epoch else "epoch"
        raise FeedGap("rows of the feed are missing", reason=reason, expected=len(seqs))
    return [_row(record) for record in records]


async def recent(pool: Pool, rows: int, age_s: float) -> Missed:
    """The newest rows up to the head: at most `rows`, none older than `age_s`, without a hole."""
    async with frozen(pool) as (connection, top):
        records = await connection.fetch(
            f"SELECT {_COLUMNS} FROM feed f WHERE seq > $1 "
            "AND committed_at > clock_timestamp() - make_interval(secs => $2) ORDER BY seq",
            top.seq - rows,
            age_s,
        )
        tail = _unbroken_tail([_row(record) for record in records], top.seq)
        base = await last_log_seq(connection, Scope(), top.seq - len(tail))
    return Missed(top, top.seq - len(tail) + 1, base, tail)


def _unbroken_tail(rows: list[FeedRow], top: int) -> list[FeedRow]:
    """The last rows without a hole before `top` (the server's clock may have stepped between two
    rows).
    """
    first = len(rows)
    while first and rows[first - 1].seq == top - (len(rows) - first):
        first -= 1
    return rows[first:]


def _where(scope: Scope) -> tuple[str, bytes | None]:
    if scope.mint is not None:
        return "f.mint = $1", scope.mint
    if scope.wallet is not None:
        return "f.wallet = $1", scope.wallet
    return "$1::bytea IS NULL", None


def _row(record: asyncpg.Record) -> FeedRow:
    return FeedRow(
        record["seq"],
        record["event"],
        record["mint"],
        record["wallet"],
        record["slot"],
        record["data"],
        record["price_update"],
        record["portfolio_update"],
        record["ts"],
    )


def contiguous(after: Position, head: Position, rows: Sequence[FeedRow]) -> None:
    """Raise FeedGap unless `rows`, read when the feed stood at `head`, continue `after` without a
    hole.
    """
    if head.epoch != after.epoch:
        raise FeedGap(
            "the feed has a new epoch", reason="epoch", expected=after.epoch, got=head.epoch
        )
    if head.seq < after.seq:
        raise FeedGap("the feed went back", reason="epoch", expected=after.seq, got=head.seq)
    expected = after.seq + 1
    for row in rows:
        if row.seq != expected:
            raise FeedGap(
                "a row of the feed is missing", reason="gap", expected=expected, got=row.seq
            )
        expected += 1
    if not rows and head.seq > after.seq:
        raise FeedGap(
            "rows of the feed are missing", reason="gap", expected=expected, got=head.seq + 1
        )


async def read_after(
    target: Pool | Connection, after: Position, limit: int
) -> tuple[Position, list[FeedRow]]:
    """The head and the next rows, in one statement, so both are of one moment.

    Raises FeedGap if they don't continue `after`.
    """
    records = await target.fetch(
        f"SELECT h.epoch, h.seq AS head, {_COLUMNS} FROM feed_head h "
        "LEFT JOIN LATERAL (SELECT * FROM feed WHERE seq > $1 ORDER BY seq LIMIT $2) f ON true "
        "ORDER BY f.seq",
        after.seq,
        limit,
        timeout=_READ_TIMEOUT_S,
    )
    top = Position(records[0]["epoch"], records[0]["head"])
    rows = [_row(record) for record in records if record["seq"] is not None]
    contiguous(after, top, rows)
    return top, rows


class FeedFollower:
    """Follows the feed from a position, for ever, through restarts of the database.

    A NOTIFY only wakes it; it also looks by itself every `poll_s`, so a LISTEN connection that dies
    without a word costs latency and never a row. A hole, a new epoch or a position ahead of the
    feed raises FeedGap: the reader then starts again from `head` and tells whoever depends on it.
    """

    def __init__(
        self, pool: Pool, after: Position, *, batch_rows: int = 1_000, poll_s: float = 0.25
    ) -> None:
        self.position = after
        self.head = after
        self.is_live = False
        """The last read succeeded."""
        self.reached_at = time.monotonic()
        """When the follower last stood at the head (monotonic seconds)."""
        self._pool = pool
        self._batch_rows = batch_rows
        self._poll_s = poll_s
        self._wake = asyncio.Event()
        self._listener = _Listener(pool, self._wake)

    async def batches(self) -> AsyncGenerator[list[FeedRow], None]:
        """Non-empty runs of contiguous rows, as they are found."""
        listening = asyncio.create_task(self._listener.run())
        try:
            while True:
                rows = await self._read()
                if rows:
                    self.position = Position(self.position.epoch, rows[-1].seq)
                    yield rows
                if len(rows) < self._batch_rows:
                    await self._pause(found=bool(rows))
        finally:
            self.is_live = False
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def rows(self) -> AsyncIterator[FeedRow]:
        """The same, row by row."""
        async for batch in self.batches():
            for row in batch:
                yield row

    async def _read(self) -> list[FeedRow]:
        self._wake.clear()
        try:
            self.head, rows = await read_after(self._pool, self.position, self._batch_rows)
        except OUTAGE:
            self.is_live = False
            return []
        self.is_live = True
        if len(rows) < self._batch_rows:
            self.reached_at = time.monotonic()
        return rows

    async def _pause(self, *, found: bool) -> None:
        """Until a NOTIFY, or the poll interval; told by the last read whether the NOTIFYs do
        arrive.
        """
        self._listener.note(found=found)
        try:
            await asyncio.wait_for(self._wake.wait(), self._poll_s)
        except TimeoutError:
            self._listener.is_overdue = True
        else:
            self._listener.is_overdue = False


class _Listener:
    """Keeps a LISTEN connection open, and opens another when it dies or seems deaf."""

    def __init__(self, pool: Pool, wake: asyncio.Event) -> None:
        self.is_overdue = False
        """The pause before the last read ended by time, not by a NOTIFY."""
        self._pool = pool
        self._wake = wake
        self._lost = asyncio.Event()
        self._unannounced = 0

    def note(self, *, found: bool) -> None:
        """Three reads in a row that found rows nobody had announced: the connection is deaf."""
        if not found:
            return
        self._unannounced = self._unannounced + 1 if self.is_overdue else 0
        if self._unannounced >= 3:
            self._unannounced = 0
            self._lost.set()

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            try:
                await self._listen()
            except OUTAGE:
                await asyncio.sleep(0.5)

    async def _listen(self) -> None:
        self._lost.clear()
        async with self._pool.acquire(timeout=_READ_TIMEOUT_S) as connection:
            connection.add_termination_listener(self._on_lost)
            try:
                await connection.add_listener(CHANNEL, self._on_notify)
                self._wake.set()  # what was committed before LISTEN took hold
                await self._lost.wait()
            finally:
                connection.remove_termination_listener(self._on_lost)
                with contextlib.suppress(*OUTAGE):
                    await connection.remove_listener(CHANNEL, self._on_notify)
                connection.terminate()

    def _on_notify(self, *_: object) -> None:
        self._wake.set()

    def _on_lost(self, *_: object) -> None:
        self._lost.set()
