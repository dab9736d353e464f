"""The relay: what Postgres has committed, published on NATS once and in order.

One relay of a database publishes, others stand by: a session lock of Postgres says which. Should
two of them think it is theirs (a connection that died unnoticed), the stream itself refuses one:
every message names the id of the message before it. Whatever is published is a committed row under
its own number, so even that harms no reader.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress

import asyncpg
import msgspec
import structlog
from nats.aio.client import Client
from nats.js.api import DiscardPolicy, Header, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import NotFoundError

from common.errors import FeedGap
from common.metrics import RELAY_POSITION, RELAY_ROWS
from db.feed import OUTAGE, FeedFollower, FeedRow, Position, head
from db.jetstream import BEAT_S, NATS_OUTAGE, Index, Place, RowMessage, close, connect, index_of
from db.pool import Connection, Pool

_LOCK = 0x72656C6179
"""Number of the session lock: "relay"."""
_RETRY_S = 0.5
_STANDBY_S = 0.5
_ACK_S = 5.0
_KEPT_S = 600.0
_KEPT_BYTES = 64 * 2**20
_FAR_BEHIND = 10_000
"""Rows. A relay that was away for more leaves them to the readers, who have them from Postgres."""

_log = structlog.get_logger(__name__)


class Relay:
    """Run it as a task, in one process or in several."""

    def __init__(self, pool: Pool, place: Place) -> None:
        self._pool = pool
        self._place = place
        self._has_gap = False
        self.is_leading = False
        self.position: Position | None = None
        """Up to here everything is published, since this relay leads."""

    async def run(self) -> None:
        """Until cancelled, through outages of Postgres and NATS."""
        is_well = True
        while True:
            try:
                async with self._lead() as lock:
                    is_well = True
                    await self._relay(lock)
            except* FeedGap as group:
                self._has_gap = True
                _log.warning("relay_jumps", error=_told(group))
            except* (*OUTAGE, *NATS_OUTAGE) as group:
                if is_well:
                    _log.warning("relay_interrupted", error=_told(group))
                is_well = False
            await asyncio.sleep(_RETRY_S)

    @asynccontextmanager
    async def _lead(self) -> AsyncIterator[Connection]:
        """Wait until no other relay leads; the lock lasts as long as the connection."""
        async with self._pool.acquire(timeout=_ACK_S) as connection:
            while not await _is_locked(connection):  # noqa: ASYNC110 - the lock has no event
                await asyncio.sleep(_STANDBY_S)
            self.is_leading = True
            try:
                yield connection
            finally:
                self.is_leading = False
                with suppress(asyncpg.InterfaceError):  # the pool noticed before us
                    connection.terminate()

    async def _relay(self, lock: Connection) -> None:
        client = await connect(self._place, _nothing)
        try:
            stream = await Stream.open(client, self._place)
            start = await self._start(stream)
            self.position = start
            follower = FeedFollower(self._pool, start)
            _log.info("relay_leads", epoch=start.epoch, seq=start.seq)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._publish(stream, follower))
                tasks.create_task(self._beat(client, follower, lock))
        finally:
            await close(client)

    async def _start(self, stream: Stream) -> Position:
        """Where the last relay stopped, if that is of this history, whole since then, and not long
        ago.
        """
        top = await head(self._pool)
        last, has_gap, self._has_gap = stream.indexed, self._has_gap, False
        if last is None or has_gap or last.epoch != top.epoch:
            return top
        return last if 0 <= top.seq - last.seq < _FAR_BEHIND else top

    async def _publish(self, stream: Stream, follower: FeedFollower) -> None:
        async with aclosing(follower.batches()) as batches:
            async for rows in batches:
                await stream.publish(follower.position.epoch, rows)
                self.position = follower.position
                RELAY_POSITION.set(rows[-1].seq)
                RELAY_ROWS.inc(len(rows))

    async def _beat(self, client: Client, follower: FeedFollower, lock: Connection) -> None:
        """A relay that can't read Postgres is silent: readers see for themselves then."""
        while not lock.is_closed():
            if follower.is_live and self.position is not None:
                beat = Index(self.position.epoch, self.position.seq + 1, [])
                await client.publish(self._place.beat, msgspec.msgpack.encode(beat))
            elif client.is_closed:
                raise OSError("the connection to NATS is closed")
            await asyncio.sleep(BEAT_S)
        raise OSError("the lock is lost")


class Stream:
    """The JetStream stream, and where it ends. `indexed`: the last row of its last index."""

    def __init__(self, client: Client, place: Place) -> None:
        self._client = client
        self._context = client.jetstream()
        self._place = place
        self._encoder = msgspec.msgpack.Encoder()
        self._last_id: str | None = None
        self._last_row: Position | None = None
        self.indexed: Position | None = None

    @classmethod
    async def open(cls, client: Client, place: Place) -> Stream:
        """Made where there is none: in memory, for Postgres has it all. Raises NATS_OUTAGE."""
        stream = cls(client, place)
        await stream._context.add_stream(
            StreamConfig(
                name=place.name, subjects=[place.index, place.rows], storage=StorageType.MEMORY,
                retention=RetentionPolicy.LIMITS, discard=DiscardPolicy.OLD, max_age=_KEPT_S,
                max_bytes=_KEPT_BYTES,
            )
        )  # fmt: skip
        await stream._find_end()
        return stream

    async def _find_end(self) -> None:
        state = (await self._context.stream_info(self._place.name)).state
        if not state.messages:
            return
        name = self._place.name
        last = await self._context.get_msg(name, seq=state.last_seq)
        self._last_id = (last.headers or {}).get(Header.MSG_ID)
        try:
            indexed = await self._context.get_last_msg(name, self._place.index)
        except NotFoundError:
            return
        index = msgspec.msgpack.decode(indexed.data or b"", type=Index)
        self.indexed = Position(index.epoch, index.last)
        if last.subject != self._place.index:  # the last relay stopped inside a batch
            found = msgspec.msgpack.decode(last.data or b"", type=RowMessage)
            self._last_row = Position(found.epoch, found.row.seq)

    async def publish(self, epoch: str, rows: list[FeedRow]) -> None:
        """Each row, then their index, which is acknowledged only if all rows before it were taken.

        Raises NATS_OUTAGE errors, also where another relay has published.
        """
        for row in rows:
            if not self._has(epoch, row.seq):
                await self._client.publish(
                    self._place.row(row),
                    self._encoder.encode(RowMessage(epoch, row)),
                    headers=self._next(f"{epoch}:{row.seq}"),
                )
        index = index_of(epoch, rows)
        await self._context.publish(
            self._place.index,
            self._encoder.encode(index),
            timeout=_ACK_S,
            headers=self._next(f"{epoch}:{index.first}-{index.last}"),
        )

    def _has(self, epoch: str, seq: int) -> bool:
        last = self._last_row
        return last is not None and last.epoch == epoch and seq <= last.seq

    def _next(self, identifier: str) -> dict[str, str]:
        """Headers by which the stream takes it once, and only behind the message before."""
        headers = {Header.MSG_ID.value: identifier}
        if self._last_id is not None:
            headers[Header.EXPECTED_LAST_MSG_ID.value] = self._last_id
        self._last_id = identifier
        return headers


async def _is_locked(connection: Connection) -> bool:
    is_ours: bool = await connection.fetchval(
        "SELECT pg_try_advisory_lock($1)", _LOCK, timeout=_ACK_S
    )
    return is_ours


def _told(group: BaseExceptionGroup[BaseException]) -> str:
    """The first error in it, in words."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"


async def _nothing() -> None:
    """The beat notices."""
