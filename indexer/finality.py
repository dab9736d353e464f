"""What survives and what is final: takes back what a fork undid, tells how far nothing can.

Two proofs say that a stored landing did not survive, and either must be given twice in a row: its
slot has no block below the node's newest confirmed one (getBlocks), or the sweep's list, believed
whole, does not name it. And no endpoint, asked for the transaction itself, may place it there.

That a fork may be under way is seen from the slots' parents, long before; then it looks often.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from typing import Literal, Protocol

import msgspec
import structlog

from common import metrics
from common.errors import NodeError, NodeRefused, TryAgain
from common.messages import Finality
from db import finality
from db.finality import FinalityRow
from db.retract import Landing
from db.states import put_state
from db.writer import Writer
from indexer.backoff import Backoff
from indexer.delivered import Delivered
from indexer.retract import withdraw
from indexer.rpc import Node
from indexer.sweep import Listing
from programs.keys import signature_b58
from programs.rpc_json import parse_transaction

MARGIN_SLOTS = 128
"""Slots below the finalized one are looked at for this much longer: a notification may be late. One
that is later still has its slot looked at for its own sake.
"""
_MOST_SLOTS = 5_000
_TIMES = 2
_SAMPLE = 4
_EVERY_S = 1.0
_HURRIED_S = 0.1
_HURRY_S = 5.0
"""How long it looks often after a sign of a fork."""
_TELL_EVERY_S = 1.0
_DETECT_EVERY_S = 600.0
_WIDEST_LISTING = 512

_log = structlog.get_logger(__name__)

Kind = Literal["auto", "classic", "alpenglow"]


class Strategy(Protocol):
    """How a cluster says what is final."""

    async def slots(self, node: Node) -> tuple[int, int]:
        """Newest confirmed and newest finalized slot. Raises NodeError."""
        ...


class Classic:
    """Tower BFT: confirmed by two thirds of the stake, final 31 confirmed blocks later."""

    async def slots(self, node: Node) -> tuple[int, int]:
        """See Strategy."""
        confirmed, finalized = await asyncio.gather(node.confirmed_slot(), node.finalized_slot())
        return max(confirmed, finalized), finalized


class Alpenglow:
    """Votor: what is confirmed is final, by a certificate of the same votes (SIMD-0326)."""

    async def slots(self, node: Node) -> tuple[int, int]:
        """See Strategy."""
        finalized = await node.confirmed_slot()
        return finalized, finalized


class Detected:
    """Asks the cluster which it is, and now and then again: one migrates while it runs."""

    def __init__(self, ask_every_s: float = _DETECT_EVERY_S) -> None:
        self._strategy: Strategy = Classic()
        self._ask_every_s = ask_every_s
        self._asked_at: float | None = None

    async def slots(self, node: Node) -> tuple[int, int]:
        """See Strategy."""
        now = asyncio.get_running_loop().time()
        if self._asked_at is None or now - self._asked_at >= self._ask_every_s:
            is_alpenglow = await _has_certificate(node)
            if is_alpenglow != isinstance(self._strategy, Alpenglow):
                _log.info("finality", by="alpenglow" if is_alpenglow else "classic")
            self._strategy, self._asked_at = Alpenglow() if is_alpenglow else Classic(), now
        return await self._strategy.slots(node)


async def _has_certificate(node: Node) -> bool:
    try:
        return await node.has_alpenglow()
    except NodeRefused:  # it does not know the method
        return False


def strategy_of(kind: Kind) -> Strategy:
    """The strategy that a setting names."""
    if kind == "auto":
        return Detected()
    return Classic() if kind == "classic" else Alpenglow()


class Watcher:
    """Looks every second. Use `observe` as the sweep's observer, and `run` as a task."""

    def __init__(
        self, node: Node, writer: Writer, delivered: Delivered, strategy: Strategy
    ) -> None:
        self._node = node
        self._writer = writer
        self._delivered = delivered
        self._strategy = strategy
        self._row: FinalityRow | None = None
        self._doubts: dict[Landing, int] = {}
        self._listed_doubts: dict[str, dict[Landing, int]] = {}
        self._gone: dict[int, set[Landing]] = {}
        """What was taken back, by slot: an abandoned fork may become the chain after all."""
        self._told_at = 0.0
        self._sure = 0
        """Slots up to here are not looked at again, unless something is stored in them late."""
        self._late: set[int] = set()
        self._suspect = 0
        """What is below this slot may be on a fork: until it is confirmed, nobody knows."""
        self._hurry_until = 0.0
        self._hurry = asyncio.Event()

    @property
    def finalized_slot(self) -> int:
        """Newest slot that no fork can undo, when last asked; 0: not asked yet."""
        return 0 if self._row is None else self._row.finalized_slot

    def saw(self, slot: int, parent: int | None) -> None:
        """A slot was begun on top of `parent`. What was announced between the two is on a fork."""
        if parent is not None and any(True for _ in self._delivered.between(parent + 1, slot - 1)):
            self._suspect = slot
            self._hurry_on()

    def stored(self, slots: Iterable[int]) -> None:
        """What was notified of these slots is stored now."""
        self._late.update(slot for slot in slots if slot <= self._sure)

    async def run(self) -> None:
        """For ever. Raises GiveUp only."""
        backoff = Backoff("finality")
        while True:
            try:
                await self._look()
            except TryAgain as error:
                await backoff.failed(error)
                continue
            backoff.succeeded()
            await self._pause()

    def _hurry_on(self) -> None:
        self._hurry_until = asyncio.get_running_loop().time() + _HURRY_S
        self._hurry.set()

    def _is_hurrying(self) -> bool:
        """Somebody is doubted, or a fork is not decided yet; bounded in time, for calls cost."""
        is_open = (
            bool(self._doubts) or self._row is None or self._row.confirmed_slot < self._suspect
        )
        return is_open and asyncio.get_running_loop().time() < self._hurry_until

    async def _pause(self) -> None:
        if self._is_hurrying():
            await asyncio.sleep(max(_HURRIED_S, self._node.slot_s / 4))
            return
        self._hurry.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(_EVERY_S):
                await self._hurry.wait()

    async def observe(self, listing: Listing) -> None:
        """A believed list: what is stored in its slots and not in it is doubted."""
        row = self._row
        if row is None or self._node.commitment == "finalized":
            return
        first = max(listing.from_slot, row.checked_slot + 1)
        if not first <= listing.to_slot < first + _WIDEST_LISTING:
            return
        async with self._writer.transaction() as connection:
            stored = await finality.landings_between(
                connection, listing.program, first, listing.to_slot
            )
        known = {
            landing
            for landings in stored.values()
            for landing in landings
            if (signature_b58(landing[0]), landing[1]) not in listing.keys
        }
        doubts = self._listed_doubts.get(listing.program, {})
        self._listed_doubts[listing.program] = await self._judge(doubts, known)

    async def _look(self) -> None:
        row = self._row
        if row is not None and self._is_hurrying():  # what is final can wait, and costs a call
            confirmed, finalized = await self._node.confirmed_slot(), row.finalized_slot
        else:
            confirmed, finalized = await self._strategy.slots(self._node)
        if row is None:
            async with self._writer.transaction() as connection:
                row = await finality.load(connection)
            if row.checked_slot == 0:  # nothing was stored before
                first = max(0, finalized - MARGIN_SLOTS)
                row = FinalityRow(confirmed, finalized, first)
            self._row = row
        checked = row.checked_slot
        if self._node.commitment != "finalized":
            checked = await self._check(checked, confirmed, finalized)
        await self._tell(FinalityRow(confirmed, finalized, checked))

    async def _check(self, checked: int, confirmed: int, finalized: int) -> int:
        """Compare what is stored with the chain's blocks; returns what is sure from now on."""
        last = min(confirmed, checked + _MOST_SLOTS)
        if last <= checked:
            return checked
        blocks = set(await self._node.block_slots(checked + 1, last))
        if not blocks:
            return checked
        # What lies above the newest block of the answer is not judged: the answer may be cut.
        missing = {slot for slot in range(checked + 1, max(blocks)) if slot not in blocks}
        sure = max(checked, min(finalized - MARGIN_SLOTS, max(blocks) - 1))
        # Before what is stored is read: what is stored after that is late, and told to `stored`.
        self._sure = sure
        late = await self._late_and_gone()
        doubted = await self._standing(missing | late)
        self._late -= late - {slot for _, slot in doubted}
        self._return(blocks)
        self._doubts = await self._judge(self._doubts, doubted)
        sure = min([sure, *(slot - 1 for _, slot in self._doubts if slot > checked)])
        self._gone = {slot: gone for slot, gone in self._gone.items() if slot > sure}
        return sure

    async def _late_and_gone(self) -> set[int]:
        """Slots long passed, in which something was stored late, that have no block."""
        if not self._late:
            return set()
        first = min(self._late)
        span = range(first, min(max(self._late), first + _MOST_SLOTS) + 1)
        try:
            blocks = set(await self._node.block_slots(first, span.stop - 1 + MARGIN_SLOTS))
        except NodeError:  # another time: what is new must not wait for what is old
            return set()
        self._late -= blocks
        newest = max(blocks, default=-1)
        return {slot for slot in self._late if slot in span and slot < newest}

    async def _standing(self, slots: Collection[int]) -> set[Landing]:
        if not slots:
            return set()
        async with self._writer.transaction() as connection:
            stored = await finality.landings_in(connection, slots)
        return {landing for landings in stored.values() for landing in landings}

    async def _judge(
        self, doubts: Mapping[Landing, int], doubted: Collection[Landing]
    ) -> dict[Landing, int]:
        """Count who is doubted once more, take back what is doubted often enough; the rest."""
        counts = {landing: doubts.get(landing, 0) + 1 for landing in doubted}
        if counts.keys() - doubts.keys():
            self._hurry_on()
        convicted = {landing for landing, count in counts.items() if count >= _TIMES}
        if not convicted or not await self._is_agreed(convicted):
            return counts
        taken = await withdraw(self._writer, convicted)
        slots = {slot for _, slot in convicted}
        _log.info("retracted", events=taken, transactions=len(convicted), first_slot=min(slots))
        for landing in convicted:
            self._gone.setdefault(landing[1], set()).add(landing)
        return {landing: count for landing, count in counts.items() if landing not in convicted}

    async def _is_agreed(self, landings: Iterable[Landing]) -> bool:
        """Ask for a few of the transactions themselves: none may be where it was stored."""
        for signature, slot in sorted(landings)[:_SAMPLE]:
            raw = await self._node.transaction_of_any(signature_b58(signature))
            if raw is not None and parse_transaction(raw).slot in (slot, None):
                metrics.FINALITY_DISAGREEMENTS.inc()
                return False
        return True

    def _return(self, blocks: Collection[int]) -> None:
        """Slots that were abandoned and are the chain now: let their transactions come again."""
        for slot in [slot for slot in self._gone if slot in blocks]:
            for signature, _ in self._gone.pop(slot):
                self._delivered.discard((signature_b58(signature), slot))

    async def _tell(self, row: FinalityRow) -> None:
        """Store it and tell it as a state, when it changed, at most once a second."""
        metrics.FINALITY_SLOT.labels("confirmed").set(row.confirmed_slot)
        metrics.FINALITY_SLOT.labels("finalized").set(row.finalized_slot)
        old, self._row = self._row, row
        now = asyncio.get_running_loop().time()
        if (old == row and self._told_at) or now - self._told_at < _TELL_EVERY_S:
            return
        async with self._writer.transaction() as connection:
            await finality.save(connection, row)
            told = Finality(confirmed_slot=row.confirmed_slot, finalized_slot=row.finalized_slot)
            await put_state(connection, "finality", msgspec.json.encode(told).decode())
        self._told_at = now
