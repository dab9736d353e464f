"""`./run chaos --delivery`: what reaches the callbacks of resuming clients, while everything dies.

Trades go through the real feed to three hubs. Clients lose their connection again and again for two
seconds and return to another hub; hubs are killed and stopped, Postgres is restarted, connections
are cut, history gets another epoch, NATS and its relay are killed (chaos.strikes): one after the
other, or each in a phase of its own. In the end every callback must have had every event of its
room once, in order, but for those that a snapshot stands for, of which the client was told; and the
snapshot must be what was at its position.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from itertools import pairwise
from pathlib import Path
from typing import Literal

import msgspec

from chaos.hubs import Hubs
from chaos.market import History, Market, spread
from chaos.snapshots import faults, is_needed
from chaos.strikes import DROPS, OF_NATS, STRIKES
from chaos.subscriber import Event, Hole, Subscriber
from chaos.system import Database
from common.errors import SettingsError, VerdictFailed

Source = Literal["postgres", "nats"]
Say = Callable[[str], None]
_HUBS = 3
_TOKENS = 6
_PAUSE_S = 3.0
_CATCH_UP_S = 120.0
_EXAMPLES = 5


class DeliveryOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What to play. `time_scale` of outages: 2 s without a connection, 30 s stopped and so on.

    `only`: these faults; empty: all. `is_apart`: each in a phase of its own, else one phase with
    all of them; there clients lose their connections all the time.
    """

    sources: tuple[Source, ...] = ("postgres", "nats")
    clients: int = 48
    per_s: float = 200.0
    time_scale: float = 1.0
    only: tuple[str, ...] = ()
    is_apart: bool = False

    def phases(self, source: Source) -> list[tuple[str, ...]]:
        """The names of faults in each phase. Raises SettingsError for one that is none."""
        if unknown := sorted(set(self.only) - STRIKES.keys()):
            raise SettingsError(
                "no such fault", hint=f"There are {', '.join(STRIKES)}", named=",".join(unknown)
            )
        names = [name for name in STRIKES if name in self.only or not self.only]
        names = [name for name in names if source == "nats" or name not in OF_NATS]
        return [(name,) for name in names] if self.is_apart else [tuple(names)]


