"""`./run soak`: one hub for a while, clients that come and go, and whether it grows.

Memory and tasks are sampled once a second. Of the samples after the warm-up (by when the ring of
newest rows is full) a line is fitted: its slope, per hour, has a bound.
"""

from __future__ import annotations

import asyncio
import random
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import httpx2
import msgspec

from chaos.delivery import joined, start
from chaos.hubs import Hubs
from chaos.market import Market, spread
from chaos.subscriber import Subscriber
from chaos.system import Database
from common.errors import VerdictFailed

_TASKS = re.compile(r"^curvefeed_process_tasks (\S+)$", re.MULTILINE)
_MIB = 2**20
_TOKENS = 6
_TOLD_EVERY_S = 60.0


class SoakOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How long, how many, how fast; and what growth is too much, per hour."""

    minutes: float = 15.0
    warm_up_minutes: float = 5.0
    clients: int = 60
    churn_per_s: float = 2.0
    per_s: float = 100.0
    nats: bool = False
    most_mib_per_hour: float = 30.0
    most_tasks_per_hour: float = 20.0


class Sample(msgspec.Struct, frozen=True):
    """The hub's process at one moment; `at` in hours."""

    at: float
    rss_mib: float
    tasks: float


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Of the straight line that lies nearest (least squares), y per x; 0 for less than two."""
    if len(points) < 2:
        return 0.0
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread_x = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread_x if spread_x else 0.0


async def soak(options: SoakOptions, say: Callable[[str], None]) -> None:
    """Run it and say the slopes. Raises VerdictFailed where one is above its bound."""
    folder = Path(tempfile.mkdtemp(prefix="curvefeed-soak-"))
    database = Database(folder / "postgres")
    try:
        await database.start()
        url = await database.create("soak")
        hubs = Hubs(database, url, folder, count=1, nats=int(options.nats))
        async with hubs.running():
            samples = await _sampled(hubs, Market(url, _TOKENS), options, say)
    finally:
        await database.stop()
        shutil.rmtree(folder, ignore_errors=True)
    judge(samples, options, say)


def judge(samples: list[Sample], options: SoakOptions, say: Callable[[str], None]) -> None:
    """Say the slopes. Raises VerdictFailed."""
    memory = slope([(each.at, each.rss_mib) for each in samples])
    tasks = slope([(each.at, each.tasks) for each in samples])
    last = samples[-1]
    say(
        f"{len(samples)} samples after the warm-up: RSS {last.rss_mib:.1f} MiB at the end, "
        f"{memory:+.2f} MiB/h; tasks {last.tasks:.0f} at the end, {tasks:+.2f}/h"
    )
    if memory > options.most_mib_per_hour or tasks > options.most_tasks_per_hour:
        raise VerdictFailed(
            "the hub grows", mib_per_hour=round(memory, 2), tasks_per_hour=round(tasks, 2)
        )


async def _sampled(
    hubs: Hubs, market: Market, options: SoakOptions, say: Callable[[str], None]
) -> list[Sample]:
    rooms = spread(market.rooms, options.clients)
    clients = [Subscriber(hubs.urls, room) for room in rooms]
    samples: list[Sample] = []
    began = time.monotonic()
    told_at = began
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx2.AsyncClient())
        for client in clients:
            start(stack, client.run())
        await joined(clients)
        start(stack, market.run(options.per_s))
        start(stack, _churn(clients, options.churn_per_s))
        while (passed := time.monotonic() - began) < options.minutes * 60:
            await asyncio.sleep(1)
            for client in clients:
                client.events.clear()
            sample = await _sample(hubs, http, passed)
            if passed > options.warm_up_minutes * 60:
                samples.append(sample)
            if time.monotonic() - told_at > _TOLD_EVERY_S:
                told_at = time.monotonic()
                connects = sum(client.connects for client in clients)
                say(
                    f"{passed / 60:5.1f} min  RSS {sample.rss_mib:7.1f} MiB  tasks "
                    f"{sample.tasks:5.0f}  {market.number} events  {connects} connections"
                )
    return samples


async def _sample(hubs: Hubs, http: httpx2.AsyncClient, passed_s: float) -> Sample:
    found = _TASKS.search((await http.get(f"{hubs.bases[0]}/metrics")).text)
    tasks = float(found[1]) if found else 0.0
    return Sample(passed_s / 3600, hubs.hubs[0].rss_bytes / _MIB, tasks)


async def _churn(clients: Sequence[Subscriber], per_s: float) -> None:
    """One after the other loses its connection and is back at once, for ever."""
    chance = random.Random(1)  # noqa: S311 - who is next need not be a secret
    while True:
        await asyncio.sleep(1 / per_s)
        with suppress(OSError):
            await chance.choice(clients).drop(0)
