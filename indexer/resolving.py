"""Fetching what is known to exist and was not delivered, until it is handed over."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence

import msgspec

from common import metrics
from common.errors import TryAgain
from db.coverage import Place
from indexer.delivered import Delivered, Key
from indexer.fetching import LENIENT_AFTER, fetch
from indexer.holes import Hole, Holes
from indexer.pace import Priority
from indexer.rpc import Node, SignatureInfo
from indexer.updates import Intake, Update
from programs.keys import signature_of

_WINDOW = 32
_AT_ONCE = 1_000

Stored = Callable[[Collection[Key]], Awaitable[set[Key]]]
"""Which of these transactions have rows in the database."""


class Resolver:
    """Fills holes, in the chain's order, and remembers the places in the block it learnt."""

    def __init__(self, node: Node, delivered: Delivered, stored: Stored) -> None:
        self._node = node
        self._delivered = delivered
        self._stored = stored
        self.holes = Holes()
        self.is_live: Callable[[], bool] = lambda: False
        self._places: list[Place] = []
        self._in_hand: dict[Key, Update] = {}
        """Out of blocks: of the last round, and what waits for its notification."""

    def have(self, updates: dict[Key, Update]) -> None:
        """These need not be fetched."""
        self._in_hand |= updates

    def forget_filled(self) -> None:
        """Let go of what no hole waits for."""
        self._in_hand = {key: each for key, each in self._in_hand.items() if key in self.holes}

    def take_places(self) -> tuple[Place, ...]:
        """Places learnt since the last time."""
        places, self._places = tuple(self._places), []
        return places

    def place(self, info: SignatureInfo) -> None:
        """It was handed over, and this is its index in the block, where the list says it."""
        key = info.signature, info.slot
        if info.transaction_index is not None and not self._delivered.is_placed(key):
            self._delivered.add(key, is_placed=True)
            place = Place(signature_of(info.signature), info.slot, info.transaction_index)
            self._places.append(place)
        self.holes.close(key)

    async def resolve(self, intake: Intake, priority: Priority) -> None:
        """Try every hole that is due, once; what was fetched is put in the chain's order."""
        while holes := self.holes.take(_now(), _AT_ONCE):
            try:
                await self._fetch_all(await self._not_stored(holes), intake, priority)
            finally:
                for hole in holes:
                    hole.is_busy = False

    async def _not_stored(self, holes: Sequence[Hole]) -> list[Hole]:
        """Without those that arrived meanwhile, or are in the database from before."""
        missing = [hole for hole in holes if hole.key not in self._delivered]
        wanted = [hole.key for hole in missing if hole.program]
        stored = await self._stored(wanted) if wanted else set()
        for key in stored:
            self._delivered.add(key)
        for hole in holes:
            if hole.key in self._delivered:
                self.place(hole.info)
        return [hole for hole in missing if hole.key not in stored]

    async def _fetch_all(self, holes: Sequence[Hole], intake: Intake, priority: Priority) -> None:
        window: deque[tuple[Hole, asyncio.Task[Update]]] = deque()
        try:
            for hole in holes:
                task = asyncio.create_task(self._fetch(hole, priority))
                window.append((hole, task))
                if len(window) >= _WINDOW:
                    await self._hand_over(*window.popleft(), intake)
            while window:
                await self._hand_over(*window.popleft(), intake)
        finally:
            for _, task in window:
                task.cancel()
            await asyncio.gather(*(task for _, task in window), return_exceptions=True)

    async def _fetch(self, hole: Hole, priority: Priority) -> Update:
        in_hand = self._in_hand.get(hole.key)
        if in_hand is not None:
            return in_hand
        return await fetch(
            self._node,
            hole.info,
            priority,
            is_lenient=hole.attempts >= LENIENT_AFTER,
            is_asked_of_all=hole.attempts > 0 or not hole.program,
        )

    async def _hand_over(self, hole: Hole, task: asyncio.Task[Update], intake: Intake) -> None:
        try:
            update = await task
        except TryAgain as error:
            self.holes.failed(hole, str(error), _now())
            return
        if hole.key not in self._delivered:
            await intake.put(update)
            self._delivered.add(hole.key)
            metrics.SWEEP_MISSED.inc(self.is_live() and bool(hole.program))
        # Its notification may have come meanwhile, and be the one that is stored.
        self.place(msgspec.structs.replace(hole.info, transaction_index=update.tx_index))
        self.holes.close(hole.key)


def _now() -> float:
    return asyncio.get_running_loop().time()