class Verdict(msgspec.Struct, kw_only=True):
    """Counts over all clients. `by_snapshot`: events that a client was told a snapshot stands for,
    for one of the protocol's reasons, or the hole is `unexplained`, also where `too_many` is not
    true. `untrue`: snapshots that are not what was at their position, with `examples`.
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
    snapshots: int = 0
    untrue: int = 0
    connects: int = 0
    gaps: int = 0
    reasons: Counter[str] = msgspec.field(default_factory=Counter)
    examples: list[str] = []

    @property
    def is_right(self) -> bool:
        """Everything arrived, and nothing else."""
        wrong = self.lost + self.duplicated + self.misordered + self.altered
        return not wrong + self.unexplained + self.untrue and self.expected > 0

    def __str__(self) -> str:
        reasons = ", ".join(f"{count} {name}" for name, count in sorted(self.reasons.items()))
        share = 100 * (self.delivered / self.expected) if self.expected else 0.0
        return (
            f"{self.delivered} of {self.expected} delivered ({share:.3f} %), lost {self.lost}, "
            f"duplicated {self.duplicated}, misordered {self.misordered}, altered {self.altered}; "
            f"{self.by_snapshot} events by snapshot ({reasons or 'none'}), unexplained "
            f"{self.unexplained}; {self.snapshots} snapshots compared, untrue {self.untrue}; "
            f"{self.clients} clients, {self.connects} connections, {self.gaps} gaps seen"
            + "".join(f"\n      {each}" for each in self.examples[:_EXAMPLES])
        )


_REASONS = frozenset({"first", "epoch", "expired", "too_many", "ahead", "slow", "gap"})


def judge(verdict: Verdict, client: Subscriber, history: History, first: int) -> None:
    """Add what one client got to the counts. `first`: its position before it got anything."""
    told, holes = history.rooms[client.room], client.holes
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
    verdict.unexplained += sum(
        hole.reason not in _REASONS or not is_needed(hole, client.room, history) for hole in holes
    )
    verdict.reasons.update(hole.reason for hole in holes if hole.reason != "first")
    for hole in holes:
        if hole.data:
            found = list(faults(hole, client.room, history))
            verdict.snapshots += 1
            verdict.untrue += bool(found)
            verdict.examples += [f"{client.room} at {hole.to}: {each}" for each in found[:1]]


def is_in(seq: int, hole: Hole) -> bool:
    """Does the snapshot stand for it?"""
    return hole.after < seq <= hole.to


def misordered(events: Sequence[Event]) -> int:
    """How often a callback got an older event after a newer one."""
    return sum(late.seq < early.seq for early, late in pairwise(events))


class Trial:
    """One source, from the first event to the verdicts."""

    def __init__(self, source: Source, options: DeliveryOptions, say: Say) -> None:
        self._source: Source = source
        self._options = options
        self._say = say

    async def run(self) -> list[Verdict]:
        """Play it; a verdict for each phase."""
        phases = self._options.phases(self._source)
        folder = Path(tempfile.mkdtemp(prefix="curvefeed-delivery-"))
        database = Database(folder / "postgres")
        verdicts: list[Verdict] = []
        try:
            await database.start()
            url = await database.create("delivery")
            hubs = Hubs(
                database, url, folder, count=_HUBS, nats=_HUBS if self._source == "nats" else 0
            )
            async with hubs.running():
                market = Market(url, _TOKENS)
                for names in phases:
                    verdicts.append(await self._play(hubs, market, names))
                    self._tell(names, verdicts[-1])
        finally:
            await database.stop()
        if all(verdict.is_right for verdict in verdicts):
            shutil.rmtree(folder)
        else:
            shutil.rmtree(folder / "postgres", ignore_errors=True)
            self._say(f"logs: {folder}")
        return verdicts

    def _tell(self, names: Sequence[str], verdict: Verdict) -> None:
        what = names[0] if len(names) == 1 else f"{len(names)} faults"
        self._say(f"{'ok   ' if verdict.is_right else 'WRONG'} {self._source}, {what}: {verdict}")

    async def _play(self, hubs: Hubs, market: Market, names: Sequence[str]) -> Verdict:
        rooms = spread(market.rooms, self._options.clients)
        clients = [
            Subscriber(hubs.urls, room, number, keeps_snapshots=True)
            for number, room in enumerate(rooms)
        ]
        async with AsyncExitStack() as stack:
            for client in clients:
                start(stack, client.run())
            await joined(clients)
            first = {id(client): client.position or 0 for client in clients}
            trading = start(stack, market.run(self._options.per_s))
            dropping = [
                start(stack, self._drop_on(client, at))
                for at, client in enumerate(clients)
                if DROPS in names
            ]
            await self._strike(hubs, names)
            for task in (trading, *dropping):
                task.cancel()
            await asyncio.gather(trading, *dropping, return_exceptions=True)
            history = await market.told()
            await caught_up(clients, history)
        verdict = Verdict()
        for client in clients:
            judge(verdict, client, history, first[id(client)])
        return verdict

    async def _drop_on(self, client: Subscriber, at: int) -> None:
        """Two seconds without a connection, again and again."""
        away_s = 2 * self._options.time_scale
        await asyncio.sleep(away_s * 3 * (at / self._options.clients))
        while True:
            await client.drop(away_s)
            await asyncio.sleep(away_s * 2)

    async def _strike(self, hubs: Hubs, names: Sequence[str]) -> None:
        pause_s = max(0.5, _PAUSE_S * self._options.time_scale)
        for name in names:
            await asyncio.sleep(pause_s)
            await STRIKES[name](hubs, self._options.time_scale)
            await asyncio.sleep(pause_s)


def start(stack: AsyncExitStack, work: Awaitable[None]) -> asyncio.Task[None]:
    """A task that is over when the stack is."""
    task = asyncio.ensure_future(work)

    async def end() -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    stack.push_async_callback(end)
    assert isinstance(task, asyncio.Task)  # noqa: S101 - of a coroutine it is one
    return task


async def joined(clients: Sequence[Subscriber]) -> None:
    """Until every client stands somewhere."""
    async with asyncio.timeout(_CATCH_UP_S):
        for client in clients:
            while client.position is None:
                client.changed.clear()
                await client.changed.wait()


async def caught_up(clients: Sequence[Subscriber], history: History) -> None:
    """Until every client has its room's last event, or there is no hope."""
    try:
        async with asyncio.timeout(_CATCH_UP_S):
            for client in clients:
                told = history.rooms[client.room]
                last = told[-1].seq if told else 0
                while (client.position or 0) < last:
                    client.changed.clear()
                    await client.changed.wait()
    except TimeoutError:
        return  # the verdict says what is missing


async def delivery(options: DeliveryOptions, say: Say) -> None:
    """Play every source. Raises VerdictFailed if anything was lost, doubled or out of order, or a
    snapshot untrue.
    """
    verdicts = [
        verdict for source in options.sources for verdict in await Trial(source, options, say).run()
    ]
    wrong = sum(not verdict.is_right for verdict in verdicts)
    if wrong:
        raise VerdictFailed(
            "not everything was delivered once and in order", phases=len(verdicts), wrong=wrong
        )
