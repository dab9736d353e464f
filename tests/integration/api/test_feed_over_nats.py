"""The feed over NATS: the same rows as from Postgres, through whatever happens to either."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial

import msgspec
import pytest
from nats.aio.client import Client

from api.server import ApiServer
from common.errors import FeedGap
from db.feed import FeedRow, Position, Scope, head
from db.jetstream import Index, Place, place_of
from db.nats_feed import NatsFeed, NatsFollower
from db.pool import Pool, pool_of
from db.publish import append_event
from db.relay import Relay
from tests.helpers.hub import (
    MINT_A,
    MINT_B,
    TOKEN_A,
    WALLET,
    Message,
    connected,
    eventually,
    publish,
    trade,
)
from tests.helpers.nats import NatsForTests
from tests.integration.api.conftest import Serve


@pytest.fixture
def is_direct() -> bool:
    """Following doesn't depend on the output path."""
    return True


@pytest.fixture(scope="session")
def nats() -> Iterator[NatsForTests]:
    """The nats-server of this test process."""
    with NatsForTests() as server:
        yield server


@pytest.fixture
def url(nats: NatsForTests) -> str:
    """FEED_URL of this test's own stream."""
    return nats.url()


@pytest.fixture
def place(url: str) -> Place:
    """The same, taken apart."""
    return place_of(url)


@asynccontextmanager
async def relaying(pool: Pool, place: Place) -> AsyncIterator[Relay]:
    """A relay that runs."""
    relay = Relay(pool, place)
    task = asyncio.create_task(relay.run())
    try:
        yield relay
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Reader:
    """Follows, and keeps what comes."""

    def __init__(self, pool: Pool, place: Place, after: Position, *scopes: Scope) -> None:
        self.feed = NatsFeed(pool, place)
        for scope in scopes:
            self.feed.want(scope)
        self.follower: NatsFollower = self.feed.follow(after)
        self.rows: list[FeedRow] = []

    @asynccontextmanager
    async def following(self) -> AsyncIterator[Reader]:
        """While it runs."""
        task = asyncio.create_task(self._follow())
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _follow(self) -> None:
        async for rows in self.follower.batches():
            self.rows += rows

    async def until(self, count: int) -> None:
        """Wait for so many rows."""
        await within(lambda: len(self.rows) >= count)

    @property
    def is_over_nats(self) -> bool:
        """Not from Postgres, now."""
        return self.follower.is_live and self.follower._postgres is None

    @property
    def seqs(self) -> list[int]:
        """Numbers that came."""
        return [row.seq for row in self.rows]


async def within(is_so: Callable[[], object]) -> None:
    """A generous deadline."""
    await eventually(lambda: bool(is_so()), 60)


async def test_rows_of_wanted_rooms_come_whole(pool: Pool, place: Place) -> None:
    """Every row is announced, in order; whole are those of the rooms that are served, and the
    server sends no others."""
    scopes = Scope(mint=MINT_A), Scope(wallet=bytes([5]) * 32)
    reader = Reader(pool, place, await head(pool), *scopes)
    async with relaying(pool, place), reader.following():
        await within(lambda: reader.is_over_nats)
        await publish(pool, 1, 2)
        await publish(pool, 3, mint=MINT_B)
        await publish(pool, 4)
        await reader.until(4)
        assert reader.seqs == [1, 2, 3, 4]
        assert [row.is_whole for row in reader.rows] == [True, True, False, True]
        assert (reader.rows[2].mint, reader.rows[2].wallet) == (MINT_B, WALLET)
        reader.feed.want(Scope(wallet=WALLET))
        await publish(pool, 5, mint=MINT_B)
        await reader.until(5)
        assert reader.rows[4].is_whole


async def test_a_relay_ends_in_the_middle(pool: Pool, place: Place) -> None:
    """A new relay goes on where the old one stopped: every row is published once."""
    after = await head(pool)
    async with relaying(pool, place) as first:
        await within(lambda: first.position is not None)
        await publish(pool, 1, 2)
        await within(lambda: first.position == Position(after.epoch, 2))
    await publish(pool, 3, 4)
    async with relaying(pool, place) as second:
        await publish(pool, 5)
        await within(lambda: second.position == Position(after.epoch, 5))
    assert await published(place) == [1, 2, 3, 4, 5]


async def published(place: Place) -> list[int]:
    """Seqs that the stream's indexes name."""
    client = Client()
    await client.connect(place.servers[0])
    try:
        context = client.jetstream()
        state = (await context.stream_info(place.name)).state
        messages = [
            await context.get_msg(place.name, seq=seq)
            for seq in range(state.first_seq, state.last_seq + 1)
        ]
    finally:
        await client.close()
    rows = sum(message.subject != place.index for message in messages)
    indexes = [
        msgspec.msgpack.decode(message.data or b"", type=Index)
        for message in messages
        if message.subject == place.index
    ]
    seqs = [seq for index in indexes for seq in range(index.first, index.last + 1)]
    assert rows == len(seqs)
    return seqs


