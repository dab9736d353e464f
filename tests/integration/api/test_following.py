"""The hub follows the feed through whatever happens to its database."""

from __future__ import annotations

import asyncio
from functools import partial

import asyncpg
import pytest

from api.server import ApiServer
from common.errors import FeedGap
from db.feed import FeedFollower, Position, head
from db.pool import Pool, pool_of
from tests.conftest import SettingsFactory
from tests.helpers.hub import connected, eventually, log_events, publish
from tests.helpers.pg import PostgresForTests
from tests.integration.api.conftest import Serve


@pytest.fixture
def is_direct() -> bool:
    """Following doesn't depend on the output path."""
    return True


async def listeners(pool: Pool) -> list[int]:
    """Backends whose last statement was the feed's LISTEN."""
    rows = await pool.fetch(
        "SELECT pid FROM pg_stat_activity WHERE query ~ 'LISTEN .?feed' "
        "AND pid <> pg_backend_pid() AND datname = current_database()"
    )
    return [row["pid"] for row in rows]


async def test_a_listener_that_is_killed(serve: Serve, pool: Pool) -> None:
    """Killing the LISTEN connection loses nothing, and another one takes its place."""
    server = await serve()
    async with connected(server.port, "?room=global") as client:
        await client.take("subscribed")
        (pid,) = await listeners(pool)
        await pool.execute("SELECT pg_terminate_backend($1)", pid)
        await publish(pool, 1, 2, 3)
        seqs = [(await client.take("new_trade"))["seq"] for _ in range(3)]
        async with asyncio.timeout(10):
            while await listeners(pool) in ([], [pid]):  # noqa: ASYNC110 - a view is polled
                await asyncio.sleep(0.05)
    assert seqs == [1, 2, 3]


async def test_a_deaf_listener(pool: Pool) -> None:
    """A LISTEN that has ceased to work, without a word, costs at most the poll interval, and is
    replaced once rows keep coming that nobody announced."""
    follower = FeedFollower(pool, await head(pool), poll_s=0.1)
    seen: list[int] = []

    async def follow() -> None:
        async for rows in follower.batches():
            seen.extend(row.seq for row in rows)

    task = asyncio.create_task(follow())
    await eventually(lambda: follower.is_live)
    async with asyncio.timeout(5):
        while not (pids := await listeners(pool)):  # noqa: ASYNC110 - a view is polled
            await asyncio.sleep(0.02)
    for number in range(1, 5):
        await pool.execute(  # as `append_event`, without the NOTIFY
            """WITH head AS (UPDATE feed_head SET seq = seq + 1 RETURNING seq)
               INSERT INTO feed (seq, event, data) SELECT seq, 'new_trade', '{}' FROM head"""
        )
        await eventually(partial(is_seen, seen, number))
    async with asyncio.timeout(5):
        while await listeners(pool) in ([], pids):  # noqa: ASYNC110 - a view is polled
            await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def is_seen(seen: list[int], count: int) -> bool:
    """Are these the first numbers, in order?"""
    return seen == list(range(1, count + 1))


async def test_a_restart_of_postgres(
    postgres: PostgresForTests, database_url: str, settings: SettingsFactory
) -> None:
    """While Postgres is away connections stay and readiness says why; afterwards nothing is
    missing.
    """
    async with pool_of(database_url, 5) as pool:
        server = ApiServer(settings(websocket_port=0), pool, None, None)
        await server.start()
        try:
            async with connected(server.port, "?room=global") as client:
                await client.take("subscribed")
                await publish(pool, 1)
                await client.take("new_trade")
                await asyncio.to_thread(postgres.server.stop)
                await eventually(lambda: not server.hub.is_ready)
                await asyncio.to_thread(postgres.server.start)
                await publish_again(database_url)
                events = [await client.take("new_trade") for _ in range(2)]
                await eventually(lambda: server.hub.is_ready)
        finally:
            await server.stop()
    assert [(each["seq"], each["prev"]) for each in events] == [(2, 1), (3, 2)]


async def publish_again(url: str) -> None:
    """From another process's pool, as the indexer would."""
    async with asyncio.timeout(20):
        while True:
            try:
                async with pool_of(url, 1) as pool:
                    await publish(pool, 2, 3)
                    return
            except (OSError, asyncpg.PostgresError):
                await asyncio.sleep(0.1)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ("DELETE FROM feed WHERE seq = 3", "gap"),
        ("DELETE FROM feed WHERE seq >= 3", "gap"),
        ("UPDATE feed_head SET epoch = 'other'", "epoch"),
        ("UPDATE feed_head SET seq = 1", "epoch"),
    ],
)
async def test_a_hole_is_never_stepped_over(pool: Pool, damage: str, reason: str) -> None:
    """A missing row, another epoch, or a feed that went back: the follower stops with FeedGap."""
    await publish(pool, 1, 2, 3, 4)
    epoch = (await head(pool)).epoch
    await pool.execute(damage)
    follower = FeedFollower(pool, Position(epoch, 2))
    with pytest.raises(FeedGap) as caught:
        async for _ in follower.rows():
            pass
    assert caught.value.fields["reason"] == reason


async def test_after_a_hole_clients_are_told(serve: Serve, pool: Pool) -> None:
    """Members of a room hear `resync` and get a snapshot when the hub had to jump, then go on."""
    server = await serve()
    async with connected(server.port, "?room=global") as client:
        await client.take("subscribed")
        async with pool.acquire() as connection, connection.transaction():
            await publish_in(connection, 3)
            await connection.execute("DELETE FROM feed WHERE seq = 2")
        told = await client.take_until(lambda each: each["type"] == "snapshot")
        await publish(pool, 4)
        event = await client.take("new_trade")
    assert [each["type"] for each in told] == ["resync", "snapshot"]
    assert (told[0]["reason"], told[1]["seq"]) == ("gap", 3)
    assert (event["seq"], event["prev"]) == (4, 3)
    assert log_events(told) == []


async def publish_in(
    connection: asyncpg.pool.PoolConnectionProxy[asyncpg.Record], count: int
) -> None:
    """Numbered events inside an open transaction."""
    for _ in range(count):
        await connection.execute(
            """WITH head AS (UPDATE feed_head SET seq = seq + 1 RETURNING seq)
               INSERT INTO feed (seq, event, data) SELECT seq, 'new_trade', '{}' FROM head"""
        )
    await connection.execute("NOTIFY feed")


async def test_far_behind_is_caught_up_by_a_snapshot(serve: Serve, pool: Pool) -> None:
    """More than the window, and older than five seconds: a snapshot instead of a flood."""
    server = await serve(replay_events=20)
    async with connected(server.port, "?room=global") as client:
        await client.take("subscribed")
        async with pool.acquire() as connection, connection.transaction():
            await publish_in(connection, 50)
            await connection.execute("UPDATE feed SET committed_at = now() - interval '10 s'")
        told = await client.take_until(lambda each: each["type"] == "snapshot")
    assert (told[0]["type"], told[-1]["seq"]) == ("resync", 50)
    assert log_events(told) == []
