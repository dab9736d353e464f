"""The last 5 minutes, hour, 6 hours and day: of one token exactly, of all of them for the lists, of
the market.

A window begins with a whole minute, the first one that is not older than its length, and ends now.
Volumes, buys and sells are sums over candles of a minute; buyers and sellers are wallets, each
counted once; the change of price counts from the last price before the window, or from its first.
"""

# ruff: noqa: S608 - what is put into statements are names that are written in this file

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from types import MappingProxyType

import asyncpg
import msgspec

from db.keys import NO_QUOTE
from db.pool import Connection, Pool

_TIMEOUT_S = 30
WINDOWS: Mapping[str, int] = MappingProxyType({"5m": 300, "1h": 3600, "6h": 21_600, "24h": 86_400})
"""Name → length in seconds."""
MOST_AT_ONCE = 2_000
"""Tokens that one refresh computes anew."""


class Part(msgspec.Struct, frozen=True):
    """Tokens whose states changed between two positions of the feed, both outside."""

    after: int
    below: int = 2**63 - 1


_QUICK_S = 3600
"""Market windows up to this long are counted whenever they are asked for."""


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """What happened in a window. `price_change_bps`: None without any price."""

    window_s: int
    volume_base: int
    volume_quote: int
    buys: int
    sells: int
    buyers: int
    sellers: int
    price_before: Decimal | None
    price_change_bps: int | None


class MarketWindow(msgspec.Struct, frozen=True, kw_only=True):
    """The same of all tokens of one quote; None: not counted (yet)."""

    window_s: int
    volume_quote: int
    buys: int
    sells: int
    buyers: int | None
    sellers: int | None


_FIGURES = """
    SELECT t.id AS token_id, w.window_s, c.volume_base, c.volume_quote, c.buys, c.sells, p.buyers,
           p.sellers, b.price_before,
           round((t.price / nullif(b.price_before, 0) - 1) * 10000)::bigint AS price_change_bps,
           p.buyers * ln(1 + (c.volume_quote / 10::numeric ^ coalesce(t.quote_decimals, 0))::float8)
           AS score
    FROM wanted w JOIN tokens t ON t.id = w.token_id
    CROSS JOIN LATERAL (SELECT (($1::int8 - w.window_s + 59) / 60) * 60 AS since) s
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(volume_base), 0) AS volume_base,
               coalesce(sum(volume_quote), 0) AS volume_quote,
               coalesce(sum(buys), 0)::int AS buys, coalesce(sum(trades - buys), 0)::int AS sells
        FROM candle_rows WHERE token_id = t.id AND interval_s = 60 AND start >= s.since) c
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE last_buy_at >= s.since)::int AS buyers,
               count(*) FILTER (WHERE last_sell_at >= s.since)::int AS sellers
        FROM position_rows WHERE token_id = t.id AND last_at >= s.since) p
    CROSS JOIN LATERAL (SELECT coalesce(
        (SELECT close FROM candle_rows WHERE token_id = t.id AND interval_s = 60 AND trades > 0
         AND start < s.since ORDER BY start DESC LIMIT 1),
        (SELECT open FROM candle_rows WHERE token_id = t.id AND interval_s = 60 AND trades > 0
         AND start >= s.since ORDER BY start LIMIT 1)) AS price_before) b"""
_EXACT = f"""
    WITH wanted AS (SELECT $2::int4 AS token_id, window_s FROM unnest($3::int4[]) AS u (window_s))
    {_FIGURES}"""
EXACT_OF_MINT = _EXACT.replace("$2::int4", "(SELECT id FROM tokens WHERE mint = $2)")
"""Every window ($3: lengths) of a token ($2: its mint) that ends at $1; no rows: never seen."""
_REFRESH = f"""
    WITH moved AS (
        SELECT t.id AS token_id, $2::int4 AS window_s, t.state_seq
        FROM tokens t LEFT JOIN token_windows o ON o.token_id = t.id AND o.window_s = $2
        WHERE t.state_seq > $3::int8 AND t.state_seq < $4::int8
          AND t.last_trade_at >= $1::int8 - $2
          AND (o.computed_at IS NULL OR o.computed_at <= $1::int8 - $6::int4)
        ORDER BY t.state_seq DESC LIMIT $5),
    wanted AS (
        SELECT token_id, window_s FROM moved
        UNION
        (SELECT token_id, window_s FROM token_windows
         WHERE window_s = $2 AND computed_at < $1::int8 - greatest(5, $2 / 60)
         ORDER BY computed_at LIMIT $5)),
    computed AS MATERIALIZED ({_FIGURES}),
    gone AS (
        DELETE FROM token_windows o USING computed c
        WHERE o.token_id = c.token_id AND o.window_s = c.window_s AND c.buys + c.sells = 0),
    stored AS (
        INSERT INTO token_windows (
            computed_at, token_id, window_s, buys, sells, buyers, sellers, price_change_bps, score,
            volume_base, volume_quote, price_before)
        SELECT $1, token_id, window_s, buys, sells, buyers, sellers, price_change_bps, score,
               volume_base, volume_quote, price_before
        FROM computed WHERE buys + sells > 0
        ON CONFLICT (token_id, window_s) DO UPDATE SET
            computed_at = EXCLUDED.computed_at, buys = EXCLUDED.buys, sells = EXCLUDED.sells,
            buyers = EXCLUDED.buyers, sellers = EXCLUDED.sellers, score = EXCLUDED.score,
            price_change_bps = EXCLUDED.price_change_bps, volume_base = EXCLUDED.volume_base,
            volume_quote = EXCLUDED.volume_quote, price_before = EXCLUDED.price_before)
    SELECT CASE WHEN count(*) = $5 THEN min(state_seq) END FROM moved"""


