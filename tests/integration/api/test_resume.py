"""Exactly once, whatever moment a client leaves and comes back at."""

from __future__ import annotations

import asyncio
import random

import pytest

from db.feed import head
from db.pool import Pool
from tests.helpers.hub import (
    MINT_A,
    MINT_B,
    TOKEN_A,
    HubClient,
    Message,
    connected,
    log_events,
    publish,
)
from tests.integration.api.conftest import Serve

EVENTS = 9


@pytest.mark.parametrize("ring_rows", [0, 3, 10_000])
async def test_every_cut_point(serve: Serve, pool: Pool, ring_rows: int) -> None:
    """From whichever position a client comes back, memory or Postgres gives it the rest, once,
    chained.

    With a ring of 0 rows everything comes from Postgres, with 3 from either.
    """
    for number in range(1, EVENTS + 1):
        await publish(pool, number, mint=MINT_B if number % 3 == 0 else MINT_A)
    server = await serve(ring_rows=ring_rows, message_burst=100)
    for room, seqs in (
        ("global", list(range(1, EVENTS + 1))),
        (TOKEN_A, [seq for seq in range(1, EVENTS + 1) if seq % 3]),
    ):
        async with connected(server.port) as client:
            epoch = client.seen[0]["epoch"]
            for cut in range(EVENTS + 1):
                since = {"epoch": epoch, "seq": cut}
                await client.say(type="subscribe", id=cut, room=room, since=since)
                told = await client.settled()
                assert told[0]["recovered"] is True
                assert told[0]["seq"] == max([0, *(seq for seq in seqs if seq <= cut)])
                assert chain(told) == [seq for seq in seqs if seq > cut]


def chain(messages: list[Message]) -> list[int]:
    """Seqs of the log events; each must follow the one before, the first what was acknowledged."""
    last = messages[0]["seq"]
    seqs = []
    for event in log_events(messages):
        assert event["prev"] == last
        last = event["seq"]
        seqs.append(last)
    return seqs


class Wanderer:
    """A client that drops its connection again and again, and checks what it is told."""

    def __init__(self, port: int, room: str, seed: int) -> None:
        self.seqs: list[int] = []
        self.drops = 0
        self._port, self._room = port, room
        self._random = random.Random(seed)
        self._since: dict[str, object] | None = None

    async def follow(self, until_seq: int) -> None:
        """Until the event with this seq arrived."""
        while not self.seqs or self.seqs[-1] < until_seq:
            async with connected(self._port) as client:
                await self._listen(client, until_seq)
            self.drops += 1

    async def _listen(self, client: HubClient, until_seq: int) -> None:
        since = self._since or {"epoch": client.seen[0]["epoch"], "seq": 0}
        await client.say(type="subscribe", id=1, room=self._room, since=since)
        subscribed = await client.take()
        assert subscribed["recovered"], subscribed
        for _ in range(self._random.randrange(12)):
            event = await client.take()
            if "prev" not in event or event["seq"] <= since["seq"]:
                continue
            assert event["prev"] == (self.seqs[-1] if self.seqs else 0)
            self.seqs.append(event["seq"])
            self._since = {"epoch": since["epoch"], "seq": event["seq"]}
            if event["seq"] >= until_seq:
                return


@pytest.mark.parametrize("ring_rows", [5, 10_000])
async def test_drops_while_events_come(serve: Serve, pool: Pool, ring_rows: int) -> None:
    """Clients that drop at random while events are written miss none and see none twice."""
    server = await serve(ring_rows=ring_rows)
    count = 150

    async def write() -> None:
        for number in range(1, count + 1):
            await publish(pool, number)
            if number % 10 == 0:
                await asyncio.sleep(0.02)

    wanderers = [Wanderer(server.port, ("global", TOKEN_A)[seed % 2], seed) for seed in range(6)]
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(write())
        for wanderer in wanderers:
            tasks.create_task(wanderer.follow(count))
    for wanderer in wanderers:
        assert wanderer.seqs == list(range(1, count + 1))
    assert sum(wanderer.drops for wanderer in wanderers) > 30


async def test_joining_with_a_snapshot_while_events_come(serve: Serve, pool: Pool) -> None:
    """A snapshot's position and the events after it leave no hole and no overlap."""
    server = await serve()
    count = 120

    async def write() -> None:
        for number in range(1, count + 1):
            await publish(pool, number)
            await asyncio.sleep(0)

    async def join() -> None:
        async with connected(server.port) as client:
            await client.say(type="subscribe", id=1, room="global", snapshot=True)
            snapshot = await client.take("snapshot")
            last = snapshot["seq"]
            while last < count:
                event = await client.take()
                if "prev" in event:
                    assert event["prev"] == last
                    last = event["seq"]

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(write())
        for _ in range(12):
            tasks.create_task(join())
            await asyncio.sleep(0.01)


async def test_two_hubs_say_the_same(serve: Serve, pool: Pool) -> None:
    """Two hubs give byte-identical log frames, and a client may change over between them."""
    first, second = await serve(), await serve()
    async with (
        connected(first.port, "?room=global") as one,
        connected(second.port, "?room=global") as other,
    ):
        await one.take("subscribed")
        await other.take("subscribed")
        await publish(pool, *range(1, 40))
        streams = []
        for client in (one, other):
            frames: list[str | bytes] = []
            while len(frames) < 39:
                frame = await client.socket.recv()
                if '"prev":' in str(frame):
                    frames.append(frame)
            streams.append(frames)
    assert streams[0] == streams[1]


async def test_a_new_epoch_voids_what_clients_hold(serve: Serve, pool: Pool) -> None:
    """When history is rebuilt every member is told, gets a snapshot of the new epoch, and goes
    on.
    """
    await publish(pool, 1, 2, 3)
    server = await serve()
    async with connected(server.port, f"?room=global&room={TOKEN_A}") as client:
        await client.settled()
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute("TRUNCATE feed")
            await connection.execute("UPDATE feed_head SET seq = 0, epoch = 'rebuilt'")
        told = await client.take_until(
            lambda _: [each["type"] for each in client.seen].count("snapshot") == 2
        )
        await publish(pool, 1)
        event = await client.take("new_trade")
    assert {(each["room"], each["reason"]) for each in told if each["type"] == "resync"} == {
        ("global", "epoch"), (TOKEN_A, "epoch"),
    }  # fmt: skip
    assert all(each["epoch"] == "rebuilt" for each in told if each["type"] == "snapshot")
    assert (event["seq"], event["prev"]) == (1, 0)
    assert (await head(pool)).epoch == "rebuilt"
