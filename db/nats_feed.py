"""Following the feed over NATS, and over Postgres while NATS or its relay is away.

Indexes say of every row that it is there, so the position is checked as it is with Postgres: number
by number. Rows arrive for the rooms that are wanted; the others are handed on as stubs. What should
have come and did not is read from Postgres, and so is everything while there is no relay.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, suppress

import msgspec
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from common.errors import FeedGap
from common.metrics import FEED_FALLBACK, FEED_FETCHED, RELAY_POSITION
from db.feed import OUTAGE, FeedFollower, FeedRow, Position, Scope, head, read_after, rows_at
from db.jetstream import NATS_OUTAGE, Entry, Index, Place, RowMessage, close, connect, stub_of
from db.pool import Pool

SILENCE_S = 2.0
"""Without a word of the relay for so long, Postgres is read."""
_RETRY_S = 0.25
_LATE_S = 0.02
"""Rows come before their index, on the same connection: one that is missing then hardly comes."""
_MOST_INDEXES = 4_096
_MOST_ROWS = 50_000
_BATCH_ROWS = 1_000

_log = structlog.get_logger(__name__)


class Interest:
    """The parts of the feed whose rows are wanted whole; `changed` is set at each change."""

    def __init__(self) -> None:
        self.scopes: set[Scope] = set()
        self.changed = asyncio.Event()
        self._mints: set[bytes] = set()
        self._wallets: set[bytes] = set()

    def add(self, scope: Scope) -> None:
        """From the next row on."""
        if scope not in self.scopes:
            self.scopes.add(scope)
            if scope.mint is not None:
                self._mints.add(scope.mint)
            if scope.wallet is not None:
                self._wallets.add(scope.wallet)
            self.changed.set()

    def discard(self, scope: Scope) -> None:
        """No longer."""
        if scope in self.scopes:
            self.scopes.discard(scope)
            if scope.mint is not None:
                self._mints.discard(scope.mint)
            if scope.wallet is not None:
                self._wallets.discard(scope.wallet)
            self.changed.set()

    def has(self, entry: Entry) -> bool:
        """Is this row's content wanted?"""
        return Scope() in self.scopes or entry.mint in self._mints or entry.wallet in self._wallets

    def subjects(self, place: Place) -> set[str]:
        """What to subscribe to: everything, or room by room."""
        if Scope() in self.scopes:
            return {place.rows}
        return {place.scope(scope) for scope in self.scopes}


class NatsFeed:
    """The feed of one process: what it wants of it, and followers one after the other."""

    def __init__(self, pool: Pool, place: Place) -> None:
        self._pool = pool
        self._place = place
        self._interest = Interest()

    def follow(self, after: Position) -> NatsFollower:
        """A follower from a position on."""
        return NatsFollower(self._pool, Link(self._place, self._interest), self._interest, after)

    def want(self, scope: Scope) -> None:
        """From the next batch on, rows of this scope come whole."""
        self._interest.add(scope)

    def forget(self, scope: Scope) -> None:
        """They need not any more."""
        self._interest.discard(scope)


