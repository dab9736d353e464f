"""Watching a system while it runs, and until it is quiet: rows and client against the ledger."""

from __future__ import annotations

import asyncio
import contextlib
import time

import aiohttp
import asyncpg
import msgspec

from chaos.folds import wrong_folds
from chaos.readings import stored_facts, told_facts
from chaos.system import System
from chaos.truth import Fact, LedgerTruth
from chaos.verdict import Counts, Landing, judge
from common.settings import Commitment
from localnet.chain import CONFIRMED, FINALIZED
from localnet.node import Localnet

_PATIENCE_S = 30.0
"""How long is waited to tell "late" from "never"."""
_SAMPLE_S = 0.5
_ANSWER_TIMEOUT_S = 2.0
_CONNECT_TIMEOUT_S = 5.0
_POLL_S = 0.2
_SHARE = 4
"""Rest so many times as long as a look took."""
_QUIET_S = 0.5
"""Right must stay right for so long."""
_ABSENT = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    TimeoutError,
)
"""What reading raises while Postgres is down, or dies in the middle of it."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a scenario."""

    rows: Counts
    client: Counts
    settled_s: float | None
    """From the last fault until rows and client were right; None: never."""
    frontier_s: float | None
    """From the last fault until the frontier was at the last trade's slot; None: never."""
    overclaims: int
    """Events that were not stored although frontier or API said that nothing was missing there."""
    holes_seen: int
    """Samples in which an event was not stored (yet), and nobody could claim completeness."""
    resyncs: int
    """How often the client was told that something could not be replayed."""
    exits: int
    """How often a process ended by itself."""
    events: int
    retracted: int
    unfolded: tuple[str, ...]
    met: dict[str, int] = {}
    calls: dict[str, int] = {}

    @property
    def is_right(self) -> bool:
        """Every count is 0, sooner or later."""
        return (
            self.rows.is_clean
            and self.client.is_clean
            and not self.unfolded
            and not self.overclaims
            and self.settled_s is not None
            and self.frontier_s is not None
        )

    def is_late(self, bound_s: float) -> bool:
        """It was right, but not in time."""
        times = (self.settled_s, self.frontier_s)
        return any(at is not None and at > bound_s for at in times)


class Watch:
    """Reads the database beside the system. `run` checks all the while that the frontier is honest:
    nothing may be missing below it.
    """

    def __init__(self, url: str, truth: LedgerTruth, system: System, dropped: set[Landing]) -> None:
        self.truth, self.system, self.dropped = truth, system, dropped
        self.overclaimed: set[Fact] = set()
        self.holes_seen = 0
        """Samples in which a confirmed event was not stored (yet)."""
        self._url = url
        self._is_over = asyncio.Event()

    async def run(self) -> None:
        """Until `stop`. Not to be cancelled: that may strike in the middle of a statement."""
        timeout = aiohttp.ClientTimeout(total=_ANSWER_TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as http:
            while not self._is_over.is_set():
                with contextlib.suppress(*_ABSENT):
                    await self._sample(http)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._is_over.wait(), _SAMPLE_S)

    def stop(self) -> None:
        """End after the sample that is being taken."""
        self._is_over.set()

    async def _sample(self, http: aiohttp.ClientSession) -> None:
        """Neither the stored frontier nor the API's `complete` may cover what is not stored."""
        before, tip = self.truth.facts(), self.truth.tip()
        is_complete = await self._claims_complete(http, tip)
        self.check(before, await self.read(), is_complete=is_complete)

    def check(self, before: list[Fact], reading: Reading, *, is_complete: bool = False) -> None:
        """Compare a reading with what was confirmed `before` it, claims with what is stored."""
        # A fork may have taken facts away meanwhile.
        confirmed = set(self.truth.facts()).intersection(before)
        absent = confirmed.difference(reading.stored)
        self.overclaimed |= {
            fact for fact in absent if is_complete or fact.slot <= reading.frontier
        }
        self.holes_seen += bool(absent)

    async def _claims_complete(self, http: aiohttp.ClientSession, to_slot: int) -> bool:
        """What the API says of everything up to `to_slot`; False if it does not answer."""
        url = f"{self.system.api_url}/api/v1/completeness"
        try:
            async with http.get(url, params={"program": "pump", "to_slot": to_slot}) as response:
                answer = await response.json()
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return False
        return isinstance(answer, dict) and answer.get("complete") is True

    async def read(self, *, is_thorough: bool = False) -> Reading:
        """What Postgres holds at this moment; `is_thorough` looks at what is folded, too."""
        connection = await asyncpg.connect(self._url, timeout=_CONNECT_TIMEOUT_S)
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                return Reading(
                    frontier=await _frontier(connection),
                    stored=await stored_facts(connection),
                    retracted=await connection.fetchval(_RETRACTED),
                    unfolded=tuple(await wrong_folds(connection) if is_thorough else ()),
                )
        finally:
            connection.terminate()