async def token_windows(target: Pool | Connection, token_id: int, now_s: int) -> list[Window]:
    """Every window of a token (by its number) that ends at `now_s` (unix seconds), shortest first;
    empty for a token that is not there.
    """
    rows = await target.fetch(_EXACT, now_s, token_id, list(WINDOWS.values()), timeout=_TIMEOUT_S)
    return windows_of(rows)


def windows_of(rows: Iterable[asyncpg.Record]) -> list[Window]:
    """Of a token's figures, shortest first."""
    found = [Window(**{name: row[name] for name in Window.__struct_fields__}) for row in rows]
    return sorted(found, key=lambda window: window.window_s)


def rest_s(window_s: int) -> int:
    """For how long figures in the lists stay as they are, however much a token is traded: a long
    window reads hours of bars and positions and moves little."""
    return window_s // 720


async def refresh(
    target: Pool | Connection, window_s: int, now_s: int, part: Part, most: int = MOST_AT_ONCE
) -> Part | None:
    """Bring `token_windows` of one length up to date: of the newest `most` tokens of a part whose
    figures do not rest, and of those whose figures are older than a sixtieth of the window.
    Returns what is left of the part.
    """
    done = await target.fetchval(
        _REFRESH, now_s, window_s, part.after, part.below, most, rest_s(window_s),
        timeout=_TIMEOUT_S,
    )  # fmt: skip
    return None if done is None else Part(part.after, done)


_MARKET = """
    SELECT w.window_s, coalesce(sum(m.volume_quote), 0) AS volume_quote,
           coalesce(sum(m.buys), 0)::int AS buys, coalesce(sum(m.trades - m.buys), 0)::int AS sells,
           min(m.first_slot) AS first_slot
    FROM unnest($3::int4[]) AS w (window_s)
    LEFT JOIN market_minutes m ON m.quote_id = $2
         AND m.start >= (($1::int8 - w.window_s + 59) / 60) * 60
    GROUP BY w.window_s ORDER BY w.window_s"""
_MARKET_WALLETS = """
    SELECT count(DISTINCT wallet_id) FILTER (WHERE is_buy) AS buyers,
           count(DISTINCT wallet_id) FILTER (WHERE NOT is_buy) AS sellers
    FROM trade_rows WHERE slot >= $3 AND quote_id = $2 AND is_own AND NOT retracted
      AND block_time >= $1::int8"""


async def market_windows(
    target: Pool | Connection, quote_id: int, now_s: int, longest_s: int = _QUICK_S
) -> list[MarketWindow]:
    """Every window of the tokens of one quote (by its number), shortest first. Wallets are counted
    in windows of at most `longest_s`: that reads all their trades.
    """
    rows = await target.fetch(_MARKET, now_s, quote_id, list(WINDOWS.values()), timeout=_TIMEOUT_S)
    found = []
    for row in rows:
        wallets: Mapping[str, int | None] = {"buyers": None, "sellers": None}
        if row["window_s"] <= longest_s:
            since = -(-(now_s - row["window_s"]) // 60) * 60
            first = row["first_slot"]
            record = await target.fetchrow(
                _MARKET_WALLETS, since, quote_id, 2**62 if first is None else first,
                timeout=_TIMEOUT_S,
            )  # fmt: skip
            wallets = dict(record or {})
        found.append(
            MarketWindow(
                window_s=row["window_s"], volume_quote=int(row["volume_quote"]),
                buys=row["buys"], sells=row["sells"], **wallets,
            )
        )  # fmt: skip
    return found


class MainQuote(msgspec.Struct, frozen=True):
    """The quote with most trades in the last day, and its mint; 0 and None: there is none."""

    id: int
    mint: bytes | None


async def main_quote(target: Pool | Connection, now_s: int) -> MainQuote:
    """What a market's figures are in."""
    row = await target.fetchrow(
        f"""SELECT m.quote_id, k.key FROM market_minutes m LEFT JOIN keys k ON k.id = m.quote_id
            WHERE m.quote_id IN (SELECT quote_id FROM market_minutes GROUP BY quote_id)
              AND m.start >= $1::int8 - 86400 AND m.quote_id <> {NO_QUOTE}
            GROUP BY 1, 2 ORDER BY sum(m.trades) DESC LIMIT 1""",
        now_s,
        timeout=_TIMEOUT_S,
    )
    return MainQuote(NO_QUOTE, None) if row is None else MainQuote(row[0], row[1])


async def counts(target: Pool | Connection) -> tuple[int, int]:
    """How many tokens there are, and roughly how many trades: their newest number in the feed."""
    row = await target.fetchrow(
        "SELECT (SELECT count(*) FROM tokens) AS tokens, "
        "(SELECT coalesce(sum(trades), 0)::int8 FROM market_minutes) AS trades",
        timeout=_TIMEOUT_S,
    )
    return (0, 0) if row is None else (row["tokens"], row["trades"])
