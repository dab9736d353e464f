"""`./run chaos --mixed`: every fault of the chain's side and of the hubs' side in one run, under
load, with many clients. In the end the database has to be what the chain's ledger says, so has what
every client's callback got; memory must not grow, and alerts must have fired and cleared.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import asyncpg
import msgspec
import psutil

from chaos.acts import Scheduled, schedule, storm, windows_of
from chaos.alerts import Prometheus
from chaos.crowd import CrowdProcess, Finish, Join, Move
from chaos.delivery import start
from chaos.history import History, Recorder, read_history, recorded
from chaos.hubs import Hubs
from chaos.memory import Memory
from chaos.plan import Plan, Strike
from chaos.processes import Command, traders_at
from chaos.proxy import Proxy
from chaos.report import MixedVerdict, report
from chaos.scenario import cancelled, env_of
from chaos.strikes import stopped_for
from chaos.system import Database, free_port, kill_for
from chaos.unpacked import unpack
from common.errors import GiveUp, VerdictFailed
from localnet.node import Localnet, NodeOptions

_KEPT_TRANSACTIONS = 1_000_000
_ENDPOINTS = 2
_STORM_SCALE = 0.25
_WARM_EVENTS = 200
_WARM_S = 120.0
_SETTLE_S = 240.0
_CLEAR_S = 900.0
_SAMPLE_S = 5.0
_MOVE_EVERY_S = 20.0
_MOVE_SHARE = 50
_DROPS_PER_S, _AWAY_S = 2.0, 2.0
_FORK_EVERY_S = 15.0
_SLOT_MS, _CONFIRM_AFTER, _FINALIZE_AFTER = 400, 2, 32
_USERS_SHARE = 4
"""One client in so many is in a wallet's room, the others in tokens' rooms."""
_CUT_LISTENERS = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE query ILIKE 'LISTEN%' AND pid <> pg_backend_pid()"""
Say = Callable[[str], None]


class MixedOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How long, how fast, for how many."""

    minutes: float = 30.0
    trades_per_second: float = 200.0
    clients: int = 500
    hubs: int = 2
    nats: bool = False
    seed: int = 1
    most_mib_per_hour: float = 60.0


async def mixed(options: MixedOptions, say: Say) -> None:
    """Run it; the last line is JSON. Raises VerdictFailed if anything is not as it should be."""
    home = Path(tempfile.mkdtemp(prefix="curvefeed-mixed-"))
    database = Database(home / "postgres")
    await database.start()
    try:
        url = await database.create("mixed")
        verdict = await _Run(options, database, url, home, say).run()
    finally:
        await database.stop()
        shutil.rmtree(home / "postgres", ignore_errors=True)
    for line in report(verdict):
        say(line)
    say(msgspec.json.encode(verdict).decode())
    if verdict.wrong:
        raise VerdictFailed("; ".join(verdict.wrong), logs=home)
    shutil.rmtree(home, ignore_errors=True)


class _Run:
    """One of them."""

    def __init__(
        self, options: MixedOptions, database: Database, url: str, home: Path, say: Say
    ) -> None:
        self._options, self._database, self._url = options, database, url
        self._home, self._say = home, say
        self._acts = schedule(options.minutes)
        self._storms = storm(self._acts[0], options.seed, _STORM_SCALE)
        self._plan = self._planned()
        self._chance = random.Random(f"mixed {options.seed}")  # noqa: S311 - reproducible
        self._struck = Counter[str]()
        self._memory = Memory()
        self._net = Localnet(
            port=0, slot_ms=_SLOT_MS, confirm_after=_CONFIRM_AFTER, finalize_after=_FINALIZE_AFTER,
            options=NodeOptions(keep_transactions=_KEPT_TRANSACTIONS),
        )  # fmt: skip
        self._recorder = Recorder()
        self._net.chain.listeners.append(self._recorder)
        self._hubs = Hubs(
            database, url, home, count=options.hubs, nats=options.hubs if options.nats else 0
        )
        self._indexers: list[Command] = []
        self._crowd = CrowdProcess(home / "crowd.log", {"PATH": "/usr/bin:/bin"})
        self._began = self._began_at = 0.0
        self._is_over = asyncio.Event()

    def _planned(self) -> Plan:
        return Plan(
            seed=self._options.seed, commitment="confirmed", slot_ms=_SLOT_MS,
            confirm_after=_CONFIRM_AFTER, finalize_after=_FINALIZE_AFTER, endpoints=_ENDPOINTS,
            trades_per_second=self._options.trades_per_second, phase_s=self._acts[-1].end_s,
            windows=windows_of(self._acts, self._storms), strikes=(),
        )  # fmt: skip

    # ---- the run

    async def run(self) -> MixedVerdict:
        """All of it."""
        options = self._options
        async with AsyncExitStack() as stack:
            net = await stack.enter_async_context(self._net)
            proxies = [
                await stack.enter_async_context(Proxy(net.rpc_url, net.ws_url, self._plan, number))
                for number in range(_ENDPOINTS)
            ]
            await stack.enter_async_context(self._hubs.running())
            for command in self._hubs.hubs:
                start(stack, command.supervise())
            prometheus = await self._processes(stack, proxies)
            traders = traders_at(net.rpc_url, options.trades_per_second, options.seed, self._home)
            await traders.start()
            stack.push_async_callback(traders.kill)
            await self._joined(stack)
            beside = [start(stack, self._watched()), start(stack, self._moved())]
            await self._played(proxies)
            seconds = time.monotonic() - self._began
            self._is_over.set()
            await beside[1]  # not cancelled: an answer of the clients would stay unread
            await traders.kill()
            self._say(f"{seconds:7.1f} s  over; {self._recorder.count} events on the chain")
            history = await self._settled()
            await cancelled(beside[0])
            verdict = await self._judged(history, proxies, seconds)
            if prometheus is not None:
                await self._cleared(prometheus, verdict)
            return verdict

    async def _processes(self, stack: AsyncExitStack, proxies: list[Proxy]) -> Prometheus | None:
        """Both indexers, and Prometheus where there is one."""
        ports = [free_port(), free_port()]
        env = env_of(self._plan, self._url, *proxies) | {"INDEXER_STALL_SECONDS": "8"}
        for number, port in enumerate(ports, 1):
            command = Command(
                "index", env={**env, "METRICS_PORT": str(port)},
                log=self._home / f"index-{number}.log",
            )  # fmt: skip
            self._indexers.append(command)
            await command.start()
            stack.push_async_callback(command.kill)
            start(stack, command.supervise())
        if reason := await asyncio.to_thread(unpack, "prometheus", "prometheus"):
            self._say(f"NO ALERTS ARE LOOKED AT, there is no prometheus: {reason}")
            return None
        prometheus = Prometheus(
            self._home / "prometheus",
            {
                "curvefeed-indexer": [f"127.0.0.1:{port}" for port in ports],
                "curvefeed-api": [base.removeprefix("http://") for base in self._hubs.bases],
            },
        )
        await prometheus.start()
        stack.callback(prometheus.stop)
        return prometheus

    async def _joined(self, stack: AsyncExitStack) -> None:
        """Trades come through, and every client stands in its room."""
        deadline = time.monotonic() + _WARM_S
        while self._recorder.count < _WARM_EVENTS or not await self._stored():
            if time.monotonic() > deadline:
                raise GiveUp("nothing comes through even without faults", logs=self._home)
            await asyncio.sleep(0.5)
        await self._crowd.start()
        stack.push_async_callback(self._crowd.end)
        users = self._options.clients // _USERS_SHARE
        tokens = self._options.clients - users
        mints, wallets = self._recorder.mints(), self._recorder.wallets()
        rooms = [f"token_{mints[number % len(mints)]}" for number in range(tokens)]
        rooms += [f"user_{wallets[number % len(wallets)]}" for number in range(users)]
        order = Join(self._hubs.urls, rooms, self._options.seed, _DROPS_PER_S, _AWAY_S)
        async with asyncio.timeout(_WARM_S):
            told = await self._crowd.order(order)
        self._say(
            f"{told.clients} clients in {len(set(rooms))} rooms of {len(self._hubs.urls)} hubs"
        )

    async def _stored(self) -> int:
        connection = await asyncpg.connect(self._url)
        try:
            return int(await connection.fetchval("SELECT count(*) FROM trade_rows"))
        finally:
            await connection.close()

    async def _moved(self) -> None:
        """Some clients go where trading is now: tokens die."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._is_over.wait(), _MOVE_EVERY_S)
                return
            count = max(1, self._options.clients // _MOVE_SHARE)
            mints = self._recorder.mints()[-count:]
            await self._crowd.order(Move([f"token_{mint}" for mint in mints]))

    async def _watched(self) -> None:
        """Memory, and a line each minute."""
        said = time.monotonic()
        while True:
            for number, command in enumerate(self._indexers, 1):
                self._memory.take(f"indexer {number}", command.pid)
            for number, command in enumerate(self._hubs.hubs, 1):
                self._memory.take(f"hub {number}", command.pid)
            self._memory.take("clients", self._crowd.pid)
            self._memory.take("chain and harness", psutil.Process().pid)
            if (postmaster := self._database.pid) is not None:
                await asyncio.to_thread(
                    self._memory.take, "postgres", postmaster, with_children=True
                )
            if time.monotonic() - said >= 60:
                said = time.monotonic()
                self._say(f"{said - self._began:7.1f} s  {self._recorder.count} events")
            await asyncio.sleep(_SAMPLE_S)

    # ---- faults

    async def _played(self, proxies: list[Proxy]) -> None:
        for proxy in proxies:
            proxy.begin()
        self._began, self._began_at = time.monotonic(), time.time()
        async with asyncio.TaskGroup() as tasks:
            forks = tasks.create_task(self._forks())
            for one in self._acts:
                tasks.create_task(self._act(one))
            await asyncio.sleep(self._acts[-1].end_s)
            forks.cancel()

    async def _act(self, one: Scheduled) -> None:
        await self._until(one.start_s)
        self._say(f"{one.start_s:7.1f} s  {one.act.name}, {one.end_s - one.start_s:.0f} s")
        self._struck[one.act.name] += 1
        left_s = one.end_s - one.start_s
        hub = self._hubs.hubs[0]
        if one.act.name == "everything at once":
            await self._storm(one)
        elif one.act.name == "no indexer":
            await asyncio.gather(*(kill_for(each, left_s) for each in self._indexers))
        elif one.act.name == "hub killed":
            await kill_for(hub, left_s)
        elif one.act.name == "hub stopped":
            for _ in range(2):
                await self._stop(self._hubs.hubs[-1], left_s * 0.4)
                await asyncio.sleep(left_s * 0.1)
        elif one.act.name == "postgres killed":
            for share in (0.2, 0.05):
                await self._kill_postgres(left_s * share)
                await asyncio.sleep(left_s * 0.3)
        elif one.act.name == "listeners cut":
            await self._until_end(one, self._cut_listeners, 4)
        elif one.act.name == "hubs at once":
            await self._hub_storm(one)

    async def _until(self, at_s: float) -> None:
        await asyncio.sleep(self._began + at_s - time.monotonic())

    async def _storm(self, one: Scheduled) -> None:
        """The strikes of seeded scenarios, and those of hubs and of the node among them."""
        async with asyncio.TaskGroup() as tasks:
            for plan in self._storms:
                for strike in plan.strikes:
                    tasks.create_task(self._strike(strike))
            tasks.create_task(self._hub_storm(one))
            tasks.create_task(self._until_end(one, self._restart_node, 45))

    async def _strike(self, strike: Strike) -> None:
        if strike.fault in ("clock", "standby", "kill_api"):  # without a library; always; as hub
            return
        await self._until(strike.at_s)
        self._struck[strike.fault] += 1
        if strike.fault in ("fork", "deep_fork"):
            self._fork(strike.depth, is_deep=strike.fault == "deep_fork", replay=strike.is_replayed)
        elif strike.fault == "kill_postgres":
            await self._database.kill(strike.down_s)
        else:
            indexer = self._chance.choice(self._indexers)
            if indexer.is_running:
                await kill_for(indexer, strike.down_s)

    async def _hub_storm(self, one: Scheduled) -> None:
        """Something befalls a hub every few seconds."""
        while time.monotonic() - self._began < one.end_s - 6:
            hub = self._chance.choice(self._hubs.hubs)
            what = self._chance.choice(("kill", "stop", "cut", "postgres", "cut"))
            down_s = self._chance.uniform(1, 5)
            if what == "kill":
                self._struck["kill -9 of a hub"] += 1
                await kill_for(hub, down_s)
            elif what == "stop":
                await self._stop(hub, down_s)
            elif what == "cut":
                await self._cut_listeners()
            elif self._chance.random() < 0.3:
                await self._kill_postgres(down_s / 2)
            await asyncio.sleep(self._chance.uniform(4, 12))

    async def _until_end(self, one: Scheduled, fault: Callable[[], object], every_s: float) -> None:
        while time.monotonic() - self._began < one.end_s - 5:
            struck = fault()
            if asyncio.iscoroutine(struck):
                await struck
            await asyncio.sleep(every_s)

    async def _restart_node(self) -> None:
        self._struck["restart of the node"] += 1
        await self._net.down()
        await asyncio.sleep(3)
        await self._net.up()

    async def _stop(self, hub: Command, seconds: float) -> None:
        self._struck["SIGSTOP of a hub"] += 1
        with suppress(ProcessLookupError):
            await stopped_for(hub.pid, seconds)

    async def _cut_listeners(self) -> None:
        self._struck["listeners cut"] += 1
        with suppress(OSError, asyncpg.PostgresError):
            await self._hubs.execute(_CUT_LISTENERS)

    async def _kill_postgres(self, down_s: float) -> None:
        self._struck["kill -9 of Postgres"] += 1
        await self._database.kill(down_s)

    async def _forks(self) -> None:
        """All the while: shallow ones, and now and then a deep one."""
        while True:
            await asyncio.sleep(self._chance.expovariate(1 / _FORK_EVERY_S))
            is_deep = self._chance.random() < 0.3
            self._struck["deep_fork" if is_deep else "fork"] += 1
            self._fork(
                self._chance.randint(1, 10), is_deep=is_deep, replay=self._chance.random() < 0.5
            )

    def _fork(self, depth: int, *, is_deep: bool, replay: bool) -> None:
        fork = self._net.fork(depth, replay=replay, confirmed=is_deep)
        self._recorder.drop(fork.dropped)

    # ---- the end

    async def _settled(self) -> History:
        """Wait until Postgres holds as many standing events as the chain, each in its place, and
        nothing moves.
        """
        deadline, before = time.monotonic() + _SETTLE_S, (-1, -1, -1)
        while time.monotonic() < deadline:
            await asyncio.sleep(3)
            with suppress(OSError, asyncpg.PostgresError, TimeoutError):
                now = await recorded(self._url)
                if now == before and (now[0], now[2]) == (self._recorder.count, 0):
                    break
                before = now
        return await read_history(self._url)

    async def _judged(self, history: History, proxies: list[Proxy], seconds: float) -> MixedVerdict:
        file = self._home / "heard"
        rooms = history.last_of_rooms()
        told = await self._crowd.order(Finish(rooms, _SETTLE_S, str(file)))
        self._say(f"clients had {told.events} events over {told.connects} connections; judging")
        for proxy in proxies:
            self._struck.update(proxy.mischief.counts)
        return await asyncio.to_thread(
            MixedVerdict.of, self._options, self._recorder, history, file,
            struck=dict(self._struck), memory=self._memory, seconds=seconds,
            began_at=self._began_at,
        )  # fmt: skip

    async def _cleared(self, prometheus: Prometheus, verdict: MixedVerdict) -> None:
        """Wait until no alert fires any more, then note them all."""
        self._say(f"rows {verdict.rows}, callbacks lost {verdict.callbacks.lost}; alerts clear")
        deadline = time.monotonic() + _CLEAR_S
        while (firing := await prometheus.firing_now()) and time.monotonic() < deadline:
            self._say(f"still firing: {', '.join(firing)}")
            await asyncio.sleep(15)
        verdict.add_alerts(await prometheus.firings(), self._acts)
