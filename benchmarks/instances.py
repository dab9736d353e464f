"""One, two and four hubs on one feed, from Postgres and over NATS: latency, and who works how much.

1,000 clients, shared out among the hubs, watch 5 of 200 tokens each, by Zipf's law. A publisher
commits trades at a steady pace, 10 a transaction, by the indexer's own statement. Everything runs
on the cores of this machine: more hubs don't make it faster, they show what one more hub costs.

`p50`, `p99`: from commit to a client's having read the frame. `deliveries`: frames that reached
clients per second of CPU time of all hubs. `postgres_cpu`: CPU time of Postgres, all of its
processes, per 1,000 trades; writing is part of it, and the same on both sides.
"""

from __future__ import annotations

import array
import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.request import urlopen

import msgspec
import psutil

from benchmarks.fanout_peers.committed import CLIENTS, ROOMS_EACH, TOKENS, api_server, publish
from benchmarks.fanout_peers.database import fresh_database
from benchmarks.fanout_peers.market import TRADE_BYTES_AT_LEAST, Market
from benchmarks.fanout_peers.processes import Load, Server
from benchmarks.fanout_peers.tools import ROOT, Unavailable, nats_server
from benchmarks.figure import Figure
from chaos.nats import NatsServer
from db.feed import head
from db.pool import pool_of

HUBS = (1, 2, 4)
RATE = 500.0
WARM_S = 3.0
SECONDS = 8.0
_START_S = 30.0
_FALLBACK = "curvefeed_feed_fallback_active"


class Measured(msgspec.Struct, frozen=True):
    """One source with so many hubs."""

    p50_ms: float
    p99_ms: float
    deliveries: float
    postgres_cpu_ms: float
    others_cpu_ms: float
    """Of relay and nats-server, per 1,000 trades."""


