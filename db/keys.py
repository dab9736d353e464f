"""Numbers for names: keys (mints, wallets, pools), launchpads and lists of fees are stored once and
meant by a number everywhere else.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from db.pool import Connection

_TIMEOUT_S = 60

NO_QUOTE = 0
"""Stands for a quote mint that is not known, where null can't: in a primary key."""


class Ids(msgspec.Struct):
    """Numbers by key, by launchpad's name, and by names of fees."""

    keys: dict[bytes, int] = {}
    programs: dict[str, int] = {}
    fee_names: dict[str, int] = {}


_INTERN = """
WITH new_keys AS (
    INSERT INTO keys (key)
    SELECT key FROM unnest($1::bytea[]) AS w (key)
    WHERE NOT EXISTS (SELECT FROM keys k WHERE k.key = w.key)
    ORDER BY key ON CONFLICT DO NOTHING RETURNING id, key),
new_programs AS (
    INSERT INTO programs (name)
    SELECT name FROM unnest($2::text[]) AS w (name)
    WHERE NOT EXISTS (SELECT FROM programs p WHERE p.name = w.name)
    ORDER BY name ON CONFLICT DO NOTHING RETURNING id, name),
new_fees AS (
    INSERT INTO fee_names (names)
    SELECT names FROM unnest($3::text[]) AS w (names)
    WHERE NOT EXISTS (SELECT FROM fee_names n WHERE n.names = w.names)
    ORDER BY names ON CONFLICT DO NOTHING RETURNING id, names)
SELECT id, key, NULL AS program, NULL AS fees FROM new_keys
UNION ALL SELECT k.id, k.key, NULL, NULL FROM unnest($1::bytea[]) AS w (key) JOIN keys k USING (key)
UNION ALL SELECT id, NULL, name, NULL FROM new_programs
UNION ALL SELECT p.id, NULL, p.name, NULL FROM unnest($2::text[]) AS w (name)
          JOIN programs p USING (name)
UNION ALL SELECT id, NULL, NULL, names FROM new_fees
UNION ALL SELECT n.id, NULL, NULL, n.names FROM unnest($3::text[]) AS w (names)
          JOIN fee_names n USING (names)"""


async def intern(
    connection: Connection,
    keys: Collection[bytes],
    programs: Collection[str] = (),
    fee_names: Collection[str] = (),
) -> Ids:
    """The numbers of all these; what was not seen before gets one.

    Waits for other writers that are giving a number to one of these: call it before the lock on the
    feed's head is taken.
    """
    ids = Ids()
    wanted = len(keys) + len(programs) + len(fee_names)
    found = 0
    while found < wanted:  # once more where another writer gave them theirs meanwhile
        rows = await connection.fetch(
            _INTERN, list(keys), list(programs), list(fee_names), timeout=_TIMEOUT_S
        )
        for number, key, program, fees in rows:
            if key is not None:
                ids.keys[key] = number
            elif program is not None:
                ids.programs[program] = number
            else:
                ids.fee_names[fees] = number
        found = len(ids.keys) + len(ids.programs) + len(ids.fee_names)
    return ids


async def ids_of(connection: Connection, keys: Collection[bytes]) -> Mapping[bytes, int]:
    """The numbers of those of these keys that have one."""
    rows = await connection.fetch(
        "SELECT key, id FROM keys WHERE key = ANY($1::bytea[])", list(keys), timeout=_TIMEOUT_S
    )
    return {row[0]: row[1] for row in rows}
