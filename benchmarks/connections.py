"""10,000 connections on one process, and what happens when half of them are cut at once.

The server is `./run serve` on one core, the clients are the C load generator on another. Every
client has signed in (10 connections a wallet, an access token each) and is in the room of one token
out of 200, busy ones more likely. Measured: how long it takes
until all are connected and subscribed; resident memory per idle connection; whether all are still
there after a heartbeat interval in which each was pinged. Then 5,000 are cut while trades go on:
they reconnect, resume with `since`, and it is counted how many statements Postgres ran for that.
Peers hold the same number of connections, without rooms, heartbeats of the application or resume.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec

from benchmarks.fanout_peers.committed import api_server
from benchmarks.fanout_peers.database import fresh_database, log_of
from benchmarks.fanout_peers.market import TRADE_BYTES_AT_LEAST, Market
from benchmarks.fanout_peers.peers import Started, fastapi_docs, node_ws
from benchmarks.fanout_peers.processes import Load, Server, Settled
from benchmarks.fanout_peers.sign_ins import access_tokens, new_keys
from benchmarks.fanout_peers.tools import Unavailable
from benchmarks.figure import Figure
from db.pool import pool_of
from db.publish import append_event

CONNECTIONS = 10_000
DROPPED = 5_000
TOKENS = 200
HEARTBEAT_S = 29.0
"""More than the longest interval: 25 s and 10 %."""
TRADES_PER_S = 50
SETTLE_S = 2.0
GOAL_MEMORY_KIB = 8.0
GOAL_RECONNECT_S = 10.0
GOAL_STATEMENTS = 1.0
_OURSELVES = "benchmark"
_LOGGED = {"log_statement": "all", "log_line_prefix": "%a|"}


class Held(msgspec.Struct, frozen=True):
    """Many idle connections on one server."""

    settled: Settled
    kib_each: float
    cpu_us_each: float
    """CPU time of the server to accept one."""


def hold(server: Server, load: Load) -> Held:
    """Wait until all are connected; `server` must have been idle before `load` started."""
    before_kib, before_s = server.rss_kib(), server.cpu_s()
    settled = load.settled()
    used_s = server.cpu_s() - before_s
    time.sleep(SETTLE_S)  # what the handshakes left behind is freed
    kib = (server.rss_kib() - before_kib) / load.conns
    return Held(settled, kib, used_s / load.conns * 1e6)


def peer_held(started: Started) -> Held:
    """The same on a peer."""
    with ExitStack() as stack:
        stack.callback(started.server.stop)
        started.server.wait()
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        paths = folder / "paths"
        paths.write_text(started.path + "\n")
        load = Load(started.server.port, CONNECTIONS, {"paths": str(paths)})
        stack.callback(load.stop)
        return hold(started.server, load)


def statements(log: Path) -> int:
    """Statements Postgres ran so far for others than us; BEGIN and COMMIT don't count."""
    count = 0
    for line in log.read_text(errors="replace").splitlines():
        name, _, rest = line.partition("|")
        if name == "curvefeed" and rest.startswith(("LOG:  statement", "LOG:  execute")):
            count += not rest.partition(": ")[2].partition(": ")[2].startswith(("BEGIN", "COMMIT"))
    return count


async def trade_on(database_url: str, stop: asyncio.Event) -> None:
    """Commit trades until told to stop."""
    market = Market(TOKENS, seed=2)
    async with pool_of(database_url, 2) as pool, pool.acquire() as connection:
        await connection.execute(f"SET application_name = '{_OURSELVES}'")
        while not stop.is_set():
            await append_event(connection, market.trade())
            await asyncio.sleep(1 / TRADES_PER_S)


async def storm(database_url: str, load: Load) -> tuple[Settled, float]:
    """Cut DROPPED connections; how they came back, and statements per reconnect beyond what the
    server runs anyway."""
    log, stop = log_of(database_url), asyncio.Event()
    trading = asyncio.create_task(trade_on(database_url, stop))
    await asyncio.sleep(1)
    first, began = statements(log), time.monotonic()
    await asyncio.sleep(3)
    per_s = (statements(log) - first) / (time.monotonic() - began)
    first, began = statements(log), time.monotonic()
    settled = await asyncio.to_thread(load.drop, DROPPED)
    await asyncio.sleep(SETTLE_S)
    count = statements(log) - first - per_s * (time.monotonic() - began)
    stop.set()
    await trading
    return settled, max(1.0, count) / DROPPED  # 0 has no ratio


def ours(database_url: str) -> Iterator[tuple[str, float, str, float]]:
    """(figure, value, unit, goal) of our server, and last its memory and time for the peers."""
    with ExitStack() as stack:
        keys = new_keys()
        server = api_server(database_url, core=0, settings={"AUTH_SIGNING_KEYS": keys})
        stack.callback(server.stop)
        server.wait()
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        paths = folder / "paths"
        tokens = asyncio.run(access_tokens(database_url, keys, CONNECTIONS))
        rooms = Market(TOKENS).paths(CONNECTIONS, 1)
        paths.write_text("".join(f"{a}&token={b}\n" for a, b in zip(rooms, tokens, strict=True)))
        options = {
            "paths": str(paths), "ready": '"subscribed"', "resume": "1", "sources": "1000",
            "min": str(TRADE_BYTES_AT_LEAST),
        }  # fmt: skip
        time.sleep(1)
        load = Load(server.port, CONNECTIONS, options)
        stack.callback(load.stop)
        held = hold(server, load)
        yield "connections_memory", held.kib_each, "KiB", GOAL_MEMORY_KIB
        yield "connections_accept_cpu", held.cpu_us_each, "us", 0
        yield "connections_connect_all", held.settled.seconds, "s", 0
        time.sleep(HEARTBEAT_S)
        status = load.status()
        yield "connections_alive_after_heartbeat", status.live, "", CONNECTIONS
        yield "connections_pinged", min(status.pings, CONNECTIONS), "", CONNECTIONS
        back, each = asyncio.run(storm(database_url, load))
        yield "connections_reconnect_all", back.seconds, "s", GOAL_RECONNECT_S
        yield "connections_statements_per_reconnect", each, "", GOAL_STATEMENTS


def run() -> Iterator[Figure]:
    """Against the goals, and where a peer can be asked the same, against it."""
    higher = ("connections_alive_after_heartbeat", "connections_pinged")
    values: dict[str, float] = {}
    with fresh_database(_LOGGED) as url:
        for name, value, unit, goal in ours(url):
            values[name] = value
            if goal:
                yield Figure(
                    name=name, value=value, unit=unit, peer="goal", peer_value=goal,
                    higher_is_better=name in higher,
                )  # fmt: skip
    for peer, start in (("node_ws", node_ws), ("fastapi_docs", fastapi_docs)):
        try:
            held = peer_held(start())
        except Unavailable as reason:
            print(f"connections: without {peer}: {reason}", file=sys.stderr)
            continue
        for name, unit, value in (
            ("connections_memory", "KiB", held.kib_each),
            ("connections_accept_cpu", "us", held.cpu_us_each),
            ("connections_connect_all", "s", held.settled.seconds),
        ):
            yield Figure(
                name=name, value=values[name], unit=unit, peer=peer, peer_value=value,
                higher_is_better=False,
            )  # fmt: skip
