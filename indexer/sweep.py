"""The sweep: the authority on what happened. Round after round it lists every signature up to the
node's tip, has fetched what the subscription did not deliver, and moves the frontier.

The subscription is a hint: nodes lose notifications. What a round found is put into the same intake
as the notifications, then the round's mark: so rows are committed before, or with, the frontier
that vouches for them. A transaction that cannot be fetched holds the frontier below its slot.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence

import msgspec
import structlog

from common import metrics
from common.errors import NodeError, TryAgain
from db.coverage import Gap, Marking, Verified
from indexer.backoff import Backoff
from indexer.blocks import in_blocks
from indexer.delivered import Delivered, Key
from indexer.listing import AnchorMissing, ListEnded, Span, listed
from indexer.pace import Priority
from indexer.progress import Progress, Start
from indexer.resolving import Resolver, Stored
from indexer.rpc import Node, SignatureInfo
from indexer.updates import Intake, Mark, Update
from programs.keys import signature_of

OVERLAP_SLOTS = 32
"""Re-read on purpose, now and then: a node may index history with delay."""
_SHORT_OVERLAP_SLOTS = 2
_DEEP_EVERY_S = 10.0
_NEAR_SLOTS = 200
_GRACE_S = 1.0
"""How long the subscription may take to deliver what is listed already."""
_MOST_HOLES = 5_000
_ROOM_POLL_S = 0.05
_SHOWN_GAPS = 1_000
_DISBELIEFS = 3
"""Rounds in a row in which a list lacks what is known to be there: then a fork took it away."""

_log = structlog.get_logger(__name__)


class Listing(msgspec.Struct, frozen=True):
    """Every signature that names a program in these slots, by a list that is believed."""

    program: str
    from_slot: int
    to_slot: int
    keys: frozenset[Key]


class SweepConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What to sweep, how often."""

    addresses: Mapping[str, str]
    """Program name → base58 address."""
    every_s: float = 0.5
    block_density: float = 500.0
    """Signatures per slot above which whole blocks are read."""


