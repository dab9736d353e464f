"""`./run chaos --delivery`: what reaches the callbacks of resuming clients, while everything dies.

Numbered events go through the real feed to three hubs. Clients lose their connection again and
again for two seconds and return to another hub; hubs are killed and stopped, Postgres is restarted,
connections are cut, history gets another epoch, NATS and its relay are killed. In the end every
callback must have had every event of its room once, in order, but for those that a snapshot stands
for, and the client was told so.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from itertools import pairwise
from os import kill
from pathlib import Path
from typing import Literal

import msgspec

from chaos.hubs import Hubs, Market, Told, spread
from chaos.subscriber import Event, Hole, Subscriber
from chaos.system import Database, kill_for
from common.errors import VerdictFailed

Source = Literal["postgres", "nats"]
Say = Callable[[str], None]
_HUBS = 3
_TOKENS = 6
_PAUSE_S = 3.0
_CATCH_UP_S = 120.0


class DeliveryOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What to play. `time_scale` of outages: 2 s without a connection, 30 s stopped and so on."""

    sources: tuple[Source, ...] = ("postgres", "nats")
    clients: int = 48
    per_s: float = 200.0
    time_scale: float = 1.0
    rounds: int = 1


class Verdict(msgspec.Struct, kw_only=True):
    """Counts over all clients. `by_snapshot`: events that a client was told a snapshot stands for;
    `unexplained`: holes with another reason than those a client may be told.
    """

    clients: int = 0
    expected: int = 0
    delivered: int = 0
    by_snapshot: int = 0
    lost: int = 0
    duplicated: int = 0
    misordered: int = 0
    altered: int = 0
    unexplained: int = 0
    connects: int = 0
    gaps: int = 0
    reasons: Counter[str] = msgspec.field(default_factory=Counter)

    @property
    def is_right(self) -> bool:
        """Everything arrived, and nothing else."""
        wrong = self.lost + self.duplicated + self.misordered + self.altered + self.unexplained
        return not wrong and self.expected > 0

    def __str__(self) -> str:
        reasons = ", ".join(f"{count} {name}" for name, count in sorted(self.reasons.items()))
        share = 100 * (self.delivered / self.expected) if self.expected else 0.0
        return (
            f"{self.delivered} of {self.expected} delivered ({share:.3f} %), lost {self.lost}, "
            f"duplicated {self.duplicated}, misordered {self.misordered}, altered {self.altered}; "
            f"{self.by_snapshot} events by snapshot ({reasons or 'none'}); {self.clients} clients, "
            f"{self.connects} connections, {self.gaps} gaps seen"
        )


_REASONS = frozenset({"first", "epoch", "expired", "too_many", "ahead", "slow", "gap"})


def judge(verdict: Verdict, client: Subscriber, told: Sequence[Told], first: int) -> None:
    """Add what one client got to the counts. `told`: its room's events; `first`: before it came."""
    holes = client.holes
    wanted = [each for each in told if each.seq > first]
    data = {each.seq: each.data for each in wanted}
    covered = {each.seq for each in wanted if any(is_in(each.seq, hole) for hole in holes)}
    got = Counter(event.seq for event in client.events)
    verdict.clients += 1
    verdict.connects += client.connects
    verdict.gaps += client.gaps
    verdict.expected += len(wanted) - len(covered - got.keys())
    verdict.delivered += len(got.keys() & data.keys())
    verdict.by_snapshot += len(covered - got.keys())
    verdict.lost += len(data.keys() - got.keys() - covered)
    verdict.duplicated += sum(got.values()) - len(got)
    verdict.misordered += misordered(client.events)
    verdict.altered += sum(data.get(event.seq) != event.data for event in client.events)
    verdict.unexplained += sum(hole.reason not in _REASONS for hole in holes)
    verdict.reasons.update(hole.reason for hole in holes if hole.reason != "first")


def is_in(seq: int, hole: Hole) -> bool:
    """Does the snapshot stand for it?"""
    return hole.after < seq <= hole.to


def misordered(events: Sequence[Event]) -> int:
    """How often a callback got an older event after a newer one."""
    return sum(late.seq < early.seq for early, late in pairwise(events))


