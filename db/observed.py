"""How Postgres is, for Prometheus: its own statistics, asked every few seconds."""

from __future__ import annotations

import asyncio

import asyncpg

from common import metrics
from db.feed import OUTAGE
from db.pool import Pool

_EVERY_S = 5.0
_TIMEOUT_S = 5.0
_COLUMNS = (
    "xact_commit", "xact_rollback", "blks_read", "blks_hit", "temp_bytes", "deadlocks", "conflicts",
)  # fmt: skip
_STATES = ("active", "idle", "idle in transaction", "other")

_STATISTICS = f"""
    SELECT {", ".join(_COLUMNS)}, pg_database_size(datid) AS size_bytes,
           CASE WHEN NOT pg_is_in_recovery()
                THEN pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 END AS wal_bytes
    FROM pg_stat_database WHERE datname = current_database()
"""  # noqa: S608 - our own names
_SESSIONS = """
    SELECT CASE WHEN state IN ('active', 'idle', 'idle in transaction') THEN state ELSE 'other' END
               AS state,
           count(*) AS sessions,
           coalesce(max(extract(epoch FROM now() - xact_start)), 0)::float8 AS oldest_s
    FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend'
    GROUP BY 1
"""


async def observe(pool: Pool) -> None:
    """Once. Raises what Postgres raises."""
    async with pool.acquire(timeout=_TIMEOUT_S) as connection:
        found = await connection.fetchrow(_STATISTICS, timeout=_TIMEOUT_S)
        sessions = await connection.fetch(_SESSIONS, timeout=_TIMEOUT_S)
    if found is None:
        return
    metrics.DATABASE_BYTES.set(found["size_bytes"])
    wal_bytes = found["wal_bytes"]
    metrics.DATABASE_WAL_BYTES.set(float("nan") if wal_bytes is None else wal_bytes)
    for column in _COLUMNS:
        metrics.DATABASE_STATISTICS.labels(column).set(found[column])
    counts = {row["state"]: row["sessions"] for row in sessions}
    for state in _STATES:
        metrics.DATABASE_SESSIONS.labels(state).set(counts.get(state, 0))
    metrics.DATABASE_OLDEST_SECONDS.set(max((row["oldest_s"] for row in sessions), default=0))


async def keep_observing(pool: Pool) -> None:
    """Until cancelled. Postgres being away, or our not being allowed to ask, only makes a pause:
    the figures stand still then, and nobody else suffers.
    """
    while True:
        try:
            await observe(pool)
        except (*OUTAGE, asyncpg.PostgresError):
            pass
        await asyncio.sleep(_EVERY_S)