class Sweep:
    """`delivered` is shared with the subscription, `is_live` says whether that flows."""

    def __init__(
        self,
        node: Node,
        config: SweepConfig,
        starts: Mapping[str, Start],
        delivered: Delivered,
        stored: Stored,
    ) -> None:
        self._node = node
        self._config = config
        self._starts = starts
        self._delivered = delivered
        self._resolver = Resolver(node, delivered, stored)
        self._holes = self._resolver.holes
        self.finalized: Callable[[], int] = lambda: 0
        """Newest slot that no fork can undo; 0: not known."""
        self.observer: Callable[[Listing], Awaitable[None]] | None = None
        self._programs: dict[str, Progress] = {}
        self._dropped: list[Key] = []
        self._tip = 0
        self._deep_at = -1e9
        self._absences: dict[Key, int] = {}
        self._urgent = asyncio.Event()
        self._wake = asyncio.Event()
        self._rounds_begun = self._rounds_done = 0
        self._round_over = asyncio.Condition()

    # --- what others call

    @property
    def is_live(self) -> Callable[[], bool]:
        """Whether the subscription flows: then what is listed is about to come by it."""
        return self._resolver.is_live

    @is_live.setter
    def is_live(self, is_live: Callable[[], bool]) -> None:
        self._resolver.is_live = is_live

    async def caught_up(self) -> None:
        """Wait for the end of a round that begins from now on."""
        target = self._rounds_begun + 1
        self._wake.set()
        async with self._round_over:
            await self._round_over.wait_for(lambda: self._rounds_done >= target)

    def want(self, update: Update) -> None:
        """What was handed over does not suffice: fetch the transaction at once."""
        self._delivered.discard((update.signature, update.slot))
        now = _now()
        info = SignatureInfo(update.signature, update.slot, update.err, update.block_time)
        self._holes.add(info, "", now, now)
        self._urgent.set()

    async def room(self) -> None:
        """Wait while so much has to be fetched that no more may be announced."""
        while len(self._holes) > _MOST_HOLES:  # noqa: ASYNC110 - it shrinks by many ways
            await asyncio.sleep(_ROOM_POLL_S)

    async def run(self, intake: Intake) -> None:
        """For ever. Raises GiveUp only."""
        backoff = Backoff("sweep")
        while True:
            self._wake.clear()
            try:
                await self._round(intake)
            except TryAgain as error:
                metrics.SWEEP_ROUNDS.labels("failed").inc()
                await self._resolver.resolve(intake, Priority.GAP)
                await backoff.failed(error)
                continue
            metrics.SWEEP_ROUNDS.labels("done").inc()
            backoff.succeeded()
            try:
                async with asyncio.timeout(self._config.every_s):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def run_urgent(self, intake: Intake) -> None:
        """Fetch what `want` names without waiting for a round. For ever."""
        while True:
            await self._urgent.wait()
            self._urgent.clear()
            await self._resolver.resolve(intake, Priority.LIVE)

    # --- a round

    async def _round(self, intake: Intake) -> None:
        self._rounds_begun += 1
        number = self._rounds_begun
        if len(self._holes) > _MOST_HOLES:
            await self._settle(intake)
        await self._look()
        lowest = min(program.listed_to for program in self._programs.values())
        first = self._first_slot()
        unnamed = self._holes.unnamed()
        announced = {*self._delivered.between(lowest + 1, self._tip), *self._absences}
        unlisted = unnamed | announced
        for program in self._programs.values():
            await self._sweep(program, max(program.first, first), unlisted, intake)
        self._drop(self._holes.absent("", first, self._tip, unnamed - unlisted))
        if self._lacks(announced & unlisted):
            raise NodeError("the node's list lacks what it announced")
        await self._resolver.resolve(intake, Priority.GAP)
        await self._mark(intake)
        self._resolver.forget_filled()
        self._delivered.forget_below(min(lowest, first) - 2 * OVERLAP_SLOTS)
        async with self._round_over:
            self._rounds_done = number
            self._round_over.notify_all()

    async def _look(self) -> None:
        """Where the node stands; at the first look, programs without a start begin there."""
        self._tip = await self._node.closed_slot()
        if not self._programs:
            at_tip = Start(self._tip, self._tip - 1)
            for name, address in self._config.addresses.items():
                start = self._starts.get(name, at_tip)
                self._programs[name] = Progress(name, address, start)
        metrics.SWEEP_TIP_SLOT.set(self._tip)

    def _first_slot(self) -> int:
        """Every round overlaps a little with the one before, some overlap far."""
        listed_to = min(program.listed_to for program in self._programs.values())
        overlap, now = _SHORT_OVERLAP_SLOTS, _now()
        if now - self._deep_at >= _DEEP_EVERY_S:
            self._deep_at, overlap = now, OVERLAP_SLOTS
        first = min(listed_to, self._tip) + 1 - overlap
        doubtful = [slot for _, slot in self._absences]
        hole = self._holes.doubtful()
        if hole is not None and (overlap == OVERLAP_SLOTS or hole > first - _NEAR_SLOTS):
            doubtful.append(hole)
        return min([first, *doubtful])

    async def _sweep(
        self, program: Progress, first: int, unlisted: set[Key], intake: Intake
    ) -> None:
        """List a program's signatures and take note of them, part by part: what is listed is no
        longer in `unlisted`.
        """
        is_long = self._tip - program.listed_to > 2 * OVERLAP_SLOTS
        priority = Priority.HISTORY if is_long else Priority.LIVE
        span = Span(
            address=program.address, first=first, last=self._tip, anchor=program.anchor,
            priority=priority,
        )  # fmt: skip
        since = first
        try:
            async for infos, to_slot in self._parts(program, span):
                if is_long and since > first:  # commit what it gave so far, go on
                    await self._settle(intake)
                new = sum(info.slot > program.listed_to for info in infos)
                program.counts(new, to_slot - program.listed_to)
                keys = self._note(program, infos)
                unlisted -= keys
                program.noted(infos, to_slot)
                await self._believe(Listing(program.name, since, to_slot, keys))
                since = to_slot + 1
        except AnchorMissing as error:
            program.doubted(has_ended=isinstance(error, ListEnded))
            raise

    async def _believe(self, listing: Listing) -> None:
        """What is not in it is not there any more."""
        first, last = listing.from_slot, listing.to_slot
        self._drop(self._holes.absent(listing.program, first, last, listing.keys))
        if self.observer is not None and first <= last:
            await self.observer(listing)

    async def _parts(
        self, program: Progress, span: Span
    ) -> AsyncIterator[tuple[list[SignatureInfo], int]]:
        """What is listed, and up to where, by signatures or out of blocks."""
        program.choose(self._config.block_density)
        if program.method == "signatures":
            async for infos in listed(self._node, span):
                yield infos, infos[-1].slot
            yield [], self._tip
            return
        async for part in in_blocks(self._node, span):
            self._resolver.have(part.updates)
            yield part.infos, part.to_slot

    def _note(self, program: Progress, infos: Sequence[SignatureInfo]) -> frozenset[Key]:
        """What of it was delivered gets its place; what was not becomes a hole."""
        now = _now()
        is_live = self.is_live()
        for info in infos:
            key = info.signature, info.slot
            if key in self._delivered:
                self._resolver.place(info)
            elif info.err is not None:  # it has no events
                self._delivered.add(key, is_placed=True)
                if key in self._holes:  # it was announced as a success
                    self._drop([key])
            else:
                # What is not stored after a start, or was not subscribed to, will not come.
                is_due = not is_live or info.slot <= program.listed_to
                self._holes.add(info, program.name, now, now if is_due else now + _GRACE_S)
        return frozenset((info.signature, info.slot) for info in infos)

    def _lacks(self, unlisted: Collection[Key]) -> bool:
        """Whether lists lack what was announced: once or twice they are incomplete, then it did not
        survive.
        """
        counts = {key: self._absences.get(key, 0) + 1 for key in unlisted}
        self._absences = {key: count for key, count in counts.items() if count < _DISBELIEFS}
        metrics.SWEEP_ABSENT.inc(len(counts) - len(self._absences))
        return bool(self._absences)

    def _drop(self, keys: Sequence[Key]) -> None:
        """They need not be fetched any more: a fork took them away, or they failed."""
        for key in keys:
            self._holes.close(key)
            self._dropped.append(key)

    async def _settle(self, intake: Intake) -> None:
        """Between parts of a long history: fetch, mark, and do not run ahead of what is fetched."""
        await self._resolver.resolve(intake, Priority.HISTORY)
        await self._mark(intake)
        while len(self._holes) > _MOST_HOLES:
            await asyncio.sleep(self._config.every_s)
            await self._resolver.resolve(intake, Priority.HISTORY)
            await self._mark(intake)

    # --- the frontier

    async def _mark(self, intake: Intake) -> None:
        """Say how far everything is handed over. The mark goes the way of the updates."""
        lowest, now = self._holes.lowest, _now()
        gaps = [
            Gap(signature_of(hole.info.signature), hole.info.slot, hole.program, hole.reason)
            for _, hole in zip(range(_SHOWN_GAPS), self._holes.gaps(now), strict=False)
        ]
        verified = []
        for program in self._programs.values():
            frontier = program.listed_to if lowest is None else min(program.listed_to, lowest - 1)
            anchor = program.anchor
            verified.append(
                Verified(
                    program.name, program.first, frontier, program.method, program.counted,
                    (signature_of(anchor[0]), anchor[1])
                    if anchor and anchor[1] <= frontier
                    else None,
                )
            )  # fmt: skip
            program.counted = 0
            metrics.SWEEP_FRONTIER_SLOT.labels(program.name).set(frontier)
            metrics.SWEEP_FRONTIER_LAG_SLOTS.labels(program.name).set(self._tip - frontier)
        metrics.SWEEP_GAPS_OPEN.set(len(gaps))
        marking = Marking(
            verified=tuple(verified), tip_slot=self._tip, finalized_slot=self.finalized(),
            places=self._resolver.take_places(), gaps=tuple(gaps),
        )  # fmt: skip
        dropped, self._dropped = tuple(self._dropped), []
        await intake.put(Mark(marking, dropped))


def _now() -> float:
    return asyncio.get_running_loop().time()
