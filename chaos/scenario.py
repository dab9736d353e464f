"""One seed: a chain, traders, a faulty network, processes that die; then the verdict."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import msgspec

from chaos.plan import Plan, Strike
from chaos.processes import Command
from chaos.proxy import Proxy
from chaos.settling import Outcome, Watch, settle
from chaos.system import Database, System, kill_for
from chaos.truth import LedgerTruth
from chaos.verdict import Landing
from common.errors import GiveUp
from localnet.chain import CONFIRMED, FINALIZED
from localnet.node import Localnet, NodeOptions
from localnet.traders import Traders

_KEPT_TRANSACTIONS = 1_000_000
_WARM_TRADES = 10
_WARM_TIMEOUT_S = 60
_STALL_SLOTS = 20


class Scenario:
    """Runs a plan in `folder` (for logs), on a database of its own; `clock` as in System."""

    def __init__(
        self, plan: Plan, database: Database, folder: Path, clock: Path | None = None
    ) -> None:
        self.plan = plan
        self._clock = clock
        self._database = database
        self._folder = folder
        self._net = Localnet(
            port=0,
            slot_ms=plan.slot_ms,
            confirm_after=plan.confirm_after,
            finalize_after=plan.finalize_after,
            options=NodeOptions(keep_transactions=_KEPT_TRANSACTIONS),
        )
        self._dropped: set[Landing] = set()
        self._kills = 0

    async def run(self) -> Outcome:
        """Play it, wait for quiescence, judge."""
        name = f"chaos_{self.plan.seed}"
        url = await self._database.create(name)
        try:
            async with AsyncExitStack() as stack:
                return await self._run(stack, url)
        finally:
            await self._database.drop(name)

    async def _run(self, stack: AsyncExitStack, url: str) -> Outcome:
        net = await stack.enter_async_context(self._net)
        proxies = [
            await stack.enter_async_context(Proxy(net.rpc_url, net.ws_url, self.plan, endpoint))
            for endpoint in range(self.plan.endpoints)
        ]
        system = System(
            env_of(self.plan, url, *proxies),
            self._folder,
            indexers=2 if self.plan.has_standby else 1,
            clock=self._clock,
        )
        trading = asyncio.create_task(
            Traders(net.rpc_url, self.plan.seed).run(self.plan.trades_per_second)
        )
        stack.push_async_callback(cancelled, trading)
        await stack.enter_async_context(system.running())
        await self._warmed_up(system)
        watch = Watch(url, LedgerTruth(net.chain), system, self._dropped)
        watching = asyncio.create_task(watch.run())
        stack.push_async_callback(ended, watch, watching)
        for proxy in proxies:
            proxy.begin()
        await self._strike_all(system)
        await cancelled(trading)
        await ended(watch, watching)
        outcome = await settle(watch, net, self.plan.commitment)
        met, calls = Counter[str](), Counter[str]()
        for proxy in proxies:
            met.update(proxy.mischief.counts)
            calls.update(proxy.calls)
        return msgspec.structs.replace(outcome, met=dict(met), calls=dict(calls))

    async def _warmed_up(self, system: System) -> None:
        """Trades come through before anything goes wrong."""
        try:
            await system.client.until(_WARM_TRADES, _WARM_TIMEOUT_S)
        except TimeoutError:
            raise GiveUp(
                "nothing comes through even without faults",
                hint="Look into the processes' logs",
                folder=self._folder,
            ) from None

    async def _strike_all(self, system: System) -> None:
        """Every strike at its time; returns when the faults are over."""
        async with asyncio.TaskGroup() as tasks:
            for strike in self.plan.strikes:
                tasks.create_task(self._strike(strike, system))
            await asyncio.sleep(self.plan.phase_s)

    async def _strike(self, strike: Strike, system: System) -> None:
        await asyncio.sleep(strike.at_s)
        if strike.fault in ("fork", "deep_fork"):
            self._fork(strike)
        elif strike.fault == "clock":
            self._step_clock(strike, system)
        elif strike.fault == "kill_postgres":
            await self._database.kill(strike.down_s)
        elif strike.fault in ("kill_api", "kill_indexer"):
            command = system.api if strike.fault == "kill_api" else self._next_indexer(system)
            if command.is_running:
                await kill_for(command, strike.down_s)

    def _next_indexer(self, system: System) -> Command:
        self._kills += 1
        return system.indexers[self._kills % len(system.indexers)]

    def _fork(self, strike: Strike) -> None:
        """Abandon slots, and remember what was in them."""
        chain, is_deep = self._net.chain, strike.fault == "deep_fork"
        level = FINALIZED if is_deep else CONFIRMED
        doomed = chain.ledger.above(chain.tips[level])[-strike.depth :]
        landings = {
            (landed.signature, bank.slot) for bank in doomed for landed in bank.transactions
        }
        self._net.fork(strike.depth, replay=strike.is_replayed, confirmed=is_deep)
        self._dropped |= landings

    def _step_clock(self, strike: Strike, system: System) -> None:
        """Block times never run backwards, so a step back makes them stand still for a while."""
        if strike.clock == "indexer":
            system.indexers_clock.step(strike.step_s)
        elif strike.clock == "api":
            system.api_clock.step(strike.step_s)
        else:
            self._net.chain.options = msgspec.structs.replace(
                self._net.chain.options, now=lambda: time.time() + strike.step_s
            )


def env_of(plan: Plan, url: str, *proxies: Proxy) -> dict[str, str]:
    """Settings of the processes under test; the first endpoint is the preferred one."""
    return {
        "DATABASE_URL": url,
        "SOLANA_RPC_URL": ",".join(proxy.rpc_url for proxy in proxies),
        "SOLANA_WS_URL": ",".join(proxy.ws_url for proxy in proxies),
        "INDEXER_START_SLOT": "0",
        "INDEXER_COMMITMENT": plan.commitment,
        "INDEXER_STALL_SECONDS": str(_STALL_SLOTS * plan.slot_ms / 1000),
        "RPC_REQUESTS_PER_SECOND": "1000",
        "WEBSOCKET_REPLAY_EVENTS": "10000",
        "WEBSOCKET_REPLAY_BYTES": "67108864",
        "WEBSOCKET_REPLAY_S": "86400",
    }


async def ended(watch: Watch, watching: asyncio.Task[None]) -> None:
    """Stop watching, after the sample that is being taken."""
    watch.stop()
    await watching


async def cancelled(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait until it has ended."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
