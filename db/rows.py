"""Rows as the indexer folds them: state that is loaded, changed and written back, and what is new.

Keys and signatures are raw bytes, amounts integers of base units, prices exact decimals.
"""

from __future__ import annotations

from bisect import bisect_left
from decimal import Decimal

import msgspec


class TokenRow(msgspec.Struct, kw_only=True, gc=False):
    """A row of `tokens`, changed in place while a batch is folded. None: not known (yet)."""

    mint: bytes
    program: str
    first_seq: int
    pool: bytes | None = None
    amm_pool: bytes | None = None
    creator: bytes | None = None
    name: str | None = None
    symbol: str | None = None
    uri: str | None = None
    quote_mint: bytes | None = None
    decimals: int | None = None
    quote_decimals: int | None = None
    supply: int | None = None
    flags: list[str] = []
    created_slot: int | None = None
    created_at: int | None = None
    state_slot: int = 0
    state_seq: int = 0
    price: Decimal | None = None
    market_cap: Decimal | None = None
    progress_bps: int | None = None
    virtual_base: int | None = None
    virtual_quote: int | None = None
    real_base: int | None = None
    real_quote: int | None = None
    trades: int = 0
    buys: int = 0
    sells: int = 0
    holders: int = 0
    """Positions in it that hold something."""
    traders: int = 0
    """Positions in it."""
    volume_base: int = 0
    volume_quote: int = 0
    last_trade_at: int | None = None
    completed_slot: int | None = None
    migrated_slot: int | None = None


class PositionRow(msgspec.Struct, gc=False):
    """A row of `positions`. `seq` and `slot` are those of its newest trade, times unix seconds."""

    wallet: bytes
    mint: bytes
    base_amount: int = 0
    cost_quote: int = 0
    realized_quote: int = 0
    bought_quote: int = 0
    """Paid for all purchases so far, fees included."""
    sold_quote: int = 0
    """Received for all sales so far, fees deducted."""
    buys: int = 0
    sells: int = 0
    seq: int = 0
    slot: int = 0
    first_slot: int = 0
    last_buy_at: int | None = None
    last_sell_at: int | None = None


class CandleRow(msgspec.Struct, gc=False):
    """A row of `candles`. (first_slot, first_seq) is the trade that gave `open`, last_… `close`."""

    mint: bytes
    interval_s: int
    start: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    first_slot: int
    first_seq: int
    last_slot: int
    last_seq: int
    volume_base: int = 0
    volume_quote: int = 0
    trades: int = 0
    buys: int = 0
    rev: int = 0


class TradeRow(msgspec.Struct, kw_only=True, frozen=True, gc=False):
    """A new row of `trades`: `fees` holds amounts in the order of `fee_names`, both joined by
    commas, with nothing for 0. `quote_usd` is the price of the quote token then.
    """

    signature: bytes
    program: str
    ordinal: int
    slot: int
    tx_index: int | None
    seq: int
    mint: bytes
    wallet: bytes | None
    pool: bytes | None
    quote_mint: bytes | None
    is_buy: bool
    base_amount: int
    quote_amount: int
    user_quote_amount: int | None
    fee_names: str | None
    fees: str | None
    price: Decimal | None
    virtual_base: int | None
    virtual_quote: int | None
    real_base: int | None
    real_quote: int | None
    progress_bps: int | None
    block_time: int | None
    extra_bytes: int
    is_own: bool
    quote_usd: Decimal | None


class TokenEventRow(msgspec.Struct, kw_only=True, frozen=True, gc=False):
    """A new row of `token_events`; `kind` is create, complete or migrate. A creation holds all that
    it said and the first state of its token, a migration the pool that is the token's from then on.
    """

    signature: bytes
    program: str
    ordinal: int
    slot: int
    seq: int
    kind: str
    mint: bytes
    wallet: bytes | None
    block_time: int | None
    pool: bytes | None = None
    price: Decimal | None = None
    market_cap: Decimal | None = None
    virtual_base: int | None = None
    virtual_quote: int | None = None
    real_base: int | None = None
    real_quote: int | None = None
    creator: bytes | None = None
    name: str | None = None
    symbol: str | None = None
    uri: str | None = None
    quote_mint: bytes | None = None
    decimals: int | None = None
    supply: int | None = None
    flags: list[str] | None = None


