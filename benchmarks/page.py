"""The trading page in Chromium while 200 trades/s of the token it shows are committed and pushed.

Postgres, the indexer's own commits, `./run serve` and the browser run on this machine. Peers are
the goals, and an empty page in the same browser: no page gets more frames than that here.
PAGE_SECONDS is how long the page is watched. Its first seconds are `./run bench lighthouse`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import msgspec

from benchmarks.fanout_peers.processes import free_port
from benchmarks.figure import Figure
from benchmarks.history import SLOTS_PER_S, START_S, START_SLOT, Shape, events, key_of
from db.embedded import embedded_postgres
from db.migrate import migrate
from db.pool import Pool, pool_of
from db.writer import Writer
from frontend.build import build_page, install, npm
from frontend.weigh import scripts_bytes
from indexer.commit import Batch, commit
from indexer.seen import Seen
from programs.keys import b58

ROOT = Path(__file__).resolve().parents[1]
FRONTEND = ROOT / "frontend"
RATE, BATCH = 200, 5
SECONDS = int(os.environ.get("PAGE_SECONDS", "600"))
GOAL_GROWTH_MIB = 2.0
GOAL_CONTENT_MS = 1_000.0
GOAL_SCRIPTS_KIB = 130.0


def market() -> Iterator[Seen]:
    """Endless trades of one token, as if they happened now."""
    shape = Shape(trades=10**9, tokens=1, wallets=300, trades_per_s=RATE)
    for seen in events(shape):
        now = time.time()
        slot = START_SLOT + int((now - START_S) * SLOTS_PER_S)
        yield msgspec.structs.replace(seen, slot=slot, block_time=int(now))


async def trade(pool: Pool, history: Iterator[Seen]) -> None:
    """Commit RATE trades a second, until cancelled."""
    due = time.monotonic()
    async with Writer(pool) as writer:
        while True:
            batch = [next(history) for _ in range(BATCH)]
            await commit(writer, Batch(events=batch), "confirmed")
            due += BATCH / RATE
            await asyncio.sleep(max(0.0, due - time.monotonic()))


async def answering(url: str) -> None:
    """Wait until this URL answers 200."""
    async with asyncio.timeout(240), httpx2.AsyncClient() as http:
        while True:
            with contextlib.suppress(httpx2.TransportError):
                if (await http.get(url)).status_code == 200:
                    return
            await asyncio.sleep(0.2)


@asynccontextmanager
async def serving(database_url: str) -> AsyncIterator[str]:
    """`./run serve` with the page; its base URL."""
    port = free_port()
    env = {**os.environ, "DATABASE_URL": database_url, "LOG_LEVEL": "warning"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(ROOT / "main.py"), "serve", "--port", str(port), cwd=ROOT, env=env
    )
    base = f"http://127.0.0.1:{port}"
    try:
        await answering(f"{base}/readyz")
        yield base
    finally:
        process.terminate()
        await process.wait()


async def output_of(command: list[str], env: Mapping[str, str]) -> bytes:
    """What a program of Node prints. Raises AssertionError where it fails."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=FRONTEND, env={**os.environ, **env}, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return output


async def watched(base: str, mint: str, pool: Pool) -> dict[str, Any]:
    """What Chromium tells of SECONDS of trading."""
    trading = asyncio.create_task(trade(pool, market()))
    try:
        await answering(f"{base}/api/v1/tokens/{mint}")
        script = ["run", "--silent", "measure", "--", base, mint, str(SECONDS)]
        found: dict[str, Any] = json.loads(await output_of(npm(*script), {}))
    finally:
        trading.cancel()
        await asyncio.gather(trading, return_exceptions=True)
    return found


def goal(name: str, value: float, unit: str, peer: float, *, is_more_better: bool) -> Figure:
    """A figure beside its goal."""
    return Figure(
        name=name, value=value, unit=unit, peer="goal", peer_value=peer,
        higher_is_better=is_more_better,
    )  # fmt: skip


@asynccontextmanager
async def database() -> AsyncIterator[tuple[str, Pool]]:
    """A new one, its URL and a pool."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="curvefeed-bench-"))
        url = await stack.enter_async_context(embedded_postgres(Path(folder)))
        pool = await stack.enter_async_context(pool_of(url, 4))
        await migrate(pool)
        yield url, pool


async def measured() -> AsyncGenerator[Figure]:
    """All figures, one after the other."""
    install(dev=True)
    page = await build_page()
    kib = scripts_bytes(page, "trade/index.html") / 1024
    yield goal("page_trade_scripts_gzip", kib, "KiB", GOAL_SCRIPTS_KIB, is_more_better=False)
    async with database() as (url, pool), serving(url) as base:
        seen = await watched(base, b58(key_of("mint", 0)), pool)
    frames, empty = seen["frames"], seen["empty"]
    growth = seen["heap_end_mib"] - seen["heap_start_mib"]
    yield goal(
        "page_first_content", seen["first_content_ms"], "ms", GOAL_CONTENT_MS, is_more_better=False
    )
    yield goal("page_trades_shown", seen["trades_per_s"], "1/s", RATE, is_more_better=True)
    yield Figure(
        name="page_frames_mean", value=frames["mean"], unit="1/s",
        peer="empty page", peer_value=empty["mean"],
    )  # fmt: skip
    yield goal("page_frames_median", frames["median"], "1/s", 50, is_more_better=True)
    yield goal("page_frames_worst", frames["worst"], "1/s", 50, is_more_better=True)
    yield goal("page_thread_cpu", 100 * seen["cpu_share"], "%", 50, is_more_better=False)
    yield goal("page_task_longest", seen["longest_task_ms"], "ms", 100, is_more_better=False)
    computed = seen["longest_computed_ms"]
    yield goal("page_task_longest_cpu", computed, "ms", 100, is_more_better=False)
    yield goal("page_heap_growth", growth, "MiB", GOAL_GROWTH_MIB, is_more_better=False)


def run() -> Iterator[Figure]:
    """See above."""
    return one_by_one(measured())


def one_by_one(measured: AsyncGenerator[Figure]) -> Iterator[Figure]:
    """Figures of a coroutine, as they come."""

    async def following() -> Figure | None:
        return await anext(measured, None)

    with asyncio.Runner() as runner:
        while (figure := runner.run(following())) is not None:
            yield figure
