"""One room, everybody in it: delivered frames per second and core, side by side with peers.

Every server runs on one core, the load generator (C) on another. A round publishes one message
("single") or 16 at once ("burst16"), and the next begins when every client has all of the last.
The value is what arrived, divided by the CPU time the server's process took for it: what else runs
on this machine then counts for little (except for socketify, which spins while it waits: on a busy
machine its figure is too low). Rounds of all servers take turns, medians are compared.

Ours is the API as `./run serve` starts it; rows enter between follower and hub, as the peers have
no database either. `rooms5` is the same for clients in 5 of 200 rooms each, few of them busy.
`commit_to_client` is the whole way, with Postgres on the same cores.
BENCH_QUICK=1 leaves out 1,000 and 5,000 connections in one room.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import msgspec

from benchmarks.fanout_peers.committed import commit_to_client
from benchmarks.fanout_peers.database import fresh_database
from benchmarks.fanout_peers.peers import PEERS, Started, hub
from benchmarks.fanout_peers.processes import Load
from benchmarks.fanout_peers.rooms import draw
from benchmarks.fanout_peers.tools import Unavailable
from benchmarks.figure import Figure

OURS = "curvefeed"
SIZES = (200, 1_000, 5_000)
BURSTS = {"single": 1, "burst16": 16}
ROUND_S, WARM_S = 0.3, 0.05
REPETITIONS = 5
SLOW = {"python_socketio": 1}
"""Repetitions of who takes seconds for one burst; they are not warmed up either."""
ROOMS_SIZE, ROOMS_EACH = 1_000, 5
ROOMS_PEERS = ("c_write", "c_coalesced")
LATENCY_SIZE = 1_000
LATENCY_RATE = 1_000
LATENCY_PEERS = ("c_coalesced", "nats_ws")

Samples = dict[str, list[float]]
"""Server → one value per repetition."""


class Measured(msgspec.Struct, frozen=True):
    """One server with its clients connected."""

    name: str
    started: Started
    load: Load

    def frames_per_core_s(self, burst: int, seconds: float) -> float:
        """Delivered frames per second of the server's CPU time. Raises Unavailable if one is
        lost."""
        before = self.started.server.cpu_s()
        run = self.load.run(burst, seconds)
        used = self.started.server.cpu_s() - before
        if run.delivered != run.expected:
            raise Unavailable(f"{self.name}: {run.delivered} of {run.expected} frames arrived")
        return run.delivered / used


def leave_out(name: str, reason: Unavailable) -> None:
    """Say why a peer isn't measured. Raises the reason if it is us."""
    if name == OURS:
        raise reason
    print(f"fanout: without {name}: {reason}", file=sys.stderr)


def started(
    stack: ExitStack, database_url: str, peers: Mapping[str, Callable[[], Started]]
) -> dict[str, Started]:
    """Us and every peer that can run here."""
    servers: dict[str, Started] = {}
    for name, start in {OURS: lambda: hub(database_url), **peers}.items():
        try:
            servers[name] = start()
            stack.callback(servers[name].server.stop)
        except Unavailable as reason:
            leave_out(name, reason)
    for name, each in list(servers.items()):
        try:
            each.server.wait()
        except Unavailable as reason:
            leave_out(name, reason)
            del servers[name]
    return servers


def connected(
    stack: ExitStack, servers: Mapping[str, Started], size: int, folder: Path
) -> list[Measured]:
    """`size` clients of every server."""
    measured: list[Measured] = []
    for name, each in servers.items():
        paths, message = folder / f"{name}.paths", folder / f"{name}.message"
        paths.write_text(each.path + "\n")
        message.write_bytes(each.message)
        options = {**each.options, "paths": str(paths), "message": str(message)}
        measured += attached(stack, name, each, size, options)
    return measured


def attached(
    stack: ExitStack, name: str, server: Started, size: int, options: Mapping[str, str]
) -> list[Measured]:
    """The server with its clients; nothing if they can't connect."""
    load = Load(server.server.port, size, options)
    stack.callback(load.stop)
    try:
        load.settled()
    except Unavailable as reason:
        leave_out(name, reason)
        return []
    return [Measured(name, server, load)]