class FeedInsert(msgspec.Struct, kw_only=True, frozen=True, gc=False):
    """A new row of `feed`: JSON texts, and the keys that make its rooms."""

    seq: int
    event: str
    mint: bytes | None
    wallet: bytes | None
    slot: int
    data: str
    price_update: str | None
    portfolio_update: str | None


class PoolRow(msgspec.Struct, frozen=True):
    """A row of `pools`."""

    pool: bytes
    mint: bytes
    quote_mint: bytes | None


class QuarantineRow(msgspec.Struct, kw_only=True, frozen=True):
    """A row of `quarantine`: what could not be decoded, with its bytes."""

    signature: bytes
    slot: int
    program: str
    path: str
    reason: str
    payload: bytes
    block_time: int | None = None


class PastTrade(msgspec.Struct, kw_only=True, frozen=True, gc=False):
    """What a stored trade did to its wallet's position."""

    slot: int
    seq: int
    is_buy: bool
    base_amount: int
    quote_amount: int
    user_quote_amount: int | None
    tx_index: int | None = None
    block_time: int | None = None


class QuotePrices(msgspec.Struct, frozen=True):
    """Readings of a quote token's price in US dollars, each good for so long before and after."""

    fresh_s: int
    times: list[int]
    """Unix seconds, ascending."""
    prices: list[Decimal]

    def at(self, time: int | None) -> Decimal | None:
        """The reading closest to a time; None: there is none close enough."""
        if time is None or not self.times:
            return None
        after = bisect_left(self.times, time)
        near = [at for at in (after - 1, after) if 0 <= at < len(self.times)]
        best = min(near, key=lambda at: abs(self.times[at] - time))
        return self.prices[best] if abs(self.times[best] - time) <= self.fresh_s else None


class TotalDelta(msgspec.Struct, kw_only=True):
    """What a batch adds to a wallet's sums in one quote. Times are the newest ones."""

    wallet: bytes
    quote_mint: bytes | None
    positions: int = 0
    buys: int = 0
    sells: int = 0
    bought_quote: int = 0
    sold_quote: int = 0
    cost_quote: int = 0
    realized_quote: int = 0
    last_buy_at: int | None = None
    last_sell_at: int | None = None


class MinuteDelta(msgspec.Struct, kw_only=True):
    """What a batch adds to a minute of the market of one quote."""

    quote_mint: bytes | None
    start: int
    first_slot: int
    """No trade lies below it."""
    trades: int = 0
    buys: int = 0
    volume_quote: int = 0


Identity = tuple[bytes, str, int, int]
"""signature, program, ordinal, slot: what makes an event the same event."""

PositionKey = tuple[bytes, bytes]
"""wallet, mint."""

CandleKey = tuple[bytes, int, int]
"""mint, interval in seconds, start in unix seconds."""


class State(msgspec.Struct):
    """What is stored of everything a batch touches; the fold changes it in place.

    `past` holds all trades of the positions whose newest stored trade is younger than a new one.
    """

    tokens: dict[bytes, TokenRow] = {}
    positions: dict[PositionKey, PositionRow] = {}
    candles: dict[CandleKey, CandleRow] = {}
    past: dict[PositionKey, list[PastTrade]] = {}
    quote_prices: dict[bytes, QuotePrices] = {}


class Changes(msgspec.Struct):
    """What a batch writes. Tokens, positions and candles are whole rows: new or replaced."""

    trades: list[TradeRow] = []
    token_events: list[TokenEventRow] = []
    feed: list[FeedInsert] = []
    tokens: list[TokenRow] = []
    positions: list[PositionRow] = []
    candles: list[CandleRow] = []
    totals: list[TotalDelta] = []
    minutes: list[MinuteDelta] = []
    pools: list[PoolRow] = []
    quarantine: list[QuarantineRow] = []