async def test_of_two_relays_one_publishes(database_url: str, pool: Pool, place: Place) -> None:
    """The other stands by, and takes over when the first one's connection to Postgres is cut."""
    async with (
        pool_of(database_url, 4) as another,
        relaying(pool, place) as first,
        relaying(another, place) as second,
    ):
        await within(lambda: first.position is not None or second.position is not None)
        leader, other = (first, second) if first.is_leading else (second, first)
        await publish(pool, 1)
        await within(lambda: leader.position is not None and leader.position.seq == 1)
        assert not other.is_leading
        async with asyncio.timeout(60):
            while not other.is_leading:  # the first may come back sooner than the other looks
                await pool.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks "
                    "WHERE locktype = 'advisory' AND database = "
                    "(SELECT oid FROM pg_database WHERE datname = current_database())"
                )
                await asyncio.sleep(0.7)
        seqs = iter(range(2, 1_000))
        async with asyncio.timeout(60):
            while other.position is None or other.position.seq < 3:
                await publish(pool, next(seqs))
                await asyncio.sleep(0.05)
    found = await published(place)
    assert found == list(range(1, len(found) + 1))


async def test_a_row_is_missing(pool: Pool, place: Place) -> None:
    """A hole in the table is passed over: the relay goes on behind it."""
    async with relaying(pool, place) as relay:
        await within(lambda: relay.position is not None)
        async with pool.acquire() as connection, connection.transaction():
            for number in (1, 2, 3):
                await append_event(connection, trade(number))
            await connection.execute("DELETE FROM feed WHERE seq = 2")
        await within(lambda: relay.position is not None and relay.position.seq == 3)
        await publish(pool, 4)
        await within(lambda: relay.position is not None and relay.position.seq == 4)
    assert await published(place) == [4]


async def test_without_a_relay_postgres_is_read(pool: Pool, place: Place) -> None:
    """Whether the relay stops or starts, rows come, each once and in order."""
    async with Reader(pool, place, await head(pool), Scope()).following() as reader:
        await publish(pool, 1)
        await within(lambda: len(reader.rows) == 1)
        for number in (2, 4):
            async with relaying(pool, place):
                await within(lambda: reader.is_over_nats)
                await publish(pool, number)
                await reader.until(number)
            await publish(pool, number + 1)  # nobody relays it
            await reader.until(number + 1)
        assert reader.seqs == [1, 2, 3, 4, 5]
        assert all(row.is_whole for row in reader.rows)


async def test_nats_dies_and_returns(
    serve: Serve, pool: Pool, nats: NatsForTests, url: str, place: Place
) -> None:
    """kill -9 of nats-server, and its return with nothing in memory: clients miss nothing, get
    nothing twice, and the hub is over NATS again."""
    async with relaying(pool, place) as relay:
        server = await serve(settings={"feed_url": url})
        async with connected(server.port, f"?room={TOKEN_A}") as client:
            await client.take("subscribed")
            events: list[Message] = []
            for number in range(1, 7):
                if number in (3, 5):
                    await asyncio.to_thread(nats.stop if number == 3 else nats.start)
                    await within(partial(is_over, server, is_nats=number == 5))
                await publish(pool, number)
                events.append(await client.take("new_trade"))
                if number == 5:
                    await within(lambda: relay.is_leading)
    assert [(each["seq"], each["prev"]) for each in events] == [
        (number, number - 1) for number in range(1, 7)
    ]


def is_over(server: ApiServer, *, is_nats: bool) -> bool:
    """Does its hub follow, and hear the relay (or not)?"""
    follower = server.hub._follower
    assert isinstance(follower, NatsFollower)
    return follower.is_live and (follower._postgres is None) is is_nats


async def test_joins_over_nats(serve: Serve, pool: Pool, url: str, place: Place) -> None:
    """Rooms nobody served before are joined without a hole while trades go on: replayed, from a
    snapshot, or from here on."""
    async with relaying(pool, place):
        server = await serve(settings={"feed_url": url})
        await publish(pool, 1)
        await within(lambda: is_over(server, is_nats=True))
        epoch = server.hub.epoch
        stop = asyncio.Event()
        trading = asyncio.create_task(trade_on(pool, stop))
        for query in ("", "&snapshot=1", f"&since={epoch}:1"):
            async with connected(server.port, f"?room={TOKEN_A}{query}") as client:
                first = (await client.take("subscribed"))["seq"]
                if query == "&snapshot=1":
                    first = (await client.take("snapshot"))["seq"]
                last = 1 if "since" in query else first
                for _ in range(20):
                    event = await client.take("new_trade")
                    assert (event["prev"], event["data"]["number"]) == (last, event["seq"])
                    last = event["seq"]
        stop.set()
        await trading


async def trade_on(pool: Pool, stop: asyncio.Event) -> None:
    """Trades of one token, until told to stop; each bears its own seq."""
    number = 1
    while not stop.is_set():
        number += 1
        await publish(pool, number)
        await asyncio.sleep(0.01)


async def test_a_new_epoch(pool: Pool, place: Place) -> None:
    """When history was rebuilt the follower stops with FeedGap, and a new one follows the new
    epoch over NATS; what an old relay still says is passed over."""
    async with relaying(pool, place):
        reader = Reader(pool, place, await head(pool), Scope())
        async with reader.following():
            await within(lambda: reader.is_over_nats)
        await pool.execute("UPDATE feed_head SET epoch = 'other'")
        with pytest.raises(FeedGap) as caught:
            async with asyncio.timeout(60):
                async for _ in reader.follower.batches():
                    pass
        assert caught.value.fields["reason"] == "epoch"
        async with Reader(pool, place, await head(pool), Scope()).following() as next_one:
            await within(lambda: next_one.is_over_nats)
            await publish(pool, 1)
            await within(lambda: len(next_one.rows) == 1)


@pytest.mark.parametrize("wrong", ["http://host", "nats://", "nats://host/a.b"])
def test_a_wrong_url(wrong: str) -> None:
    """Says what it should look like."""
    with pytest.raises(Exception, match="nats://"):
        place_of(wrong)