def measured(count: int, feed_url: str | None, url: str) -> Measured:
    """Start hubs (and the relay), connect clients, trade."""
    market = Market(TOKENS)
    settings = {} if feed_url is None else {"FEED_URL": feed_url}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if feed_url is not None:
            stack.callback(relay(url, feed_url).stop)
        hubs = [api_server(url, settings=settings) for _ in range(count)]
        loads: list[Load] = []
        for hub in hubs:
            stack.callback(hub.stop)
        for number, hub in enumerate(hubs):
            hub.wait()
            paths = folder / f"paths{number}"
            paths.write_text("\n".join(market.paths(CLIENTS // count, ROOMS_EACH)) + "\n")
            options = {
                "paths": str(paths), "ready": '"subscribed"', "min": str(TRADE_BYTES_AT_LEAST),
            }  # fmt: skip
            load = Load(hub.port, CLIENTS // count, options, core=None)
            stack.callback(load.stop)
            loads.append(load)
        for load in loads:
            load.settled()
        for hub in hubs:
            wait_for_source(hub)
        return asyncio.run(traded(url, hubs, loads, folder))


def wait_for_source(hub: Server) -> None:
    """Until the hub reads from where it should: by FEED_URL, as soon as it hears the relay."""
    deadline = time.monotonic() + _START_S
    while True:
        with urlopen(f"http://127.0.0.1:{hub.port}/metrics", timeout=_START_S) as answer:
            lines = answer.read().decode().splitlines()
        if f"{_FALLBACK} 0.0" in lines:
            return
        if time.monotonic() > deadline:
            raise Unavailable("a hub does not hear the relay")
        time.sleep(0.05)


def relay(url: str, feed_url: str) -> Server:
    """`./run relay`."""
    env = {"DATABASE_URL": url, "FEED_URL": feed_url, "LOG_LEVEL": "warning"}
    return Server([sys.executable, str(ROOT / "main.py"), "relay"], 0, core=None, env=env)


async def traded(url: str, hubs: Sequence[Server], loads: Sequence[Load], folder: Path) -> Measured:
    """Trade while the clients record what arrives."""
    market = Market(TOKENS)
    async with pool_of(url, 3) as pool:
        await publish(pool, market, RATE, time.monotonic() + WARM_S)
        first = (await head(pool)).seq + 1
        backend = await pool.fetchval("SELECT pg_backend_pid()")
        files = [folder / f"arrivals{number}" for number in range(len(loads))]
        for load, file in zip(loads, files, strict=True):
            load.record(SECONDS + 0.5, file)
        before = cpu(hubs, backend)
        count = await publish(pool, market, RATE, time.monotonic() + SECONDS)
        waiting = (asyncio.to_thread(load.recorded, 20.0) for load in loads)
        arrived = sum(await asyncio.gather(*waiting))
        hub_s, postgres_s, others_s = (
            b - a for a, b in zip(before, cpu(hubs, backend), strict=True)
        )
        rows = await pool.fetch(
            "SELECT seq, extract(epoch FROM committed_at) * 1e6 AS us FROM feed WHERE seq >= $1",
            first,
        )
    committed = {row["seq"]: float(row["us"]) for row in rows}
    found = sorted(ms for file in files for ms in latencies_ms(file, committed))
    return Measured(
        found[len(found) // 2], found[int(len(found) * 0.99)], arrived / hub_s,
        postgres_s / count * 1e6, others_s / count * 1e6,
    )  # fmt: skip


def latencies_ms(file: Path, committed: dict[int, float]) -> Iterator[float]:
    """Of every arrival in the file."""
    arrivals = array.array("Q", file.read_bytes())
    for seq, ns in zip(arrivals[::2], arrivals[1::2], strict=True):
        if seq in committed:
            yield ns / 1e6 - committed[seq] / 1e3


def cpu(hubs: Sequence[Server], backend: int) -> tuple[float, float, float]:
    """CPU seconds so far: of the hubs, of Postgres, of relay and nats-server."""
    postmaster = psutil.Process(backend).parent()
    assert postmaster is not None
    times = postmaster.cpu_times()
    postgres = float(times.user + times.system + times.children_user + times.children_system)
    others = 0.0
    for process in (*postmaster.children(), *psutil.Process().children()):
        with suppress(psutil.NoSuchProcess):
            used = process.cpu_times().user + process.cpu_times().system
            if process.ppid() == postmaster.pid:
                postgres += used
            elif process.name() == "nats-server" or "relay" in process.cmdline():
                others += used
    return sum(hub.cpu_s() for hub in hubs), postgres, others


def run() -> Iterator[Figure]:
    """Both sources; what one is measured against is the other with as many hubs."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="curvefeed-nats-")))
        nats: NatsServer | None = None
        try:
            nats_server()
            nats = NatsServer(folder)
            nats.start()
            stack.callback(nats.kill)
        except Unavailable as reason:
            print(f"instances: Postgres alone: {reason}", file=sys.stderr)
        for count in HUBS:
            with fresh_database() as url:
                postgres = measured(count, None, url)
            say(count, "postgres", postgres)
            if nats is not None:
                with fresh_database() as url:
                    over_nats = measured(count, f"{nats.url}/bench_{count}", url)
                say(count, "nats", over_nats)
                yield from figures(count, over_nats, postgres)


def say(count: int, source: str, found: Measured) -> None:
    """One line about one run."""
    print(
        f"{count} hubs, {source}: p50 {found.p50_ms:.1f} ms, p99 {found.p99_ms:.1f} ms, "
        f"{found.deliveries:.0f} deliveries per core second of hub, Postgres "
        f"{found.postgres_cpu_ms:.0f} ms and relay with NATS {found.others_cpu_ms:.0f} ms of CPU "
        "per 1,000 trades",
        file=sys.stderr,
    )


def figures(count: int, nats: Measured, postgres: Measured) -> Iterator[Figure]:
    """Over NATS against straight from Postgres."""
    for name, unit, ours, theirs in (
        ("p50", "ms", nats.p50_ms, postgres.p50_ms),
        ("p99", "ms", nats.p99_ms, postgres.p99_ms),
        ("deliveries", "1/core s", nats.deliveries, postgres.deliveries),
        ("postgres_cpu", "ms", nats.postgres_cpu_ms, postgres.postgres_cpu_ms),
    ):
        yield Figure(
            name=f"instances_{count}_nats_{name}", value=ours, unit=unit, peer="from_postgres",
            peer_value=theirs, higher_is_better=name == "deliveries",
        )  # fmt: skip