class Trial:
    """One source, from the first event to the verdict."""

    def __init__(self, source: Source, options: DeliveryOptions, say: Say) -> None:
        self._source = source
        self._options = options
        self._say = say

    async def run(self) -> Verdict:
        """Play it."""
        folder = Path(tempfile.mkdtemp(prefix="curvefeed-delivery-"))
        database = Database(folder / "postgres")
        try:
            await database.start()
            url = await database.create("delivery")
            hubs = Hubs(
                database, url, folder, count=_HUBS, nats=_HUBS if self._source == "nats" else 0
            )
            async with hubs.running():
                verdict = await self._play(hubs, Market(url, _TOKENS))
        finally:
            await database.stop()
        if verdict.is_right:
            shutil.rmtree(folder)
        else:
            shutil.rmtree(folder / "postgres", ignore_errors=True)
            self._say(f"logs: {folder}")
        return verdict

    async def _play(self, hubs: Hubs, market: Market) -> Verdict:
        rooms = spread(market.rooms, self._options.clients)
        clients = [Subscriber(hubs.urls, room, number) for number, room in enumerate(rooms)]
        async with AsyncExitStack() as stack:
            for client in clients:
                start(stack, client.run())
            await joined(clients)
            first = {id(client): client.position or 0 for client in clients}
            publishing = start(stack, market.run(self._options.per_s))
            dropping = [
                start(stack, self._drop_on(client, at)) for at, client in enumerate(clients)
            ]
            await self._faults(hubs)
            for task in dropping:
                task.cancel()
            publishing.cancel()
            await asyncio.gather(publishing, *dropping, return_exceptions=True)
            told = await market.told()
            await caught_up(clients, told)
        verdict = Verdict()
        for client in clients:
            judge(verdict, client, told[client.room], first[id(client)])
        return verdict

    async def _drop_on(self, client: Subscriber, at: int) -> None:
        """Two seconds without a connection, again and again."""
        away_s = 2 * self._options.time_scale
        await asyncio.sleep(away_s * 3 * (at / self._options.clients))
        while True:
            await client.drop(away_s)
            await asyncio.sleep(away_s * 2)

    async def _faults(self, hubs: Hubs) -> None:
        scale = self._options.time_scale
        faults: dict[str, Callable[[], Awaitable[None]]] = {
            "nothing but drops": lambda: asyncio.sleep(10 * scale),
            "kill -9 of a hub": lambda: kill_for(hubs.hubs[0], 3 * scale),
            "listeners cut": lambda: hubs.execute(_CUT_LISTENERS),
            "kill -9 of Postgres": lambda: hubs.database.kill(3 * scale),
            "a hub stopped": lambda: stopped_for(hubs.hubs[1].pid, 30 * scale),
            "another epoch": lambda: hubs.execute("UPDATE feed_head SET epoch = md5(epoch)"),
        }
        if hubs.nats is not None:
            faults |= {
                "kill -9 of NATS": lambda: nats_for(hubs, 5 * scale),
                "kill -9 of the relays": lambda: relays_for(hubs, 5 * scale),
            }
        for _ in range(self._options.rounds):
            for name, strike in faults.items():
                self._say(f"  {self._source}: {name}")
                await strike()
                await asyncio.sleep(max(0.5, _PAUSE_S * scale))


_CUT_LISTENERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE query ~ 'LISTEN' AND pid <> pg_backend_pid() AND datname = current_database()"
)


def start(stack: AsyncExitStack, work: Awaitable[None]) -> asyncio.Task[None]:
    """A task that is over when the stack is."""
    task = asyncio.ensure_future(work)

    async def end() -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    stack.push_async_callback(end)
    assert isinstance(task, asyncio.Task)  # noqa: S101 - of a coroutine it is one
    return task


async def stopped_for(pid: int, seconds: float) -> None:
    """SIGSTOP, and later SIGCONT."""
    kill(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        kill(pid, signal.SIGCONT)


async def nats_for(hubs: Hubs, down_s: float) -> None:
    """kill -9 of nats-server, and its return."""
    if hubs.nats is not None:
        await asyncio.to_thread(hubs.nats.kill)
        await asyncio.sleep(down_s)
        await asyncio.to_thread(hubs.nats.start)


async def relays_for(hubs: Hubs, down_s: float) -> None:
    """kill -9 of both relays, one after the other, and their return."""
    for relay in hubs.relays:
        await relay.kill()
        await asyncio.sleep(down_s)
    for relay in hubs.relays:
        await relay.start()


async def joined(clients: Sequence[Subscriber]) -> None:
    """Until every client stands somewhere."""
    async with asyncio.timeout(_CATCH_UP_S):
        for client in clients:
            while client.position is None:
                client.changed.clear()
                await client.changed.wait()


async def caught_up(clients: Sequence[Subscriber], told: dict[str, list[Told]]) -> None:
    """Until every client has its room's last event, or there is no hope."""
    try:
        async with asyncio.timeout(_CATCH_UP_S):
            for client in clients:
                last = told[client.room][-1].seq if told[client.room] else 0
                while (client.position or 0) < last:
                    client.changed.clear()
                    await client.changed.wait()
    except TimeoutError:
        return  # the verdict says what is missing


async def delivery(options: DeliveryOptions, say: Say) -> None:
    """Play every source. Raises VerdictFailed if anything was lost, doubled or out of order."""
    wrong: list[str] = []
    for source in options.sources:
        verdict = await Trial(source, options, say).run()
        say(f"{'ok   ' if verdict.is_right else 'WRONG'} {source}: {verdict}")
        wrong += [] if verdict.is_right else [source]
    if wrong:
        raise VerdictFailed("not everything was delivered once and in order", of=",".join(wrong))
