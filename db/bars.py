"""Bars of asked-for intervals as they are now, rolled up of those that are stored."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

import msgspec

from db.pool import Pool

INTERVALS: Mapping[str, int] = MappingProxyType(
    {"1s": 1, "15s": 15, "1m": 60, "5m": 300, "15m": 900, "1h": 3600, "4h": 14_400, "1d": 86_400}
)
"""Seconds of a bar by the interval's name."""

_STORED = (3600, 60, 1)
_TIMEOUT_S = 5.0


class Asked(msgspec.Struct, frozen=True):
    """One bar of a token. `start` is unix seconds; None: the newest there is."""

    mint: bytes
    interval_s: int
    start: int | None


class Bar(msgspec.Struct, frozen=True, gc=False):
    """A bar; prices and volumes are decimal texts, prices null where all its trades were withdrawn.

    `seq`: the feed's position at the moment of reading.
    """

    seq: int
    mint: bytes
    interval_s: int
    start: int
    open: str | None
    high: str | None
    low: str | None
    close: str | None
    volume_base: str
    volume_quote: str
    trades: int
    rev: int


async def bars(pool: Pool, asked: Collection[Asked]) -> list[Bar]:
    """Of those that are asked for, the ones that exist, all as of one moment.

    `rev` only grows: it is the sum of what the bar is rolled up of.
    """
    each = list(asked)
    rows = await pool.fetch(
        """SELECT h.seq, b.mint, b.interval_s, b.start,
                  trim_scale((array_agg(c.open ORDER BY c.start) FILTER (WHERE c.trades > 0))[1])
                      ::text AS open,
                  trim_scale(max(c.high) FILTER (WHERE c.trades > 0))::text AS high,
                  trim_scale(min(c.low) FILTER (WHERE c.trades > 0))::text AS low,
                  trim_scale((array_agg(c.close ORDER BY c.start DESC)
                      FILTER (WHERE c.trades > 0))[1])::text AS close,
                  sum(c.volume_base)::text AS volume_base,
                  sum(c.volume_quote)::text AS volume_quote,
                  sum(c.trades)::int AS trades, sum(c.rev)::bigint AS rev
           FROM feed_head h,
                (SELECT DISTINCT k.id, a.mint, a.interval_s, a.stored_s, coalesce(a.start, (
                     SELECT n.start - n.start % a.interval_s FROM candle_rows n
                     WHERE n.token_id = k.id AND n.interval_s = a.stored_s
                     ORDER BY n.start DESC LIMIT 1)) AS start
                 FROM unnest($1::bytea[], $2::int[], $3::int[], $4::bigint[])
                     AS a (mint, interval_s, stored_s, start)
                     JOIN keys k ON k.key = a.mint) b
                JOIN candle_rows c ON c.token_id = b.id AND c.interval_s = b.stored_s
                    AND c.start >= b.start AND c.start < b.start + b.interval_s
           GROUP BY h.seq, b.mint, b.interval_s, b.start ORDER BY b.start, b.interval_s""",
        [one.mint for one in each],
        [one.interval_s for one in each],
        [_stored(one.interval_s) for one in each],
        [one.start for one in each],
        timeout=_TIMEOUT_S,
    )
    return [Bar(**row) for row in rows]


def _stored(interval_s: int) -> int:
    """The longest stored interval that this one is made of."""
    return next(stored for stored in _STORED if interval_s % stored == 0)
