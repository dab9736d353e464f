"""Windows of time that end now: of tokens as they are kept, of one token exactly."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import msgspec

from db.pool import Connection, Pool
from db.reads.moment import TIMEOUT_S, Moment, at_moment, rows_of
from db.windows import EXACT_OF_MINT, WINDOWS, Window, windows_of

LISTED = ("1h", "24h")
"""Those that lists of tokens carry."""


class WindowRow(msgspec.Struct, frozen=True):
    """A row of `token_windows`, as it was computed some seconds ago."""

    token_id: int
    window_s: int
    volume_base: int
    volume_quote: int
    buys: int
    sells: int
    buyers: int
    sellers: int
    price_change_bps: int | None


async def listed_windows(
    connection: Connection, token_ids: Sequence[int]
) -> dict[int, dict[str, WindowRow]]:
    """The windows that lists carry, by token and name. A token without a trade in them has none."""
    records = await connection.fetch(
        "SELECT token_id, window_s, volume_base, volume_quote, buys, sells, buyers, sellers, "
        "price_change_bps FROM token_windows WHERE token_id = ANY($1) AND window_s = ANY($2)",
        token_ids,
        [WINDOWS[name] for name in LISTED],
        timeout=TIMEOUT_S,
    )
    return _by_token(rows_of(WindowRow, records))


def _by_token(rows: Iterable[WindowRow]) -> dict[int, dict[str, WindowRow]]:
    names = {seconds: name for name, seconds in WINDOWS.items()}
    found: dict[int, dict[str, WindowRow]] = {}
    for row in rows:
        found.setdefault(row.token_id, {})[names[row.window_s]] = row
    return found


async def exact_windows(pool: Pool, mint: bytes) -> tuple[Moment, dict[str, Window] | None]:
    """Every window of a token that ends now, by name; None: the token was never seen."""
    lengths = list(WINDOWS.values())
    moment, records = await at_moment(pool, EXACT_OF_MINT, int(time.time()), mint, lengths)
    if not records:
        return moment, None
    found = windows_of(records)
    names = {seconds: name for name, seconds in WINDOWS.items()}
    return moment, {names[one.window_s]: one for one in found}
