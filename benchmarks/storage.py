"""Ingest with everything derived, beside plain COPY of the same trades; bytes per trade; how long a
transaction takes from its notification to its commit.

Both sides of a figure run in turns in one Postgres of its own, with synchronous commits; medians.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path

import asyncpg

from benchmarks.figure import Figure
from benchmarks.history import Shape, events
from db.embedded import embedded_postgres
from db.migrate import migrate
from db.pool import Pool, pool_of
from db.writer import Writer
from indexer.commit import Batch, commit
from indexer.seen import Seen
from programs.events import Traded

SHAPE = Shape(trades=100_000, tokens=3_000, wallets=20_000)
WARM = 30_000
BATCH = 1_000
PART = 10_000
RATE, RATE_S = 300, 20
GOAL_BYTES = 400.0
GOALS_MS = {"p50": 10.0, "p99": 40.0}
OPTIONS = {"shared_buffers": "512MB", "max_wal_size": "4GB"}


@asynccontextmanager
async def fresh_database() -> AsyncIterator[tuple[str, Pool]]:
    """A migrated database in a server of its own, flushing each commit to disk: its URL too."""
    with tempfile.TemporaryDirectory(prefix="curvefeed-bench-") as folder:
        async with embedded_postgres(Path(folder), OPTIONS) as url, pool_of(url, 4) as pool:
            await migrate(pool)
            yield url, pool


async def ingest(writer: Writer, batch: Sequence[Seen]) -> float:
    """Seconds to commit these events in batches."""
    began = time.perf_counter()
    for at in range(0, len(batch), BATCH):
        await commit(writer, Batch(events=list(batch[at : at + BATCH])), "confirmed")
    return time.perf_counter() - began


async def copied(connection: asyncpg.Connection[asyncpg.Record], rows: list[list[object]]) -> float:
    """Seconds to COPY rows into a table like that of the trades, in batches."""
    began = time.perf_counter()
    for at in range(0, len(rows), BATCH):
        await connection.copy_records_to_table("copy_of_trades", records=rows[at : at + BATCH])
    return time.perf_counter() - began


async def rates(url: str, pool: Pool, history: Iterator[Seen]) -> tuple[float, float]:
    """Trades per second of the indexer's commits and of COPY, medians over parts."""
    ours, theirs = [], []
    async with Writer(pool) as writer:
        await ingest(writer, list(islice(history, WARM)))
        partition = await pool.fetchval("SELECT min(tableoid::regclass::text) FROM trade_rows")
        copier = await asyncpg.connect(url)
        await copier.execute(f"CREATE TABLE copy_of_trades (LIKE {partition} INCLUDING ALL)")
        while part := list(islice(history, PART)):
            trades = [one for one in part if isinstance(one.event, Traded)]
            newest = await pool.fetchval("SELECT coalesce(max(seq), 0) FROM feed")
            ours.append(len(trades) / await ingest(writer, part))
            stored = await copier.fetch("SELECT * FROM trade_rows WHERE seq > $1", newest)
            rows = [list(row) for row in stored]
            theirs.append(len(rows) / await copied(copier, rows))
        await copier.close()
    return statistics.median(ours), statistics.median(theirs)


_BYTES = """
    SELECT sum(pg_table_size(c.oid) + pg_indexes_size(c.oid))::float8
           / (SELECT count(*) FROM trade_rows)
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'trade_rows'::regclass"""


async def latencies_ms(pool: Pool, history: Iterator[Seen]) -> list[float]:
    """From the moment a transaction is there to its commit, at a steady rate, ascending."""
    waiting: asyncio.Queue[tuple[float, Seen]] = asyncio.Queue()
    found: list[float] = []

    async def arrive() -> None:
        due = time.perf_counter()
        for one in islice(history, RATE * RATE_S):
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            waiting.put_nowait((time.perf_counter(), one))
            due += 1 / RATE

    arriving = asyncio.create_task(arrive())
    async with Writer(pool) as writer:
        while not (arriving.done() and waiting.empty()):
            taken = [await waiting.get()]
            while not waiting.empty():
                taken.append(waiting.get_nowait())
            await commit(writer, Batch(events=[one for _, one in taken]), "confirmed")
            now = time.perf_counter()
            found += [(now - at) * 1000 for at, _ in taken]
    await arriving
    return sorted(found[RATE:])


async def measured() -> list[Figure]:
    """All figures."""
    async with fresh_database() as (url, pool):
        history = events(SHAPE)
        rest = islice(history, SHAPE.trades - RATE * RATE_S)
        ours, copy = await rates(url, pool, rest)
        per_trade = await pool.fetchval(_BYTES)
        waits = await latencies_ms(pool, history)
    figures = [
        Figure(
            name="ingest_all_derived", value=ours, unit="trades/s", peer="copy", peer_value=copy
        ),
        Figure(
            name="bytes_per_trade", value=per_trade, unit="B", peer="goal", peer_value=GOAL_BYTES,
            higher_is_better=False,
        ),
    ]  # fmt: skip
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        figures.append(
            Figure(
                name=f"received_to_committed_{name}", value=waits[int(len(waits) * share)],
                unit="ms", peer="goal", peer_value=GOALS_MS[name], higher_is_better=False,
            )
        )  # fmt: skip
    return figures


def run() -> Iterator[Figure]:
    """See above."""
    yield from asyncio.run(measured())
