"""`./run chaos --sustained`: a share of all notifications lost, for minutes, at a steady pace.

What it measures: what is missing in the end, how long a lost event takes from the chain's
confirmation to its commit in Postgres, what the repair costs in calls, and the indexer's memory.
"""

from __future__ import annotations

import asyncio
import json
import math
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg
import msgspec
from solders.account import Account
from solders.pubkey import Pubkey

from chaos.plan import Plan, Window
from chaos.proxy import Proxy
from chaos.readings import stored_facts, told_facts
from chaos.scenario import cancelled, env_of
from chaos.system import Database, System
from chaos.truth import Fact, landed_facts
from chaos.verdict import NAMES, Counts, judge
from common.errors import VerdictFailed
from localnet.chain import CONFIRMED
from localnet.ledger import Bank, Landed
from localnet.node import Localnet, NodeOptions
from localnet.traders import Traders
from programs.keys import signature_b58

_WARM_TRADES = 50
_KEPT_TRANSACTIONS = 1_000_000
_SETTLE_S = 30.0
_QUIET_S = 1.0
_SAY_EVERY_S = 30
_MAX_REPAIR_P99_S = 5.0
_MIB = 2**20
Say = Callable[[str], None]


class SustainedOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How much, how long."""

    drop: float = 0.05
    """Share of the notifications that are lost."""
    trades_per_second: float = 300
    seconds: float = 300
    slot_ms: int = 400
    seed: int = 1


class Recorder:
    """Listens to the chain: its events as slots are confirmed, and when that was (unix seconds)."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.confirmed_at: dict[int, float] = {}

    def on_transaction(self, landed: Landed, changed: list[Pubkey], bank: Bank) -> None:
        """Nothing: what is not confirmed does not count."""

    def on_level(self, bank: Bank, level: int) -> None:
        """Keep what a confirmed slot holds."""
        if level == CONFIRMED:
            self.confirmed_at[bank.slot] = time.time()
            for landed in bank.transactions:
                self.facts += landed_facts(landed)

    def on_slot(self, bank: Bank, root: int) -> None:
        """Nothing."""

    def on_revert(self, key: Pubkey, account: Account | None, slot: int) -> None:
        """Nothing: there are no forks here."""


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. Times in seconds, from the chain's confirmation to the commit."""

    rows: Counts
    client: Counts
    events: int
    dropped: int
    repairs_s: list[float]
    lives_s: list[float]
    calls: dict[str, int]
    seconds: float
    rss_bytes: list[int]
    """Each second."""

    @property
    def is_good(self) -> bool:
        """Nothing differs, and lost notifications were repaired in time."""
        return (
            self.rows.is_clean
            and self.client.is_clean
            and percentile(self.repairs_s, 99) <= _MAX_REPAIR_P99_S
        )


async def sustained(options: SustainedOptions, say: Say) -> None:
    """Run and print. Raises VerdictFailed if something is missing or repaired too late."""
    home = Path(tempfile.mkdtemp(prefix="curvefeed-sustained-"))
    database = Database(home / "postgres")
    await database.start()
    try:
        url = await database.create("sustained")
        measured = await _Run(options, url, home, say).measure()
    finally:
        await database.stop()
        shutil.rmtree(home, ignore_errors=True)
    for line in summary(measured):
        say(line)
    if not measured.is_good:
        raise VerdictFailed("something is missing, or was repaired too late")


def plan_of(options: SustainedOptions) -> Plan:
    """One window: as long as the run."""
    window = Window(fault="drop", start_s=0, end_s=options.seconds, share=options.drop)
    return Plan(
        seed=options.seed, commitment="confirmed", slot_ms=options.slot_ms, confirm_after=2,
        finalize_after=32, trades_per_second=options.trades_per_second, phase_s=options.seconds,
        windows=(window,), strikes=(),
    )  # fmt: skip


