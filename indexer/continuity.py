"""A second proof that nothing is missing: the reserves of every curve form a chain.

The sweep believes a node's lists. This believes the program: a trade's reserves after it, less what
it moved, are the reserves before it. Where neither the virtual nor the real ones are, the curve's
own address is swept over the slots of the break, at every endpoint, and what a list names and is
not stored is fetched. A break that this does not close is counted as unexplained:
docs/continuity.md says what may cause one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from common import metrics
from common.errors import TryAgain
from db import continuity
from db.continuity import Break
from db.pool import Pool
from db.writer import transient_errors
from indexer.backoff import Backoff
from indexer.pace import Priority
from indexer.rpc import PAGE, Node, SignatureInfo
from indexer.updates import Update
from programs.keys import b58, signature_of

_EVERY_S = 2.0
_MOST_SLOTS = 2_000
_MOST_REPAIRS = 20
"""Breaks swept in one look; the others wait."""
_ATTEMPTS = 3
_PAGES = 10

_log = structlog.get_logger(__name__)


class Continuity:
    """Looks at what the frontier has passed. `want` is who fetches what was found missing."""

    def __init__(self, node: Node, pool: Pool, want: Callable[[Update], None]) -> None:
        self._node = node
        self._pool = pool
        self._want = want
        self._checked: int | None = None
        self._open: dict[Break, int] = {}
        self._passed: set[Break] = set()
        """Unexplained ones that the next look may come across again."""

    async def run(self) -> None:
        """For ever. Raises GiveUp only."""
        backoff = Backoff("continuity")
        while True:
            try:
                await self.look()
            except TryAgain as error:
                await backoff.failed(error)
                continue
            backoff.succeeded()
            await asyncio.sleep(_EVERY_S)

    async def look(self) -> list[Break]:
        """Check what is new below the frontier and what was broken before; returns what is broken.

        A look begins where the last one found no break: what was repaired is checked again.
        """
        with transient_errors():
            async with self._pool.acquire(timeout=10) as connection:
                frontier = await continuity.frontier(connection)
                if self._checked is None:
                    self._checked = max(-1, frontier - _MOST_SLOTS)
                last = min(frontier, self._checked + _MOST_SLOTS)
                if last <= self._checked:
                    return []
                found = await continuity.links(connection, self._checked + 1, last)
        breaks = found.breaks
        metrics.CONTINUITY_LINKS.inc(found.held + found.repriced + len(breaks))
        metrics.CONTINUITY_BREAKS.labels("repriced").inc(found.repriced)
        given_up = {one for one in breaks if self._open.get(one, 0) >= _ATTEMPTS}
        self._passed |= given_up
        waiting = [one for one in breaks if one not in self._passed]
        for one in waiting[:_MOST_REPAIRS]:
            await self._repair(one)
        self._close(set(breaks), given_up)
        # Breaks that may still close hold the next look back to their slots.
        self._checked = checked = min([last, *(one.last - 1 for one in waiting)])
        self._passed = {one for one in self._passed if one.last > checked}
        return breaks

    async def _repair(self, one: Break) -> None:
        """Sweep the curve's address over the slots of the break."""
        attempts = self._open[one] = self._open.get(one, 0) + 1
        if attempts == 1:
            metrics.CONTINUITY_BREAKS.labels("found").inc()
            _log.warning("reserves_broken", mint=b58(one.mint), slots=f"{one.first}-{one.last}")
        infos = {
            (signature_of(info.signature), info.slot): info
            for info in await self._listed_by_all(one)
            if info.err is None and one.first <= info.slot <= one.last
        }
        with transient_errors():
            async with self._pool.acquire(timeout=10) as connection:
                missing = await continuity.missing_of(connection, list(infos))
        for key in missing:
            info = infos[key]
            self._want(Update(signature=info.signature, slot=info.slot, err=None))

    async def _listed_by_all(self, one: Break) -> list[SignatureInfo]:
        """What any endpoint lists: the one that is used may be the one that hides something."""
        lists = await asyncio.gather(
            *(self._listed(node, one) for node in self._node.well), return_exceptions=True
        )
        failures = [found for found in lists if isinstance(found, BaseException)]
        if len(failures) == len(lists):
            raise failures[0]
        return [info for found in lists if not isinstance(found, BaseException) for info in found]

    async def _listed(self, node: Node, one: Break) -> list[SignatureInfo]:
        found: list[SignatureInfo] = []
        before = None
        for _ in range(_PAGES):
            page = await node.signatures(b58(one.pool), before, priority=Priority.GAP)
            found += page
            if len(page) < PAGE or page[-1].slot < one.first:
                break
            before = page[-1].signature
        return found

    def _close(self, broken: set[Break], given_up: set[Break]) -> None:
        """Count those that are over, one way or the other."""
        for one, attempts in list(self._open.items()):
            if one in given_up:
                metrics.CONTINUITY_BREAKS.labels("unexplained").inc()
                _log.warning("break_unexplained", mint=b58(one.mint), attempts=attempts)
                del self._open[one]
            elif one not in broken:
                metrics.CONTINUITY_BREAKS.labels("repaired").inc()
                _log.info("break_repaired", mint=b58(one.mint), slots=f"{one.first}-{one.last}")
                del self._open[one]
