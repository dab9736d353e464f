"""What travels in the feed: the `data` of every event, as the browser gets it.

The indexer encodes these once, in the transaction that writes the rows; hubs pass them on. Amounts
and other integers that may pass 2^53 are decimal strings, prices are decimal strings of quote
per base token (both in whole tokens, not base units), keys and signatures are base58.
"""

from __future__ import annotations

from typing import Literal

import msgspec

LogEvent = Literal["token_created", "new_trade", "curve_completed", "token_migrated", "retracted"]
StateEvent = Literal[
    "price_update", "portfolio_update", "candle_update", "market_stats", "finality"
]


class TokenCreated(msgspec.Struct, frozen=True, kw_only=True):
    """`token_created`."""

    signature: str
    slot: int
    commitment: str
    program: str
    mint: str
    wallet: str
    creator: str | None
    pool: str | None
    name: str
    symbol: str
    uri: str
    quote_mint: str | None
    supply: str | None
    decimals: int | None
    price: str | None
    market_cap: str | None
    flags: list[str]
    block_time: int | None


class NewTrade(msgspec.Struct, frozen=True, kw_only=True):
    """`new_trade`. `quote_amount` moved the curve, `user_quote_amount` the trader's balance."""

    signature: str
    ordinal: int
    slot: int
    commitment: str
    program: str
    side: Literal["buy", "sell"]
    mint: str
    wallet: str | None
    pool: str | None
    quote_mint: str | None
    base_amount: str
    quote_amount: str
    user_quote_amount: str | None
    fees: dict[str, str]
    price: str | None
    """Spot price after the trade."""
    market_cap: str | None
    curve_progress_bps: int | None
    virtual_base_reserves: str | None
    virtual_quote_reserves: str | None
    real_base_reserves: str | None
    real_quote_reserves: str | None
    block_time: int | None


class CurveCompleted(msgspec.Struct, frozen=True, kw_only=True):
    """`curve_completed`."""

    signature: str
    slot: int
    commitment: str
    program: str
    mint: str
    wallet: str | None
    pool: str | None
    block_time: int | None


class TokenMigrated(msgspec.Struct, frozen=True, kw_only=True):
    """`token_migrated`: `pool` is the AMM pool the liquidity went to."""

    signature: str
    slot: int
    commitment: str
    program: str
    mint: str
    wallet: str | None
    pool: str | None
    base_amount: str | None
    quote_amount: str | None
    block_time: int | None


class Retracted(msgspec.Struct, frozen=True, kw_only=True):
    """`retracted`: the log event with this `seq` did not survive a fork."""

    seq: int
    signature: str
    reason: Literal["fork"]


class PriceUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """`price_update`: state of a token after the log event that has the same seq."""

    mint: str
    price: str | None
    market_cap: str | None
    curve_progress_bps: int | None


class PortfolioUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """`portfolio_update`: a wallet's position in one token, after the log event of that seq."""

    wallet: str
    mint: str
    base_amount: str
    cost_quote: str
    """Average cost, in quote units, of what is still held."""
    realized_quote: str
    """Realised profit or loss so far, in quote units."""
    buys: int
    sells: int


class CandleUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """`candle_update`: a whole bar; a greater `rev` of the same bar replaces the smaller. Without
    trades all that was in it has been withdrawn: prices are null."""

    mint: str
    interval: str
    """Its name, as it was asked for: 1s 15s 1m 5m 15m 1h 4h 1d."""
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


class WindowStats(msgspec.Struct, frozen=True, kw_only=True):
    """A window of time that ends now, over all tokens of one quote. Null: not counted yet."""

    volume_quote: str
    buys: int
    sells: int
    buyers: int | None
    sellers: int | None


class MarketStats(msgspec.Struct, frozen=True, kw_only=True):
    """`market_stats`: figures of the whole market, in the quote that is traded most."""

    tokens: int
    trades: int
    quote_mint: str | None
    windows: dict[str, WindowStats]
    """By name: 5m, 1h, 6h, 24h."""


class Finality(msgspec.Struct, frozen=True, kw_only=True):
    """`finality`: how far the chain is confirmed, and how far nothing can undo it."""

    confirmed_slot: int
    finalized_slot: int
