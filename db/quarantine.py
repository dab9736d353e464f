"""What could not be decoded, kept whole until a newer version can."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from db.pool import Connection, Pool
from db.requests import Landing, served

__all__ = ["Kept", "Landing", "among", "count", "page", "release"]


class Kept(msgspec.Struct, frozen=True):
    """One transaction of which something lies in quarantine."""

    signature: bytes
    slot: int

    @property
    def landing(self) -> Landing:
        """Its key."""
        return self.signature, self.slot


async def count(pool: Pool) -> int:
    """How many transactions have something in quarantine."""
    return int(await pool.fetchval("SELECT count(DISTINCT (signature, slot)) FROM quarantine"))


async def page(pool: Pool, after: Kept | None, limit: int) -> list[Kept]:
    """The next transactions with something in quarantine, by slot and signature."""
    rows = await pool.fetch(
        """SELECT DISTINCT slot, signature FROM quarantine WHERE (slot, signature) > ($1, $2)
           ORDER BY slot, signature LIMIT $3""",
        -1 if after is None else after.slot,
        b"" if after is None else after.signature,
        limit,
    )
    return [Kept(row["signature"], row["slot"]) for row in rows]


async def among(pool: Pool, landings: Collection[Landing]) -> set[Landing]:
    """Which of these have something in quarantine."""
    rows = await pool.fetch(
        """SELECT DISTINCT signature, slot FROM quarantine
           JOIN unnest($1::bytea[], $2::int8[]) AS k (signature, slot) USING (signature, slot)""",
        [signature for signature, _ in landings],
        [slot for _, slot in landings],
    )
    return {(row["signature"], row["slot"]) for row in rows}


async def release(connection: Connection, landings: Sequence[Landing]) -> None:
    """Take all rows of these transactions out, and the requests for them; what still fails is
    stored anew with the batch.
    """
    await connection.execute(
        """DELETE FROM quarantine q USING unnest($1::bytea[], $2::int8[]) AS gone (signature, slot)
           WHERE q.signature = gone.signature AND q.slot = gone.slot""",
        [signature for signature, _ in landings],
        [slot for _, slot in landings],
    )
    await served(connection, landings)