class _Run:
    """One measurement."""

    def __init__(self, options: SustainedOptions, url: str, home: Path, say: Say) -> None:
        self._options, self._url, self._home, self._say = options, url, home, say
        self._recorder = Recorder()

    async def measure(self) -> Measured:
        """The whole of it."""
        plan = plan_of(self._options)
        kept = NodeOptions(keep_transactions=_KEPT_TRANSACTIONS)
        net = Localnet(port=0, slot_ms=plan.slot_ms, options=kept)
        net.chain.listeners.append(self._recorder)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(net)
            proxy = await stack.enter_async_context(Proxy(net.rpc_url, net.ws_url, plan))
            system = System(env_of(plan, self._url, proxy), self._home)
            await stack.enter_async_context(system.running())
            traders = Traders(net.rpc_url, plan.seed)
            trading = asyncio.create_task(traders.run(plan.trades_per_second))
            stack.push_async_callback(cancelled, trading)
            await system.client.until(_WARM_TRADES)
            proxy.begin()
            asked_before = Counter(proxy.calls)
            rss_bytes = await self._watched(system)
            calls = dict(Counter(proxy.calls) - asked_before)
            await cancelled(trading)
            await self._settled(system)
            return await self._judged(system, proxy.mischief.dropped, calls, rss_bytes)

    async def _watched(self, system: System) -> list[int]:
        """The indexer's memory, each second, until the time is over."""
        rss_bytes: list[int] = []
        began = time.monotonic()
        while (elapsed := time.monotonic() - began) < self._options.seconds:
            rss_bytes.append(system.indexers[0].rss_bytes)
            if len(rss_bytes) % _SAY_EVERY_S == 0:
                self._say(
                    f"  {elapsed:4.0f} s: {len(self._recorder.facts)} events on the chain, "
                    f"{len(system.client.events)} at the client, {rss_bytes[-1] / _MIB:.0f} MiB"
                )
            await asyncio.sleep(1)
        return rss_bytes

    async def _settled(self, system: System) -> None:
        """Wait until the client has as many events as the chain, and no more come; or for long."""
        deadline, counts = time.monotonic() + _SETTLE_S, (0, 0)
        while time.monotonic() < deadline:
            await asyncio.sleep(_QUIET_S)
            before, counts = counts, (len(self._recorder.facts), len(system.client.events))
            if counts == before and counts[0] == counts[1]:
                return

    async def _judged(
        self, system: System, frames: list[str], calls: dict[str, int], rss_bytes: list[int]
    ) -> Measured:
        truth = self._recorder.facts
        connection = await asyncpg.connect(self._url)
        try:
            stored = await stored_facts(connection)
            committed = await connection.fetch(_COMMITTED)
        finally:
            connection.terminate()
        dropped = {signature_of_frame(frame) for frame in frames}
        repairs_s, lives_s = list[float](), list[float]()
        for row in committed:
            delay_s = row["at"] - self._recorder.confirmed_at.get(row["slot"], row["at"])
            is_repair = signature_b58(row["signature"]) in dropped
            (repairs_s if is_repair else lives_s).append(delay_s)
        return Measured(
            rows=judge(truth, (), stored),
            client=judge(truth, (), told_facts(system.client.standing())),
            events=len(truth),
            dropped=len(dropped),
            repairs_s=repairs_s,
            lives_s=lives_s,
            calls=calls,
            seconds=self._options.seconds,
            rss_bytes=rss_bytes,
        )


_COMMITTED = """SELECT trades.signature, trades.slot,
                       extract(epoch FROM feed.committed_at)::float8 AS at
                FROM trades JOIN feed USING (seq)"""


def signature_of_frame(frame: str) -> str:
    """Which transaction a notification is of."""
    return str(json.loads(frame)["params"]["result"]["value"]["signature"])


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that `percent` of all do not exceed; 0 of nothing."""
    if not values:
        return 0.0
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def summary(measured: Measured) -> list[str]:
    """What is printed."""
    total = sum(measured.calls.values())
    by_method = ", ".join(
        f"{name} {count / measured.seconds:.1f}" for name, count in sorted(measured.calls.items())
    )
    rss = [value / _MIB for value in measured.rss_bytes] or [0.0]
    tenth = max(1, len(rss) // 10)
    start, end = sum(rss[tenth : 2 * tenth]) / tenth, sum(rss[-tenth:]) / tenth
    return [
        f"events      {measured.events} in {measured.seconds:.0f} s, notifications dropped of "
        f"{measured.dropped} transactions",
        f"{NAMES}  rows {measured.rows}  client {measured.client}",
        *(f"    rows: {text}" for text in measured.rows.examples),
        *(f"    client: {text}" for text in measured.client.examples),
        f"repair      {_spread(measured.repairs_s)}  (confirmed to committed, dropped ones)",
        f"live        {_spread(measured.lives_s)}  (the others)",
        f"calls       {total / measured.seconds:.1f} per second ({by_method})",
        f"memory      indexer {start:.0f} MiB after a tenth, {end:.0f} MiB in the last tenth, "
        f"at most {max(rss):.0f} MiB",
    ]


def _spread(values: Sequence[float]) -> str:
    p50, p99 = percentile(values, 50), percentile(values, 99)
    return f"p50 {p50:.2f} s  p99 {p99:.2f} s  max {max(values, default=0):.2f} s  n {len(values)}"
