"""The lease: one writer at a time, whatever happens to it."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from prometheus_client import generate_latest

from common import metrics
from common.errors import DatabaseUnavailable
from db.pool import Pool
from db.writer import Writer

_HOLDER = """
import asyncio, sys
from db.pool import pool_of
from db.writer import Writer

async def main(url, is_inside):
    async with pool_of(url, 4) as pool, Writer(pool) as writer:
        await writer.wait()
        if is_inside:
            async with writer.transaction() as connection:
                await connection.execute("UPDATE feed_head SET seq = seq + 1000")
                print("ready", flush=True)
                await asyncio.sleep(3600)
        print("ready", flush=True)
        while True:
            async with writer.transaction() as connection:
                await connection.execute("UPDATE feed_head SET seq = seq + 1")
            await asyncio.sleep(0.05)

asyncio.run(main(sys.argv[1], sys.argv[2] == "inside"))
"""


@asynccontextmanager
async def _holder(url: str, where: str = "") -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _HOLDER, url, where, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readline(), 30) == b"ready\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.parametrize("where", ["", "inside"])
async def test_a_holder_that_hangs_is_replaced_within_five_seconds(
    pool: Pool, database_url: str, where: str
) -> None:
    """Stopped between batches or in the middle of one; and when it wakes up it writes no more."""
    async with _holder(database_url, where) as process, Writer(pool) as standby:
        assert not await standby.is_holding()
        process.send_signal(signal.SIGSTOP)
        stopped_at = time.monotonic()
        await standby.wait()
        assert time.monotonic() - stopped_at < 5
        before = await pool.fetchval("SELECT seq FROM feed_head")
        process.send_signal(signal.SIGCONT)
        async with standby.transaction() as connection:
            await connection.execute("UPDATE feed_head SET seq = seq + 10")
        await asyncio.sleep(1)  # the one that woke up has time to try
        assert await pool.fetchval("SELECT seq FROM feed_head") == before + 10


async def test_a_killed_holder_is_replaced_at_once(pool: Pool, database_url: str) -> None:
    """Its connection is gone, so nobody waits for its pulse to stop."""
    async with _holder(database_url) as process, Writer(pool) as standby:
        process.kill()
        killed_at = time.monotonic()
        await standby.wait()
        assert time.monotonic() - killed_at < 2


async def test_a_living_holder_keeps_the_lease_through_a_long_batch(pool: Pool) -> None:
    """A batch that takes longer than a pulse may stand still is not taken for a hanging holder."""
    async with Writer(pool) as writer, Writer(pool) as standby:
        async with writer.transaction() as connection:
            waiting = asyncio.create_task(standby.wait())
            await connection.execute("SELECT pg_sleep(4)")
            assert not waiting.done()
        assert await writer.is_holding()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


async def test_a_batch_under_another_token_is_refused(pool: Pool) -> None:
    """Whatever made the lease change hands: the old holder's next transaction fails, unwritten."""
    async with Writer(pool) as writer:
        await writer.wait()
        await pool.execute("UPDATE writer_lease SET token = token + 1")
        with pytest.raises(DatabaseUnavailable, match="another writer has the lease"):
            async with writer.transaction() as connection:
                await connection.execute("UPDATE feed_head SET seq = 99")
    assert await pool.fetchval("SELECT seq FROM feed_head") == 0


async def test_who_lost_the_lease_exports_nothing_of_what_only_the_writer_knows(
    pool: Pool, database_url: str
) -> None:
    """Its open gaps are another's to tell, and it tells them again when it writes again."""

    def exported() -> set[str]:
        wanted = ("curvefeed_indexer_is_active ", "curvefeed_sweep_")
        lines = generate_latest().decode().splitlines()
        return {line for line in lines if line.startswith(wanted)} & {
            "curvefeed_indexer_is_active 0.0", "curvefeed_indexer_is_active 1.0",
            "curvefeed_sweep_gaps_open 3.0", 'curvefeed_sweep_frontier_slot{program="lost"} 7.0',
        }  # fmt: skip

    async with Writer(pool) as writer:
        await writer.wait()
        metrics.SWEEP_GAPS_OPEN.set(3)
        metrics.SWEEP_FRONTIER_SLOT.labels("lost").set(7)
        active = exported()
        assert len(active) == 3
        assert "curvefeed_indexer_is_active 1.0" in active
        await pool.execute("UPDATE writer_lease SET pid = NULL")
        async with _holder(database_url):
            with pytest.raises(DatabaseUnavailable):
                async with writer.transaction():
                    pass
            assert not await writer.is_holding()
            assert exported() == {"curvefeed_indexer_is_active 0.0"}
        await writer.wait()
        assert exported() == active
    metrics.SWEEP_FRONTIER_SLOT.remove("lost")
    metrics.SWEEP_GAPS_OPEN.set(0)