def connected_to_rooms(
    stack: ExitStack, servers: Mapping[str, Started], folder: Path
) -> list[Measured]:
    """ROOMS_SIZE clients in ROOMS_EACH rooms each, of us and of the C servers."""
    drawn = draw(ROOMS_SIZE, ROOMS_EACH)
    measured: list[Measured] = []
    for name, each in servers.items():
        paths, messages = folder / f"{name}.rooms", folder / f"{name}.messages"
        files = {"paths": str(paths), "messages": str(messages)}
        if name == OURS:
            drawn.write_for_hub(paths, messages)
            options = {**each.options, **files, "readies": str(ROOMS_EACH)}
        else:
            drawn.write_for_server(paths, messages)
            options = {**files, "pub_path": "/pub/rooms"}
        measured += attached(stack, name, each, ROOMS_SIZE, options)
    return measured


def throughput(measured: list[Measured], burst: int) -> Samples:
    """Every server's samples; they take turns. Who loses a frame or a client is left out."""
    samples: Samples = {each.name: [] for each in measured}
    for repetition in range(-1, REPETITIONS):  # -1: to warm up
        for each in measured:
            is_due = repetition < SLOW.get(each.name, REPETITIONS)
            if each.name not in samples or not is_due or (repetition < 0 and each.name in SLOW):
                continue
            try:
                value = each.frames_per_core_s(burst, ROUND_S if repetition >= 0 else WARM_S)
            except Unavailable as reason:
                leave_out(each.name, reason)
                del samples[each.name]
            else:
                samples[each.name] += [value] if repetition >= 0 else []
    return samples


def latency_p99_ms(measured: list[Measured]) -> Samples:
    """p99 from publishing to arrival at LATENCY_RATE messages a second."""
    taking_part = [each for each in measured if each.name in (OURS, *LATENCY_PEERS)]
    samples: Samples = {each.name: [] for each in taking_part}
    for _ in range(3):
        for each in taking_part:
            samples[each.name].append(each.load.run(1, 1.5, LATENCY_RATE).p99_ms)
    return samples


def figures(
    name: str, unit: str, samples: Samples, *, higher_is_better: bool = True
) -> Iterator[Figure]:
    """Our median against every peer's."""
    medians = {server: statistics.median(values) for server, values in samples.items()}
    for peer, value in medians.items():
        if peer != OURS:
            yield Figure(
                name=name,
                value=medians[OURS],
                unit=unit,
                peer=peer,
                peer_value=value,
                higher_is_better=higher_is_better,
            )


def fan_out(database_url: str, sizes: tuple[int, ...]) -> Iterator[Figure]:
    """Throughput of every size and burst, and latency at a million deliveries a second."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        servers = started(stack, database_url, PEERS)
        for size in sizes:
            with ExitStack() as clients:
                measured = connected(clients, servers, size, folder)
                for kind, burst in BURSTS.items():
                    samples = throughput(measured, burst)
                    yield from figures(f"fanout_{kind}_{size}", "frames/s/core", samples)
                if size == LATENCY_SIZE:
                    samples = latency_p99_ms(measured)
                    yield from figures(f"fanout_p99_{size}", "ms", samples, higher_is_better=False)


def fan_out_to_rooms(database_url: str) -> Iterator[Figure]:
    """The same with clients in several rooms each; a fresh hub, whose feed agrees with Postgres
    about what rooms nobody was in yet have seen."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        chosen = {name: PEERS[name] for name in ROOMS_PEERS}
        measured = connected_to_rooms(stack, started(stack, database_url, chosen), folder)
        for kind, burst in BURSTS.items():
            name = f"fanout_rooms{ROOMS_EACH}_{kind}_{ROOMS_SIZE}"
            yield from figures(name, "frames/s/core", throughput(measured, burst))


def run() -> Iterator[Figure]:
    """Fan-out against the peers, then the way from commit to client against the goals."""
    is_quick = os.environ.get("BENCH_QUICK", "") not in ("", "0")
    with fresh_database() as url:
        yield from fan_out(url, SIZES[:1] if is_quick else SIZES)
        yield from fan_out_to_rooms(url)
        yield from commit_to_client(url)
