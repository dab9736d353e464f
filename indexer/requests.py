"""Requests of commands that run beside the indexer: `audit --repair` and `requeue`.

There is one writer, so a command asks, by rows of a table; the indexer fetches the transactions and
puts them into its intake. A request ends in the database's transaction that stores what it brought.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection
from typing import TypeVar

import msgspec
import structlog

from common.errors import GiveUp, TryAgain
from db import requests
from db.pool import Pool
from db.requests import Landing
from db.writer import transient_errors
from indexer.backoff import Backoff, insist
from indexer.fetching import fetch
from indexer.pace import Priority
from indexer.rpc import Node, SignatureInfo
from indexer.updates import Intake, Update
from programs.keys import signature_b58

_EVERY_S = 0.5
_AT_ONCE = 32
_ATTEMPTS = 6
_PAUSE_S = 0.25
_ASK_EVERY_S = 0.2
_PATIENCE_S = 60.0
"""A command hears nothing from the indexer for so long: it isn't one, or it hangs."""

_T = TypeVar("_T")

_log = structlog.get_logger(__name__)


class Requests:
    """Serves them. `run` is a source of updates."""

    def __init__(self, node: Node, pool: Pool) -> None:
        self._node = node
        self._pool = pool
        self._put: set[Landing] = set()
        """On their way into the database."""

    async def run(self, intake: Intake) -> None:
        """For ever. Raises GiveUp only."""
        backoff = Backoff("requests")
        while True:
            waiting = await insist(backoff, self._waiting)
            self._put &= set(waiting)
            new = [landing for landing in waiting if landing not in self._put][:_AT_ONCE]
            for update in await asyncio.gather(*(self._fetched(landing) for landing in new)):
                if update is not None:
                    await intake.put(update)
            self._put.update(new)
            await asyncio.sleep(_EVERY_S if len(new) < _AT_ONCE else 0)

    async def _waiting(self) -> list[Landing]:
        return await _quietly(requests.waiting(self._pool, len(self._put) + _AT_ONCE))

    async def _fetched(self, landing: Landing) -> Update | None:
        signature, slot = signature_b58(landing[0]), landing[1]
        reason = ""
        for attempt in range(_ATTEMPTS):
            try:
                update = await fetch(
                    self._node,
                    SignatureInfo(signature, slot),
                    Priority.HISTORY,
                    is_lenient=attempt == _ATTEMPTS - 1,
                    is_asked_of_all=True,
                )
            except TryAgain as error:
                reason = str(error)
                await asyncio.sleep(_PAUSE_S)
            else:
                return msgspec.structs.replace(update, is_requested=True)
        await insist(
            Backoff("requests"), lambda: _quietly(requests.fail(self._pool, landing, reason))
        )
        return None


async def ask_indexer(pool: Pool, landings: Collection[Landing]) -> set[Landing]:
    """Have the running indexer fetch and store these; returns those that it could not get.

    Raises GiveUp if it serves none of them for a minute, DatabaseUnavailable.
    """
    if not landings:
        return set()
    await _quietly(requests.ask(pool, landings))
    loop = asyncio.get_running_loop()
    open_before, deadline = len(landings), loop.time() + _PATIENCE_S
    while True:
        pending = await _quietly(requests.pending(pool, landings))
        open_now = sum(reason is None for reason in pending.values())
        if not open_now:
            break
        if open_now < open_before:
            open_before, deadline = open_now, loop.time() + _PATIENCE_S
        if loop.time() > deadline:
            raise GiveUp(
                "the indexer of this database does not serve requests",
                hint="Look at its log, or stop it and try again",
                waiting=open_now,
            )
        await asyncio.sleep(_ASK_EVERY_S)
    for (signature, slot), reason in pending.items():
        _log.warning(
            "transaction_missing", signature=signature_b58(signature), slot=slot, reason=reason
        )
    await _quietly(_forgotten(pool, pending))
    return set(pending)


async def _forgotten(pool: Pool, landings: Collection[Landing]) -> None:
    async with pool.acquire() as connection:
        await requests.served(connection, landings)


async def _quietly(work: Awaitable[_T]) -> _T:
    with transient_errors():
        return await work
