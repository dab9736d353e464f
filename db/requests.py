"""What commands ask of the one writer: transactions to fetch and decode again."""

# ruff: noqa: S608 - what is put into statements is written in this file

from __future__ import annotations

from collections.abc import Collection
from typing import TypeAlias

from db.pool import Connection, Pool

Landing: TypeAlias = "tuple[bytes, int]"
"""(signature, slot): one transaction in one slot."""

_THESE = "unnest($1::bytea[], $2::int8[]) AS k (signature, slot)"


async def ask(pool: Pool, landings: Collection[Landing]) -> None:
    """Let the indexer fetch these and store what it finds, in quarantine or not."""
    await pool.execute(
        f"""INSERT INTO requests (signature, slot) SELECT DISTINCT * FROM {_THESE}
            ON CONFLICT (signature, slot) DO UPDATE SET failed = NULL, asked_at = now()""",
        *_columns(landings),
    )


async def waiting(pool: Pool, limit: int) -> list[Landing]:
    """The next to be served, by slot."""
    rows = await pool.fetch(
        "SELECT signature, slot FROM requests WHERE failed IS NULL ORDER BY slot LIMIT $1", limit
    )
    return [(row["signature"], row["slot"]) for row in rows]


async def fail(pool: Pool, landing: Landing, reason: str) -> None:
    """This one can't be served."""
    await pool.execute(
        "UPDATE requests SET failed = $3 WHERE signature = $1 AND slot = $2", *landing, reason[:500]
    )


async def served(connection: Connection, landings: Collection[Landing]) -> None:
    """These are, with the transaction that is under way."""
    await connection.execute(
        f"""DELETE FROM requests q USING {_THESE}
            WHERE q.signature = k.signature AND q.slot = k.slot""",
        *_columns(landings),
    )


async def pending(pool: Pool, landings: Collection[Landing]) -> dict[Landing, str | None]:
    """Those of them that are not served, and why, if they can't be."""
    rows = await pool.fetch(
        f"SELECT signature, slot, failed FROM requests JOIN {_THESE} USING (signature, slot)",
        *_columns(landings),
    )
    return {(row["signature"], row["slot"]): row["failed"] for row in rows}


async def count_events(pool: Pool, landings: Collection[Landing]) -> int:
    """How many events of these transactions stand."""
    return int(
        await pool.fetchval(
            f"""SELECT (SELECT count(*) FROM trades JOIN {_THESE} USING (signature, slot)
                        WHERE NOT retracted)
                     + (SELECT count(*) FROM token_events JOIN {_THESE} USING (signature, slot)
                        WHERE NOT retracted)""",
            *_columns(landings),
        )
    )


def _columns(landings: Collection[Landing]) -> tuple[list[bytes], list[int]]:
    return [signature for signature, _ in landings], [slot for _, slot in landings]
