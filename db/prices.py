"""Prices of quote mints in dollars: every reading is kept, so that a trade has that of its time."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from db.pool import Connection, Pool


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """A price as its source said it. `price`: dollars of a whole quote token."""

    price: Decimal
    observed_at: int
    """Unix seconds: when the source says it held."""
    source: str
    confidence: Decimal | None = None
    slot: int | None = None


async def store(target: Pool | Connection, mint: bytes, reading: Reading) -> bool:
    """Keep a reading; False: this moment's is kept already."""
    done: str = await target.execute(
        """INSERT INTO quote_prices (quote_mint, observed_at, price, confidence, source, slot)
           VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING""",
        mint, reading.observed_at, reading.price, reading.confidence, reading.source, reading.slot,
    )  # fmt: skip
    return done.endswith(" 1")


async def newest(target: Pool | Connection) -> dict[bytes, Reading]:
    """The newest reading of every quote mint, however old."""
    rows = await target.fetch(
        """WITH RECURSIVE mints AS (
               (SELECT quote_mint FROM quote_prices ORDER BY quote_mint LIMIT 1)
               UNION ALL
               SELECT (SELECT p.quote_mint FROM quote_prices p WHERE p.quote_mint > m.quote_mint
                       ORDER BY p.quote_mint LIMIT 1)
               FROM mints m WHERE m.quote_mint IS NOT NULL)
           SELECT n.* FROM mints m CROSS JOIN LATERAL (
               SELECT * FROM quote_prices p WHERE p.quote_mint = m.quote_mint
               ORDER BY p.observed_at DESC LIMIT 1) n"""
    )
    return {
        row["quote_mint"]: Reading(
            price=Decimal(row["price"]),
            observed_at=row["observed_at"],
            source=row["source"],
            confidence=None if row["confidence"] is None else Decimal(row["confidence"]),
            slot=row["slot"],
        )
        for row in rows
    }
