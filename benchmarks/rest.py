"""Every endpoint of the history at 200 requests a second while trades are committed.

    CURVEFEED_BENCH_TRADES=1000000    a smaller history; default: 10,000,000 trades, 100,000 tokens
    CURVEFEED_BENCH_ONLY=holders,pnl  only endpoints with one of these in their names

Server, ingest and client are processes of one machine. A request's latency counts from the moment
it was due, so one that had to wait behind others counts its wait.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from random import Random

import psutil

from benchmarks.figure import Figure
from benchmarks.rest_history import SHAPE, history
from db.pool import Pool, pool_of
from programs.keys import b58

RATE, SECONDS, WARM_S = 200, 5, 1
CONNECTIONS = 32
GOAL_MS = 20.0


class Connections:
    """Kept HTTP connections, lent to one request each."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._free: asyncio.LifoQueue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = (
            asyncio.LifoQueue()
        )

    async def open(self) -> None:
        """All of them."""
        for _ in range(CONNECTIONS):
            self._free.put_nowait(await asyncio.open_connection("127.0.0.1", self._port))

    async def get(self, path: str) -> int:
        """The status of an answer, once all of it is there."""
        lent = await self._free.get()
        try:
            status = await _asked(*lent, path)
        except (asyncio.IncompleteReadError, ConnectionError):
            # It was idle for so long that the server has closed it.
            lent = await asyncio.open_connection("127.0.0.1", self._port)
            status = await _asked(*lent, path)
        self._free.put_nowait(lent)
        return status

    async def close(self) -> None:
        """Of those that are free."""
        while not self._free.empty():
            _, writer = self._free.get_nowait()
            writer.close()


async def _asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> int:
    writer.write(f"GET /api/v1{path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]
    await reader.readexactly(int(length))
    return int(head.split(b" ", 2)[1])


async def endpoints(pool: Pool) -> dict[str, list[str]]:
    """Requests by endpoint: of tokens and wallets by how much they are traded, so that busy ones
    are asked for most."""
    random = Random(1)
    share = min(100, 2_000_000 / SHAPE.trades)
    sample = f"FROM trade_rows t TABLESAMPLE SYSTEM ({share}) JOIN keys k ON k.id = "
    tokens = await pool.fetch(f"SELECT k.key, t.slot {sample} t.token_id LIMIT 50000")
    wallets = await pool.fetch(f"SELECT k.key {sample} t.wallet_id LIMIT 50000")
    slot = sorted(row["slot"] for row in tokens)[len(tokens) // 2]
    then = [row["key"] for row in tokens if row["slot"] <= slot]
    past = [b58(random.choice(then)) for _ in range(200)]
    mints = [b58(random.choice(tokens)["key"]) for _ in range(200)]
    owners = [b58(random.choice(wallets)["key"]) for _ in range(200)]
    found = {
        f"tokens_{name}": [f"/tokens?list={name}"]
        for name in ("new", "about_to_graduate", "graduated", "trending", "top_volume",
                     "top_market_cap")
    }  # fmt: skip
    for part in ("", "/trades", "/trades?side=buy&min_quote=1000000000", "/holders", "/traders",
                 "/first-buyers", "/stats", "/flags"):  # fmt: skip
        found[f"token{_name(part)}"] = [f"/tokens/{mint}{part}" for mint in mints]
    for interval in ("1s", "1m", "15m", "1d"):
        found[f"candles_{interval}"] = [f"/tokens/{m}/candles?interval={interval}" for m in mints]
    for part in ("", "/candles?interval=1m", "/holders"):
        question = f"{part}{'&' if '?' in part else '?'}as_of_slot={slot}"
        found[f"token{part.split('?')[0]}_as_of".replace("/", "_")] = [
            f"/tokens/{mint}{question}" for mint in past
        ]
    for part in ("", "/trades", "/positions", "/pnl", "/tokens"):
        found[f"wallet{_name(part)}"] = [f"/wallets/{owner}{part}" for owner in owners]
    words = [f"{random.randrange(16**3):x}" for _ in range(200)]
    found["search"] = [f"/search?q=c{word}" for word in words]
    found |= {"market_stats": ["/market/stats"], "market_trending": ["/market/trending"]}
    found["completeness"] = ["/completeness?program=pump"]
    return found


def _name(part: str) -> str:
    for mark in "/?=&":
        part = part.replace(mark, "_")
    return part[:20]


async def latencies(connections: Connections, paths: Sequence[str], seconds: float) -> list[float]:
    """Milliseconds of each request, at RATE a second, whatever the server does meanwhile."""
    random = Random(2)
    took: list[float] = []

    async def ask(due: float) -> None:
        status = await connections.get(random.choice(paths))
        took.append((time.perf_counter() - due) * 1_000)
        if status != 200:
            took[-1] = float("inf")

    began = time.perf_counter()
    asking = []
    for number in range(int(RATE * seconds)):
        due = began + number / RATE
        await asyncio.sleep(max(0, due - time.perf_counter()))
        asking.append(asyncio.create_task(ask(due)))
    await asyncio.gather(*asking)
    return sorted(took)


async def warmed(connections: Connections, asked: Iterable[str]) -> None:
    """Ask everything once: a server that has run for an hour has what is asked for in memory."""
    paths = iter(asked)

    async def ask() -> None:
        for path in paths:
            await connections.get(path)

    await asyncio.gather(*(ask() for _ in range(8)))


@asynccontextmanager
async def process(*args: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A side of the benchmark, killed at the end."""
    started = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.rest_side", *args, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.wait()


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


async def measure() -> list[Figure]:
    """p99 of each endpoint, beside the goal."""
    figures = []
    async with history(SHAPE) as url, pool_of(url, 2) as pool:
        asked = chosen(await endpoints(pool))
        async with process("serve", url) as server, process("ingest", url) as ingest:
            assert server.stdout is not None and ingest.stdout is not None
            connections = Connections(int(await server.stdout.readline()))
            await connections.open()
            say("filling the windows")
            await ingest.stdout.readline()
            say(f"asking each of {len(asked)} endpoints for all it is asked for")
            await warmed(connections, (path for paths in asked.values() for path in paths))
            sides = [psutil.Process(each) for each in (server.pid, ingest.pid, os.getpid())]
            for name, paths in asked.items():
                await latencies(connections, paths, WARM_S)
                before = [_cpu_s(each) for each in sides]
                took = await latencies(connections, paths, SECONDS)
                cpu_ms = [
                    (_cpu_s(each) - was) / len(took) * 1_000
                    for each, was in zip(sides, before, strict=True)
                ]
                p50, p99 = took[len(took) // 2], took[int(len(took) * 0.99)]
                say(
                    f"{name:32} p50 {p50:8.2f} p99 {p99:8.2f} ms; CPU a request: "
                    "server {:.2f}, ingest {:.2f}, client {:.2f} ms".format(*cpu_ms)
                )
                figures.append(
                    Figure(name=f"rest_{name}_p99", value=p99, unit="ms", peer="goal",
                           peer_value=GOAL_MS, higher_is_better=False)
                )  # fmt: skip
            await connections.close()
    return figures


def chosen(asked: dict[str, list[str]]) -> dict[str, list[str]]:
    """Those that the environment names; all of them, if it names none."""
    only = os.environ.get("CURVEFEED_BENCH_ONLY", "").split(",")
    return {name: paths for name, paths in asked.items() if any(part in name for part in only)}


def say(text: str) -> None:
    """To whoever waits for the figures."""
    print(f"· {text}", file=sys.stderr, flush=True)


def run() -> Iterator[Figure]:
    """The figures."""
    yield from asyncio.run(measure())
