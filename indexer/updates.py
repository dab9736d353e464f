"""What sources hand to the pipeline, and the bounded way between them."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Protocol, TypeAlias

import msgspec

from db.coverage import Marking
from programs.rpc_json import LogsNotification, Transaction


class Update(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction that landed and names a launchpad: as notified, or all of it."""

    signature: str
    slot: int
    err: object | None
    notification: LogsNotification | None = None
    transaction: Transaction | None = None
    block_time: int | None = None
    tx_index: int | None = None
    """Index in the block, where known."""
    is_requested: bool = False
    """A command asked for it: with it goes the request, and what of it lies in quarantine."""
    received_at: float = msgspec.field(default_factory=time.monotonic)


class Mark(msgspec.Struct, frozen=True):
    """All that the marking vouches for was put before it. `dropped`: signatures and slots that were
    announced and did not survive, so that nobody waits for them.
    """

    marking: Marking
    dropped: tuple[tuple[str, int], ...] = ()


Item: TypeAlias = Update | Mark
"""What travels through an intake, in order."""


def update_of(notification: LogsNotification) -> Update:
    """A notification as update."""
    return Update(
        signature=notification.signature,
        slot=notification.slot,
        err=notification.err,
        notification=notification,
    )


def recorded_logs(update: Update) -> bytes:
    """All log lines that are known of it, for the quarantine."""
    source = update.transaction or update.notification
    return b"" if source is None else "\n".join(source.logs).encode()


class Source(Protocol):
    """Where updates come from."""

    async def run(self, intake: Intake) -> None:
        """Put updates in the order of their slots, until there are no more or cancelled.

        Whatever is put reaches the database or the process dies. Raises GiveUp only.
        """
        ...


class Intake:
    """A bounded queue of updates and marks: who puts into a full one waits, and nothing is ever
    dropped.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._updates: deque[Item] = deque()
        self._changed = asyncio.Condition()
        self._is_closed = False

    def __len__(self) -> int:
        return len(self._updates)

    async def put(self, update: Item) -> None:
        """Add one, once there is room."""
        async with self._changed:
            while len(self._updates) >= self._limit:
                await self._changed.wait()
            self._updates.append(update)
            self._changed.notify_all()

    async def take(self, most: int) -> list[Item]:
        """All that is there, at most `most`, at least one; empty when it is closed and drained."""
        async with self._changed:
            while not self._updates and not self._is_closed:
                await self._changed.wait()
            taken = [self._updates.popleft() for _ in range(min(most, len(self._updates)))]
            self._changed.notify_all()
            return taken

    async def close(self) -> None:
        """No more will be put."""
        async with self._changed:
            self._is_closed = True
            self._changed.notify_all()
