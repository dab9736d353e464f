"""Which hubs there are, and what each says of itself; and what administrators publish by hand."""

from __future__ import annotations

from typing import Literal

import msgspec

from db.pool import Pool
from db.publish import Publication, append_event

_TIMEOUT_S = 5.0
_LOCK = 0x62637374
"""Number of the advisory lock: "bcst"."""


async def tell(pool: Pool, name: str, stats: str) -> None:
    """This hub's figures (JSON), now; forget hubs that have not been heard of for a minute."""
    await pool.execute(
        """WITH gone AS (DELETE FROM hubs WHERE told_at < clock_timestamp() - interval '1 minute')
           INSERT INTO hubs (name, stats) VALUES ($1, $2)
           ON CONFLICT (name) DO UPDATE SET stats = excluded.stats, told_at = clock_timestamp()""",
        name,
        stats,
        timeout=_TIMEOUT_S,
    )


async def forget(pool: Pool, name: str) -> None:
    """This hub stops."""
    await pool.execute("DELETE FROM hubs WHERE name = $1", name, timeout=_TIMEOUT_S)


async def told(pool: Pool, max_age_s: float) -> dict[str, str]:
    """The figures (JSON) of every hub that was heard of lately, by name."""
    rows = await pool.fetch(
        """SELECT name, stats FROM hubs
           WHERE told_at > clock_timestamp() - make_interval(secs => $1) ORDER BY name""",
        max_age_s,
        timeout=_TIMEOUT_S,
    )
    return {row["name"]: row["stats"] for row in rows}


class Broadcast(msgspec.Struct, frozen=True):
    """An event that somebody publishes by hand: from which address, under which Idempotency-Key
    (None: without)."""

    publication: Publication
    actor: str
    key: str | None


class Repeated(msgspec.Struct, frozen=True):
    """The same request had been answered with this seq."""

    seq: int


Refused = Literal["key_reused", "too_many"]


async def broadcast(pool: Pool, asked: Broadcast, per_minute: int) -> int | Repeated | Refused:
    """Append the event and a row of the audit, both or neither; returns its seq.

    Under one key once, whichever instance is asked; `per_minute` over all instances.
    """
    event, data = asked.publication.event, asked.publication.data
    async with pool.acquire(timeout=_TIMEOUT_S) as connection, connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        before = await connection.fetchrow(
            "SELECT event, data, seq FROM broadcasts WHERE key = $1", asked.key
        )
        if before is not None:
            is_same = (before["event"], before["data"]) == (event, data)
            return Repeated(before["seq"]) if is_same else "key_reused"
        lately: int = await connection.fetchval(
            """SELECT count(*) FROM broadcasts
               WHERE created_at > clock_timestamp() - interval '1 minute'"""
        )
        if lately >= per_minute:
            return "too_many"
        seq = await append_event(connection, asked.publication)
        await connection.execute(
            "INSERT INTO broadcasts (key, actor, event, data, seq) VALUES ($1, $2, $3, $4, $5)",
            asked.key, asked.actor, event, data, seq,
        )  # fmt: skip
    return seq
