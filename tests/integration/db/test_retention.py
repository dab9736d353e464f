"""Retention drops what the settings say, a piece at a time, and nothing else."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest

from common.errors import GiveUp
from db import prices
from db.partitions import SLOTS
from db.pool import Pool
from db.prices import Reading
from db.retention import Ages, drop_old
from db.writer import Writer
from indexer.commit import Batch, commit
from indexer.rebuild import rebuild
from tests.helpers.events import MINUTE, created, key, seen, traded


async def _stored(pool: Pool) -> None:
    """Two old trades, and two an epoch and some days later."""
    async with Writer(pool) as writer:
        for number, (slot, at) in enumerate(
            (
                (5, MINUTE),
                (6, MINUTE + 1),
                (SLOTS + 5, MINUTE + 200_000),
                (3 * SLOTS, MINUTE + 400_000),
            )
        ):
            events = [seen(traded(5, 7, time=at), f"trade {number}", slot)]
            if number == 0:
                events.insert(0, seen(created(), "create", 1))
            await commit(writer, Batch(events=events), "confirmed")


async def test_without_settings_nothing_is_dropped(pool: Pool) -> None:
    """Keeping all of it is the default."""
    await _stored(pool)
    dropped = await drop_old(pool, Ages(None, None, None), MINUTE + 10**9, lambda *_: None)
    assert (dropped.partitions, dropped.bars, dropped.feed_rows) == (0, 0, 0)
    assert await pool.fetchval("SELECT count(*) FROM trades") == 4


async def test_old_partitions_go_and_what_was_folded_stays(pool: Pool) -> None:
    """Trades go by whole partitions that hold nothing young; positions and longer candles stay, and
    a rebuild says that it can't.
    """
    await _stored(pool)
    steps: list[tuple[int, int]] = []
    ages = Ages(trades_s=150_000, second_bars_s=150_000, feed_s=None)
    dropped = await drop_old(pool, ages, MINUTE + 400_000, lambda *step: steps.append(step))
    assert (dropped.partitions, dropped.bars) == (3, 3)
    assert steps == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]
    assert await pool.fetchval("SELECT min(slot) FROM trades") == 3 * SLOTS
    assert await pool.fetchval("SELECT from_slot FROM retained") == 2 * SLOTS
    assert await pool.fetchval("SELECT buys FROM positions WHERE wallet = $1", key("wallet")) == 4
    bars = await pool.fetch("SELECT interval_s, count(*) FROM candles GROUP BY 1 ORDER BY 1")
    assert [tuple(row) for row in bars] == [(1, 1), (60, 3), (3600, 3)]
    with pytest.raises(GiveUp, match="retention"):
        await rebuild(pool, lambda *_: None)
    assert (await drop_old(pool, ages, MINUTE + 400_000, lambda *_: None)).partitions == 0


async def test_old_rows_of_the_feed_go_from_the_beginning(pool: Pool) -> None:
    """What is left is contiguous up to the head, which does not move."""
    await _stored(pool)
    await pool.execute("UPDATE feed SET committed_at = to_timestamp(1000) WHERE seq < 4")
    ages = Ages(None, None, feed_s=3600)
    assert (await drop_old(pool, ages, int(time.time()), lambda *_: None)).feed_rows == 3
    assert [row["seq"] for row in await pool.fetch("SELECT seq FROM feed ORDER BY seq")] == [4, 5]
    assert await pool.fetchval("SELECT seq FROM feed_head") == 5


async def test_old_prices_go_but_for_the_newest_of_each(pool: Pool) -> None:
    """A quote whose source fell silent still shows when it was last known."""
    for name, moments in (("busy", (10, 20, 5_000)), ("silent", (5, 7))):
        for at in moments:
            reading = Reading(price=Decimal(3), observed_at=at, source="fixed")
            await prices.store(pool, key(name), reading)
    dropped = await drop_old(pool, Ages(None, None, None, prices_s=1_000), 5_500, lambda *_: None)
    assert dropped.prices == 3
    left = await pool.fetch("SELECT observed_at FROM quote_prices ORDER BY 1")
    assert [row["observed_at"] for row in left] == [7, 5_000]