class Reading(msgspec.Struct, frozen=True):
    """Postgres at one moment."""

    frontier: int
    """Slot up to which it says that nothing is missing; -1: it does not say."""
    stored: list[Fact]
    retracted: int = 0
    """Events that were taken back."""
    unfolded: tuple[str, ...] = ()
    """Tokens, candles and positions that are not what the trades make of them."""


_RETRACTED = """SELECT (SELECT count(*) FROM trades WHERE retracted)
                     + (SELECT count(*) FROM token_events WHERE retracted)"""


async def _frontier(connection: asyncpg.Connection[asyncpg.Record]) -> int:
    slot = await connection.fetchval("SELECT min(slot) FROM checkpoints")
    return -1 if slot is None else int(slot)


class _Times:
    """Since when something has held."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._since: float | None = None

    def note(self, is_so: bool) -> None:
        """It holds now, or does not."""
        if not is_so:
            self._since = None
        elif self._since is None:
            self._since = time.monotonic()

    @property
    def after_s(self) -> float | None:
        """From the beginning until it began to hold; None: it does not."""
        return None if self._since is None else self._since - self._began

    def held_for(self, seconds: float) -> bool:
        """It has held for so long."""
        return self._since is not None and time.monotonic() - self._since >= seconds


async def settle(watch: Watch, net: Localnet, commitment: Commitment) -> Outcome:
    """Wait until rows and client are right and stay so, or patience ends; the outcome either way.

    To be called at the moment of the last fault, when trading has stopped.
    """
    level = FINALIZED if commitment == "finalized" else CONFIRMED
    last_slot = net.chain.tip.slot
    right, arrived = _Times(), _Times()
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        looked = time.monotonic()
        truth = watch.truth.facts(level)
        told = told_facts(watch.system.client.standing())
        try:
            reading = await watch.read(is_thorough=True)
        except _ABSENT:
            reading = Reading(-1, [])
        watch.check(truth, reading)
        rows = judge(truth, watch.dropped, reading.stored)
        client = judge(truth, watch.dropped, told)
        is_whole = net.chain.tips[level] >= last_slot
        is_right = rows.is_clean and client.is_clean and not reading.unfolded
        right.note(is_whole and is_right)
        arrived.note(reading.frontier >= max((fact.slot for fact in truth), default=0))
        is_over = right.held_for(_QUIET_S) and arrived.held_for(0)
        if is_over or time.monotonic() > deadline:
            break
        # Looking takes time from the chain, which runs in the same process.
        await asyncio.sleep(max(_POLL_S, _SHARE * (time.monotonic() - looked)))
    system = watch.system
    return Outcome(
        rows=rows,
        client=client,
        settled_s=right.after_s,
        frontier_s=arrived.after_s,
        overclaims=len(watch.overclaimed),
        holes_seen=watch.holes_seen,
        resyncs=system.client.lost,
        exits=sum(command.exits for command in system.commands),
        events=len(truth),
        retracted=reading.retracted,
        unfolded=reading.unfolded,
    )
