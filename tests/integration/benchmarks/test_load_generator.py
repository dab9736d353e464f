"""The load generator against the C server: what it says has arrived did arrive."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.fanout_peers.peers import Started, c_coalesced, c_write
from benchmarks.fanout_peers.processes import Load
from benchmarks.fanout_peers.rooms import draw

CLIENTS = 20


@pytest.fixture(params=[c_write, c_coalesced], ids=["write", "coalesced"])
def started(request: pytest.FixtureRequest) -> Iterator[Started]:
    """A C server that listens."""
    found: Started = request.param()
    try:
        found.server.wait()
        yield found
    finally:
        found.server.stop()


@pytest.fixture
def load(started: Started, tmp_path: Path) -> Iterator[Load]:
    """CLIENTS clients of its one room."""
    paths, message = tmp_path / "paths", tmp_path / "message"
    paths.write_text(started.path + "\n")
    message.write_bytes(started.message)
    options = {**started.options, "paths": str(paths), "message": str(message)}
    load = Load(started.server.port, CLIENTS, options)
    yield load
    load.stop()


@pytest.mark.parametrize("burst", [1, 16])
def test_everybody_gets_everything(load: Load, burst: int) -> None:
    """Every message published arrives at every client, and its latency is known."""
    assert load.settled().live == CLIENTS
    run = load.run(burst, 0.05)
    assert run.published >= burst
    assert run.published % burst == 0
    assert run.delivered == run.expected == run.published * CLIENTS
    assert 0 < run.p50_ms <= run.p99_ms <= run.max_ms


def test_a_rate_is_kept(load: Load) -> None:
    """At a given rate as many messages are published as it says, saturated or not."""
    load.settled()
    run = load.run(1, 0.5, 100)
    assert 45 <= run.published <= 51
    assert run.delivered == run.expected


def test_the_dropped_come_back(load: Load) -> None:
    """Cut connections are made again, and then get everything again."""
    load.settled()
    assert load.drop(CLIENTS // 2).live == CLIENTS
    run = load.run(4, 0.05)
    assert run.delivered == run.published * CLIENTS
    assert load.status().dead == 0


def test_rooms_get_their_own(started: Started, tmp_path: Path) -> None:
    """With rooms, every message arrives at its room's members alone."""
    drawn = draw(CLIENTS, rooms_each=3)
    paths, messages = tmp_path / "paths", tmp_path / "messages"
    drawn.write_for_server(paths, messages)
    options = {"paths": str(paths), "messages": str(messages), "pub_path": "/pub/rooms"}
    load = Load(started.server.port, CLIENTS, options)
    try:
        load.settled()
        run = load.run(16, 0.05)
    finally:
        load.stop()
    assert run.delivered == run.expected < run.published * CLIENTS
