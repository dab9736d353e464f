"""Candles of a token: bars of a second, a minute and an hour are kept, others rolled up of them."""

# ruff: noqa: S608 - what is put into statements are names that are written in this file

from __future__ import annotations

import msgspec

from db.pool import Pool
from db.reads.moment import ID_OF, Arguments, Before, Page, at_moment, page_of, rows_of
from db.reads.trades import PLACE

_KEPT = (3_600, 60, 1)
_SLACK_S = 3_600
"""How far the chain's clock may be from that of its slots' order."""


class CandleView(msgspec.Struct, frozen=True):
    """A bar; prices and volumes are decimal texts. `last_seq` is that of the trade which gave
    `close`."""

    start: int
    interval_s: int
    open: str
    high: str
    low: str
    close: str
    volume_base: str
    volume_quote: str
    trades: int
    rev: int
    last_seq: int
    is_final: bool


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which bars: of a length, with starts in a range (both ends inside), as of a slot."""

    interval_s: int
    from_time: int | None = None
    to_time: int | None = None
    as_of_slot: int | None = None


_COLUMNS = """start, first_slot, first_seq, last_slot, last_seq, trades, rev, open, high, low,
    close, volume_base, volume_quote"""

_SETTLED = """(SELECT least((SELECT min(slot) FROM checkpoints),
    (SELECT checked_slot FROM finality)))"""
"""The slot up to which nothing is missing and nothing can be undone."""

_FINAL_TIME = f"""(SELECT f.block_time FROM trade_rows f WHERE f.slot <= {_SETTLED}
    AND f.block_time IS NOT NULL ORDER BY f.slot DESC LIMIT 1)"""
"""A moment on the chain's clock that lies before that."""


async def candles(
    pool: Pool, mint: bytes, wanted: Wanted, before: Before, limit: int
) -> Page[CandleView]:
    """Bars of a token with trades in them, newest first."""
    arguments = Arguments(mint)
    interval = wanted.interval_s
    kept = next(each for each in _KEPT if interval % each == 0)
    # Enough for one bar more than the page has, and for one whose beginning is cut off.
    rows = (limit + 2) * (interval // kept)
    bars = _kept(kept, wanted, _range(wanted, before, arguments), rows, arguments)
    has_slot = wanted.as_of_slot is not None
    settled = f"OR {arguments.add(wanted.as_of_slot)} <= {_SETTLED}" if has_slot else ""
    select = f"""SELECT b.*, {interval} AS interval_s,
            coalesce(b.start + {interval} <= {_FINAL_TIME} {settled}, false) AS is_final
        FROM ({_rolled(bars, interval)} LIMIT {limit + 1}) b ORDER BY b.start DESC"""
    moment, records = await at_moment(pool, select, *arguments.values)
    found = rows_of(CandleView, records)
    return page_of(moment, found, limit, lambda row: (row.start,))


def _range(wanted: Wanted, before: Before, arguments: Arguments) -> str:
    """A condition on the starts of kept bars, in whole bars of the wanted length."""
    ends = [before[0] if before is not None else None]
    if wanted.to_time is not None:
        ends.append(wanted.to_time // wanted.interval_s * wanted.interval_s + wanted.interval_s)
    conditions = [f"c.start < {arguments.add(end)}::bigint" for end in ends if end is not None]
    if wanted.from_time is not None:
        first = -(-wanted.from_time // wanted.interval_s) * wanted.interval_s
        conditions.append(f"c.start >= {arguments.add(first)}::bigint")
    return " AND ".join(conditions) or "true"


def _kept(kept: int, wanted: Wanted, range_: str, rows: int, arguments: Arguments) -> str:
    """Bars as they are kept, newest first, at most `rows`."""
    of_token = f"c.token_id = {ID_OF.format('$1')} AND c.interval_s = {kept} AND {range_}"
    newest = f"ORDER BY c.start DESC LIMIT {rows}"
    if wanted.as_of_slot is None:
        return f"SELECT {_COLUMNS} FROM candle_rows c WHERE {of_token} {newest}"
    slot = arguments.add(wanted.as_of_slot)
    known = f"""SELECT * FROM candle_rows c WHERE {of_token} AND c.first_slot <= {slot}
        AND c.start <= {_last_time(slot)} + {_SLACK_S} {newest}"""
    whole = f"SELECT {_COLUMNS} FROM known WHERE last_slot <= {slot}"
    return f"""SELECT * FROM (WITH known AS MATERIALIZED ({known})
        {whole} UNION ALL {_cut(kept, slot)}) u"""


def _last_time(slot: str) -> str:
    return f"""coalesce((SELECT t.block_time FROM trade_rows t
        WHERE t.token_id = {ID_OF.format("$1")} AND t.slot <= {slot} AND t.block_time IS NOT NULL
        ORDER BY t.slot DESC LIMIT 1), 0)"""


def _cut(kept: int, slot: str) -> str:
    """Bars that go on after the slot, made anew of their trades up to it."""
    newest = f"ORDER BY {PLACE}"
    oldest = "ORDER BY t.slot DESC, coalesce(t.tx_index, 2147483647) DESC, t.seq DESC"
    return f"""SELECT k.start, n.* FROM known k CROSS JOIN LATERAL (
            SELECT min(t.slot) AS first_slot, (array_agg(t.seq {newest}))[1] AS first_seq,
                max(t.slot) AS last_slot, (array_agg(t.seq {oldest}))[1] AS last_seq,
                count(*)::integer AS trades, k.rev, (array_agg(t.price {newest}))[1] AS open,
                max(t.price) AS high, min(t.price) AS low,
                (array_agg(t.price {oldest}))[1] AS close,
                sum(t.base_amount) AS volume_base, sum(t.quote_amount) AS volume_quote
            FROM trade_rows t
            WHERE t.token_id = {ID_OF.format("$1")} AND t.slot BETWEEN k.first_slot AND {slot}
              AND t.block_time >= k.start AND t.block_time < k.start + {kept}
              AND t.price IS NOT NULL AND t.is_own AND NOT t.retracted
            HAVING count(*) > 0) n
        WHERE k.last_slot > {slot}"""


def _rolled(bars: str, interval: int) -> str:
    """Bars of the wanted length, newest first; those without a trade are left out."""
    has = "FILTER (WHERE c.trades > 0)"
    return f"""SELECT c.start / {interval} * {interval} AS start,
            (array_agg(c.open ORDER BY c.start) {has})[1]::text AS open,
            (max(c.high) {has})::text AS high, (min(c.low) {has})::text AS low,
            (array_agg(c.close ORDER BY c.start DESC) {has})[1]::text AS close,
            sum(c.volume_base)::text AS volume_base, sum(c.volume_quote)::text AS volume_quote,
            sum(c.trades) AS trades, sum(c.rev) AS rev,
            (array_agg(c.last_seq ORDER BY c.start DESC) {has})[1] AS last_seq
        FROM ({bars}) c GROUP BY 1 HAVING sum(c.trades) > 0 ORDER BY 1 DESC"""
