"""Commit → client on everything at once: Postgres, `./run serve` and 1,000 clients on these cores.

A publisher commits 1,000 trades a second, 10 a transaction, by the indexer's own statement: rows of
the feed, each with a price_update, numbered under the feed's lock, and a NOTIFY. Every client
watches 5 of 200 tokens; tokens are traded and watched by Zipf's law. Measured is every arrival of a
`new_trade`, from `feed.committed_at` (taken by Postgres as the row is written, so the commit itself
counts) to when the client has read the frame.
"""

from __future__ import annotations

import array
import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import msgspec

from benchmarks.fanout_peers.market import TRADE_BYTES_AT_LEAST, Market
from benchmarks.fanout_peers.processes import Load, Server, free_port
from benchmarks.fanout_peers.tools import ROOT
from benchmarks.figure import Figure
from db.feed import head
from db.keys import Ids
from db.pool import Pool, pool_of
from db.rows import Changes, FeedInsert
from db.tables import store
from db.writes import take_seqs

CLIENTS = 1_000
ROOMS_EACH = 5
TOKENS = 200
RATE = 1_000
BATCH = 10
WARM_S = 2.0
SECONDS = 8.0
GOALS_MS = {"p50": 15.0, "p99": 50.0}


def api_server(
    database_url: str, *, core: int | None = None, settings: Mapping[str, str] | None = None
) -> Server:
    """`./run serve` without the page, with room for many clients."""
    port = free_port()
    env = {
        "DATABASE_URL": database_url, "LOG_LEVEL": "warning", "WEBSOCKET_DRAIN_S": "0",
        "WEBSOCKET_MAX_CONNECTIONS": "50000", **(settings or {}),
    }  # fmt: skip
    command = [sys.executable, str(ROOT / "main.py"), "serve", "--no-page", "--port", str(port)]
    return Server(command, port, core=core, env=env)


async def publish(pool: Pool, market: Market, rate: float, until: float) -> int:
    """Commit trades in batches at a steady pace until a monotonic time; returns how many."""
    due, count = time.monotonic(), 0
    async with pool.acquire() as connection:
        while due < until:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            trades = [msgspec.structs.asdict(market.trade()) for _ in range(BATCH)]
            async with connection.transaction():
                first = await take_seqs(connection, BATCH)
                feed = [FeedInsert(seq=seq, **trade) for seq, trade in enumerate(trades, first)]
                await store(connection, Changes(feed=feed), Ids())
            count += BATCH
            due += BATCH / rate
    return count


async def committed_us(url: str, load: Load, market: Market, file: Path) -> dict[int, float]:
    """Trade on while `load` records arrivals in `file`; seq → unix microseconds of the commit."""
    async with pool_of(url, 3) as pool:
        await publish(pool, market, RATE, time.monotonic() + WARM_S)
        first = (await head(pool)).seq + 1
        load.record(SECONDS + 0.5, file)
        began = time.monotonic()
        count = await publish(pool, market, RATE, began + SECONDS)
        rate = count / (time.monotonic() - began)
        arrived = await asyncio.to_thread(load.recorded, 10.0)
        rows = await pool.fetch(
            "SELECT seq, extract(epoch FROM committed_at) * 1e6 AS us FROM feed WHERE seq >= $1",
            first,
        )
    said = f"{rate:.0f} trades/s, {arrived / count * rate:.0f} deliveries of them a second"
    print(f"commit_to_client: {said}", file=sys.stderr)
    return {row["seq"]: float(row["us"]) for row in rows}


def latencies_ms(database_url: str, load: Load, market: Market) -> list[float]:
    """Of every arrival after the warm-up, ascending."""
    with tempfile.NamedTemporaryFile() as file:
        committed = asyncio.run(committed_us(database_url, load, market, Path(file.name)))
        arrivals = array.array("Q", Path(file.name).read_bytes())
    pairs = zip(arrivals[::2], arrivals[1::2], strict=True)
    return sorted(ns / 1e6 - committed[seq] / 1e3 for seq, ns in pairs if seq in committed)


def commit_to_client(database_url: str) -> Iterator[Figure]:
    """p50 and p99 against the goals."""
    market = Market(TOKENS)
    with ExitStack() as stack:
        server = api_server(database_url)
        stack.callback(server.stop)
        server.wait()
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        paths = folder / "paths"
        paths.write_text("\n".join(market.paths(CLIENTS, ROOMS_EACH)) + "\n")
        options = {
            "paths": str(paths), "ready": '"subscribed"', "min": str(TRADE_BYTES_AT_LEAST),
        }  # fmt: skip
        load = Load(server.port, CLIENTS, options, core=None)
        stack.callback(load.stop)
        load.settled()
        found = latencies_ms(database_url, load, market)
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        yield Figure(
            name=f"commit_to_client_{name}",
            value=found[int(len(found) * share)],
            unit="ms",
            peer="goal",
            peer_value=GOALS_MS[name],
            higher_is_better=False,
        )