class Link:
    """The connection to NATS, kept up, and what came over it and was not used yet."""

    def __init__(self, place: Place, interest: Interest) -> None:
        self.indexes: deque[Index] = deque(maxlen=_MOST_INDEXES)
        self.rows: dict[tuple[str, int], FeedRow] = {}
        self.arrived = asyncio.Event()
        self._place = place
        self._interest = interest
        self._is_up = False
        self._heard_at = 0.0
        self._subscriptions: dict[str, Subscription] = {}

    @property
    def is_well(self) -> bool:
        """Connected, and the relay has been heard a moment ago."""
        return self._is_up and time.monotonic() - self._heard_at < SILENCE_S

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            lost = asyncio.Event()

            async def on_closed(lost: asyncio.Event = lost) -> None:
                self._is_up = False
                self.arrived.set()
                self._interest.changed.set()
                lost.set()

            with suppress(*NATS_OUTAGE):
                client = await connect(self._place, on_closed)
                try:
                    await self._serve(client, lost)
                finally:
                    self._is_up = False
                    await close(client)
            await asyncio.sleep(_RETRY_S)

    async def _serve(self, client: Client, lost: asyncio.Event) -> None:
        self.indexes.clear()
        self.rows.clear()
        self._subscriptions = {}
        await client.subscribe(self._place.index, cb=self._on_index)
        await client.subscribe(self._place.beat, cb=self._on_index)
        while not lost.is_set():
            self._interest.changed.clear()
            await self._subscribe(client)
            self._is_up = True
            await self._interest.changed.wait()

    async def _subscribe(self, client: Client) -> None:
        """Bring the subscriptions to what is wanted: the new ones first, so nothing falls
        between.
        """
        wanted = self._interest.subjects(self._place)
        for subject in wanted - self._subscriptions.keys():
            self._subscriptions[subject] = await client.subscribe(subject, cb=self._on_row)
        await client.flush()
        for subject in self._subscriptions.keys() - wanted:
            await self._subscriptions.pop(subject).unsubscribe()

    async def _on_row(self, message: Msg) -> None:
        found = msgspec.msgpack.decode(message.data, type=RowMessage)
        self.rows[found.epoch, found.row.seq] = found.row
        if len(self.rows) > _MOST_ROWS:
            del self.rows[next(iter(self.rows))]
        self.arrived.set()

    async def _on_index(self, message: Msg) -> None:
        index = msgspec.msgpack.decode(message.data, type=Index)
        self._heard_at = time.monotonic()
        self.indexes.append(index)
        RELAY_POSITION.set(index.last)
        self.arrived.set()

    def next_indexes(self) -> Index:
        """All that have arrived and continue one another, as one: who is behind catches up in
        large steps, as by reading Postgres."""
        first = self.indexes.popleft()
        entries, last = first.entries, first.last
        while self.indexes and len(entries) < _BATCH_ROWS:
            following = self.indexes[0]
            if following.epoch != first.epoch or following.first != last + 1:
                break
            entries, last = [*entries, *following.entries], following.last
            self.indexes.popleft()
        return Index(first.epoch, first.first, entries)

    async def until(self, is_so: Callable[[], object], within_s: float | None = None) -> None:
        """Until something has arrived that makes it so, or that time is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while not is_so():
                    self.arrived.clear()
                    await self.arrived.wait()


class NatsFollower:
    """Follows the feed from a position, for ever; as db.feed.FeedFollower does, with stubs for
    what nobody wants. Raises FeedGap as that does.
    """

    def __init__(self, pool: Pool, link: Link, interest: Interest, after: Position) -> None:
        self.position = after
        self._pool = pool
        self._link = link
        self._interest = interest
        self._postgres: FeedFollower | None = None
        self._head = after
        self._reached_at = time.monotonic()

    @property
    def head(self) -> Position:
        """The newest position heard of."""
        return self._head if self._postgres is None else self._postgres.head

    @property
    def is_live(self) -> bool:
        """Is the feed followed, whichever way?"""
        return self._link.is_well if self._postgres is None else self._postgres.is_live

    @property
    def reached_at(self) -> float:
        """When the follower last stood at the head (monotonic seconds)."""
        return self._reached_at if self._postgres is None else self._postgres.reached_at

    async def batches(self) -> AsyncGenerator[list[FeedRow], None]:
        """Non-empty runs of contiguous rows, as they are found."""
        linking = asyncio.create_task(self._link.run())
        try:
            while True:
                for source in (self._by_postgres, self._by_nats):
                    async with aclosing(source()) as batches:
                        async for rows in batches:
                            self.position = Position(self.position.epoch, rows[-1].seq)
                            yield rows
        finally:
            linking.cancel()
            await asyncio.gather(linking, return_exceptions=True)

    async def _by_postgres(self) -> AsyncGenerator[list[FeedRow], None]:
        """Until the relay is heard."""
        self._postgres = FeedFollower(self._pool, self.position)
        FEED_FALLBACK.set(1)
        async with aclosing(self._postgres.batches()) as batches:
            while not self._link.is_well:
                reading = asyncio.ensure_future(anext(batches))
                waiting = asyncio.create_task(self._link.until(lambda: self._link.is_well))
                try:
                    await asyncio.wait((reading, waiting), return_when=asyncio.FIRST_COMPLETED)
                    is_read = reading.done()
                finally:
                    waiting.cancel()
                    reading.cancel()  # the position stands where it stood
                    await asyncio.gather(waiting, reading, return_exceptions=True)
                if not is_read:
                    break
                yield reading.result()

    async def _by_nats(self) -> AsyncGenerator[list[FeedRow], None]:
        """Until the relay is silent, or Postgres is needed and away."""
        self._reached_at, self._postgres = time.monotonic(), None
        FEED_FALLBACK.set(0)
        _log.info("feed_over_nats", seq=self.position.seq)
        try:
            while self._link.is_well:
                await self._link.until(self._is_something_there, SILENCE_S)
                while self._link.indexes:
                    async for rows in self._continued(self._link.next_indexes()):
                        yield rows
        except OUTAGE as error:
            _log.warning("feed_repair_failed", error=repr(error))
        _log.warning("feed_over_postgres", seq=self.position.seq)

    def _is_something_there(self) -> bool:
        return bool(self._link.indexes) or not self._link.is_well

    async def _continued(self, index: Index) -> AsyncGenerator[list[FeedRow], None]:
        """What the index adds to the position, after what is missing before it."""
        if index.epoch != self.position.epoch:
            await self._check_epoch()
            return
        while index.first > self.position.seq + 1:
            self._head, rows = await read_after(self._pool, self.position, _BATCH_ROWS)
            if not rows:
                raise FeedGap("the feed went back", reason="epoch", expected=index.first)
            FEED_FETCHED.inc(len(rows))
            yield rows
        if index.last > self.position.seq:
            yield await self._rows_of(index)
        if index.last >= self._head.seq:
            self._head, self._reached_at = self.position, time.monotonic()

    async def _check_epoch(self) -> None:
        """A relay of another history: an old one that still speaks, or ours is over."""
        top = await head(self._pool)
        if top.epoch != self.position.epoch:
            raise FeedGap(
                "the feed has a new epoch", reason="epoch", expected=self.position.epoch,
                got=top.epoch,
            )  # fmt: skip

    async def _rows_of(self, index: Index) -> list[FeedRow]:
        """The index's rows after the position: whole where they are wanted, else stubs."""
        after, epoch = self.position.seq, index.epoch
        new = {seq: entry for seq, entry in enumerate(index.entries, index.first) if seq > after}
        if awaited := {(epoch, seq) for seq in self._missing(epoch, new)}:
            await self._link.until(lambda: awaited <= self._link.rows.keys(), _LATE_S)
        while missing := self._missing(epoch, new):  # again: who comes meanwhile wants more
            FEED_FETCHED.inc(len(missing))
            for row in await rows_at(self._pool, epoch, missing):
                self._link.rows[epoch, row.seq] = row
        arrived = self._link.rows
        found = [arrived.get((epoch, seq)) or stub_of(seq, entry) for seq, entry in new.items()]
        self._forget(epoch, index.last)
        return found

    def _missing(self, epoch: str, entries: Mapping[int, Entry]) -> list[int]:
        """Those that are wanted and not there."""
        arrived, is_wanted = self._link.rows, self._interest.has
        return [
            seq
            for seq, entry in entries.items()
            if (epoch, seq) not in arrived and is_wanted(entry)
        ]

    def _forget(self, epoch: str, up_to: int) -> None:
        """They are handed on, or came once more, or too late."""
        rows = self._link.rows
        while rows and (key := next(iter(rows))) and not (key[0] == epoch and key[1] > up_to):
            del rows[key]
