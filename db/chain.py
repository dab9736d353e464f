"""Which chain the database holds."""

from __future__ import annotations

from db.pool import Pool


async def genesis_hash(pool: Pool) -> str | None:
    """Base58; None before the indexer has claimed the database for a chain."""
    found: str | None = await pool.fetchval("SELECT genesis_hash FROM chain")
    return found
