"""Who is signed out: a short list that every instance follows, so that it hears within a second.

The table is the truth, NOTIFY only the hurry: both go over one connection, which is asked anew
every `poll_s`, so a connection that has died without a word is noticed by that very question.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import msgspec

from db.pool import Connection, Pool

CHANNEL = "auth"
_LOCK = 0x61757468
"""Number of the advisory lock: "auth"."""
_TIMEOUT_S = 5.0


class Revocation(msgspec.Struct, frozen=True):
    """One session's end, or of all tokens of a wallet whose version is below."""

    wallet: bytes
    session: bytes | None = None
    below_version: int | None = None
    expires_at: float = 0.0
    """Unix seconds, by the database's clock: all tokens concerned have expired then."""

    def concerns(self, wallet: bytes, session: bytes, version: int) -> bool:
        """Does it end what was signed in like this?"""
        if self.session is not None:
            return self.session == session
        return self.wallet == wallet and version < (self.below_version or 0)


async def record(connection: Connection, revocation: Revocation, remember_s: int) -> None:
    """Tell every instance, when the transaction commits. Do it last in the transaction.

    The lock makes numbers be given in commit order.
    """
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
    await connection.execute(
        """WITH added AS (
               INSERT INTO auth_revocations (wallet, session, below_version, expires_at)
               VALUES ($1, $2, $3, now() + make_interval(secs => $4)) RETURNING number)
           SELECT pg_notify($5, number::text) FROM added""",
        revocation.wallet,
        revocation.session,
        revocation.below_version,
        remember_s,
        CHANNEL,
    )


async def follow(pool: Pool, poll_s: float) -> AsyncGenerator[list[Revocation], None]:
    """Revocations that have not expired, and from then on each as it is committed.

    Yields after every read, also an empty list: the reader knows how fresh its knowledge is. Holds
    one connection of the pool; raises db.feed.OUTAGE errors when it is lost.
    """
    wake = asyncio.Event()

    def on_notify(*_: object) -> None:
        wake.set()

    async with pool.acquire(timeout=_TIMEOUT_S) as connection:
        await connection.add_listener(CHANNEL, on_notify)
        try:
            number = 0
            while True:
                wake.clear()
                number, found = await _after(connection, number)
                yield found
                try:
                    await asyncio.wait_for(wake.wait(), poll_s)
                except TimeoutError:
                    continue
        finally:
            if not connection.is_closed():
                await connection.remove_listener(CHANNEL, on_notify)


async def _after(connection: Connection, number: int) -> tuple[int, list[Revocation]]:
    """Newest number, and what came after this one."""
    rows = await connection.fetch(
        """SELECT number, wallet, session, below_version, extract(epoch FROM expires_at)::float8
           FROM auth_revocations WHERE number > $1 AND expires_at > now() ORDER BY number""",
        number,
        timeout=_TIMEOUT_S,
    )
    newest = rows[-1]["number"] if rows else number
    return newest, [Revocation(*list(row.values())[1:]) for row in rows]
