"""Who may mint or freeze tokens, as their mints' accounts say."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from db.pool import Connection, Pool

_AGAIN_S = 3_600
"""An authority may be given up, or away."""


class Authorities(msgspec.Struct, frozen=True, kw_only=True):
    """Of a mint, at a slot. None: nobody may."""

    mint_authority: bytes | None
    freeze_authority: bytes | None
    slot: int


async def due(target: Pool | Connection, most: int, newest: int) -> list[bytes]:
    """Mints to read: of the `newest` tokens those that never were, then those that may differ."""
    rows = await target.fetch(
        """(SELECT t.mint
            FROM (SELECT mint, first_seq FROM tokens ORDER BY first_seq DESC LIMIT $2) t
            WHERE NOT EXISTS (SELECT FROM mint_authorities a WHERE a.mint = t.mint)
            ORDER BY t.first_seq DESC LIMIT $1)
           UNION ALL
           (SELECT mint FROM mint_authorities WHERE due_at <= now() ORDER BY due_at LIMIT $1)
           LIMIT $1""",
        most, newest,
    )  # fmt: skip
    return [row["mint"] for row in rows]


async def store(
    target: Pool | Connection, slot: int, found: Mapping[bytes, Authorities | None]
) -> None:
    """Write down what was read at a slot; None: there is no such mint (yet). What is known of a
    later slot stays.
    """
    await target.executemany(
        f"""INSERT INTO mint_authorities AS old
                (mint, is_mint, mint_authority, freeze_authority, slot, due_at)
            VALUES ($1, $2, $3, $4, $5,
                CASE WHEN NOT $2 OR $3::bytea IS NOT NULL OR $4::bytea IS NOT NULL
                    THEN now() + make_interval(secs => {_AGAIN_S}) END)
            ON CONFLICT (mint) DO UPDATE SET is_mint = EXCLUDED.is_mint,
                mint_authority = EXCLUDED.mint_authority,
                freeze_authority = EXCLUDED.freeze_authority, slot = EXCLUDED.slot,
                due_at = EXCLUDED.due_at
            WHERE EXCLUDED.slot >= old.slot""",  # noqa: S608 - a constant
        [
            (mint, one is not None, one and one.mint_authority, one and one.freeze_authority, slot)
            for mint, one in found.items()
        ],
    )


async def authorities_of(target: Pool | Connection, mint: bytes) -> Authorities | None:
    """None: not read yet, or there was no such mint."""
    row = await target.fetchrow(
        "SELECT mint_authority, freeze_authority, slot FROM mint_authorities "
        "WHERE mint = $1 AND is_mint",
        mint,
    )
    return None if row is None else Authorities(**dict(row))
