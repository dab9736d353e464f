"""The writer's lease: one row that says who may write, and a token that fences out who may not.

Every batch locks the row in share mode and finds its own token in it, or fails. Who takes the lease
over changes the token, and must for that wait until no batch is under way: so after it nothing of
the old holder can be committed, however late it wakes up.

The lease is free when its holder's connection is gone, or when its pulse stands still. The pulse is
a count, and who waits measures by its own monotonic clock how long it has not changed: clocks that
step, here or at the server, neither keep a dead holder alive nor end a living one.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from contextlib import suppress

import asyncpg

from db.pool import Connection, Pool

PULSE_S = 0.5
"""How often a holder shows that it lives."""
STALE_S = 2.5
"""A pulse that has stood still for so long: the holder hangs."""
_LOCK_TIMEOUT_MS = 500
_TIMEOUT_S = 10

_STATE = """
    SELECT l.token, l.pid, p.beat, EXISTS (
        SELECT FROM pg_stat_activity a WHERE a.pid = l.pid
        AND (a.backend_start IS NULL OR a.backend_start = l.pid_started)) AS is_connected
    FROM writer_lease l, writer_pulse p"""
_TAKE = """
    WITH taken AS (
        UPDATE writer_lease SET token = token + 1, holder = $2, taken_at = clock_timestamp(),
            pid = pg_backend_pid(), pid_started = (
                SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid())
        WHERE token = $1 RETURNING token)
    UPDATE writer_pulse p SET token = taken.token, beat = 0 FROM taken RETURNING taken.token"""


class Lease:
    """One writer's wish for the lease. Not for concurrent use."""

    def __init__(self) -> None:
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._seen: tuple[int, int] | None = None
        self._since = 0.0

    async def take(self, connection: Connection) -> int | None:
        """The new token if the lease was free, for as long as this connection lives; else None."""
        state = await connection.fetchrow(_STATE, timeout=_TIMEOUT_S)
        if state is None or not self._is_free(state):
            return None
        try:
            async with connection.transaction():
                await connection.execute(f"SET LOCAL lock_timeout = {_LOCK_TIMEOUT_MS}")
                token: int | None = await connection.fetchval(
                    _TAKE, state["token"], self._name, timeout=_TIMEOUT_S
                )
        except asyncpg.LockNotAvailableError:
            # It hangs inside a transaction: what it has not committed must not wait for it.
            with suppress(asyncpg.InsufficientPrivilegeError):
                await connection.execute("SELECT pg_terminate_backend($1)", state["pid"])
            return None
        self._seen = None
        return token

    def _is_free(self, state: asyncpg.Record) -> bool:
        if not state["is_connected"]:
            return True
        seen, now = (state["token"], state["beat"]), time.monotonic()
        if seen != self._seen:
            self._seen, self._since = seen, now
        return now - self._since >= STALE_S


async def is_held(connection: Connection, token: int) -> bool:
    """Inside a transaction: whether the token is the newest. It stays so until the commit."""
    newest = await connection.fetchval(
        "SELECT token FROM writer_lease FOR SHARE", timeout=_TIMEOUT_S
    )
    return bool(newest == token)


async def release(connection: Connection, token: int) -> None:
    """Give it up, if it is still ours."""
    await connection.execute(
        "UPDATE writer_lease SET pid = NULL WHERE token = $1", token, timeout=_TIMEOUT_S
    )


async def beat(pool: Pool, token: int, transient: tuple[type[Exception], ...]) -> None:
    """Show that the holder lives, on another connection than its batches', until the lease is
    another's. What may pass is passed over: `transient`.
    """
    while True:
        with suppress(*transient):
            done = await pool.execute(
                "UPDATE writer_pulse SET beat = beat + 1 WHERE token = $1",
                token,
                timeout=_TIMEOUT_S,
            )
            if done == "UPDATE 0":
                return
        await asyncio.sleep(PULSE_S)
