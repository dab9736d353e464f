"""Answers that are read once for all who ask at about the same time."""

from __future__ import annotations

import asyncio

import pytest

from api.answers import LIVE, SETTLED, Encoded
from api.shared import Shared


class Reads:
    """Counts how often it was read; the answers are of the feed's position of that moment."""

    def __init__(self, cache: str = LIVE) -> None:
        self.count = 0
        self.position: int | None = 1
        self.cache = cache
        self.gate = asyncio.Event()

    async def began(self, count: int) -> None:
        """Wait until it was read so often."""
        for _ in range(1_000):
            if self.count >= count:
                return
            await asyncio.sleep(0)
        raise AssertionError("it was not read")

    async def read(self) -> Encoded:
        """One answer, once the gate is open."""
        self.count += 1
        seq = self.position or 0
        await self.gate.wait()
        return Encoded(str(self.count).encode(), "tag", self.cache, seq)


async def test_who_asks_meanwhile_gets_the_same() -> None:
    """One read serves everybody who asks while it goes on, also if the first one goes away."""
    reads = Reads()
    shared = Shared(lambda: reads.position)
    asking = [asyncio.create_task(shared.get("a", reads.read)) for _ in range(5)]
    await reads.began(1)
    asking[0].cancel()
    reads.gate.set()
    found = await asyncio.gather(*asking[1:])
    assert reads.count == 1
    assert {each.raw for each in found} == {b"1"}


async def test_nobody_gets_less_than_was_told() -> None:
    """Once the feed has gone on, it is read anew: by who asks then, even while a read goes on."""
    reads = Reads()
    shared = Shared(lambda: reads.position)
    first = asyncio.create_task(shared.get("a", reads.read))
    await reads.began(1)
    reads.position = 2
    second = asyncio.create_task(shared.get("a", reads.read))
    await reads.began(2)
    reads.gate.set()
    assert (await first).feed_seq == 1
    assert (await second).feed_seq == 2
    reads.position = 3
    assert (await shared.get("a", reads.read)).feed_seq == 3


async def test_without_a_position_nothing_is_shared() -> None:
    """While the hub does not follow the feed, nobody can tell what is too old."""
    reads = Reads()
    reads.gate.set()
    reads.position = None
    shared = Shared(lambda: reads.position)
    await shared.get("a", reads.read)
    await shared.get("a", reads.read)
    assert reads.count == 2


async def test_what_is_settled_stays() -> None:
    """What no fork can undo is read once, wherever the feed is."""
    reads = Reads(SETTLED)
    reads.gate.set()
    shared = Shared(lambda: reads.position)
    for position in range(5):
        reads.position = position
        await shared.get("a", reads.read)
    assert reads.count == 1


async def test_an_error_is_not_kept() -> None:
    """Who asks after an error makes it be read again."""

    async def fail() -> Encoded:
        raise OSError("away")

    reads = Reads()
    reads.gate.set()
    shared = Shared(lambda: reads.position)
    with pytest.raises(OSError, match="away"):
        await shared.get("a", fail)
    assert (await shared.get("a", reads.read)).raw == b"1"
