"""Made by `python -m api.python_client` from the models of the API: never edited by hand.

Frames as they come: dictionaries, told apart by `type`. Amounts and other integers that may pass
2^53 are decimal strings of base units, prices are decimal strings of quote per base token in whole
tokens, keys and signatures are base58.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypeAlias, TypedDict


class SnapshotFrame(TypedDict):
    """The room's state at a moment at which its position was `seq`."""

    type: Literal["snapshot"]
    room: str
    epoch: str
    seq: int
    ts: int
    data: RoomData


class TokenCreatedFrame(TypedDict):
    """A token was created."""

    type: Literal["token_created"]
    room: str
    seq: int
    ts: int
    prev: int | None
    data: TokenCreated


class NewTradeFrame(TypedDict):
    """Somebody bought or sold."""

    type: Literal["new_trade"]
    room: str
    seq: int
    ts: int
    prev: int | None
    data: NewTrade


class CurveCompletedFrame(TypedDict):
    """A curve is full."""

    type: Literal["curve_completed"]
    room: str
    seq: int
    ts: int
    prev: int | None
    data: CurveCompleted


class TokenMigratedFrame(TypedDict):
    """A token's liquidity moved to an AMM pool."""

    type: Literal["token_migrated"]
    room: str
    seq: int
    ts: int
    prev: int | None
    data: TokenMigrated


class RetractedFrame(TypedDict):
    """An earlier log event did not survive a fork."""

    type: Literal["retracted"]
    room: str
    seq: int
    ts: int
    prev: int | None
    data: Retracted


class PriceUpdateFrame(TypedDict):
    """A token's newest state."""

    type: Literal["price_update"]
    room: str
    seq: int
    ts: int
    data: PriceUpdate


class PortfolioUpdateFrame(TypedDict):
    """A wallet's newest position in one token."""

    type: Literal["portfolio_update"]
    room: str
    seq: int
    ts: int
    data: PortfolioUpdate


class CandleUpdateFrame(TypedDict):
    """A bar of an interval that the subscription asked for, as it is now."""

    type: Literal["candle_update"]
    room: str
    seq: int
    ts: int
    data: CandleUpdate


class MarketStatsFrame(TypedDict):
    """Figures of the whole market. Its fields are not fixed."""

    type: Literal["market_stats"]
    room: str
    seq: int
    ts: int
    data: dict[str, Any]


class FinalityFrame(TypedDict):
    """How far the chain is confirmed, and how far final. `seq`: the hub's position."""

    type: Literal["finality"]
    room: str
    seq: int
    ts: int
    data: Finality


class TokenCreated(TypedDict):
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


class NewTrade(TypedDict):
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
    market_cap: str | None
    curve_progress_bps: int | None
    virtual_base_reserves: str | None
    virtual_quote_reserves: str | None
    real_base_reserves: str | None
    real_quote_reserves: str | None
    block_time: int | None


class CurveCompleted(TypedDict):
    """`curve_completed`."""

    signature: str
    slot: int
    commitment: str
    program: str
    mint: str
    wallet: str | None
    pool: str | None
    block_time: int | None


class TokenMigrated(TypedDict):
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


class Retracted(TypedDict):
    """`retracted`: the log event with this `seq` did not survive a fork."""

    seq: int
    signature: str
    reason: Literal["fork"]


class PriceUpdate(TypedDict):
    """`price_update`: state of a token after the log event that has the same seq."""

    mint: str
    price: str | None
    market_cap: str | None
    curve_progress_bps: int | None


class PortfolioUpdate(TypedDict):
    """`portfolio_update`: a wallet's position in one token, after the log event of that seq."""

    wallet: str
    mint: str
    base_amount: str
    cost_quote: str
    realized_quote: str
    buys: int
    sells: int


class CandleUpdate(TypedDict):
    """`candle_update`: a whole bar; a greater `rev` of the same bar replaces the smaller.
    Without trades all that was in it has been withdrawn: prices are null."""

    mint: str
    interval: str
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


class Finality(TypedDict):
    """`finality`: how far the chain is confirmed, and how far nothing can undo it."""

    confirmed_slot: int
    finalized_slot: int


class RoomData(TypedDict):
    """What a snapshot holds: `token` and its trades for token_{mint}; positions and trades for
    user_{wallet}; the newest tokens and trades for global."""

    token: NotRequired[Token | None]
    tokens: NotRequired[list[Token] | None]
    positions: NotRequired[list[WalletPosition] | None]
    trades: list[Trade]


class Token(TypedDict):
    """A token as far as it was seen. Null: not known."""

    mint: str
    program: str
    """Launchpad."""
    name: str | None
    symbol: str | None
    uri: str | None
    """Of its metadata: see /tokens/{mint}/metadata."""
    image: str | None
    """Path of its thumbnail here; null while there is none."""
    creator: str | None
    pool: str | None
    """Bonding curve."""
    amm_pool: str | None
    """Pool that its liquidity went to."""
    quote_mint: str | None
    decimals: int | None
    quote_decimals: int | None
    supply: str | None
    flags: list[str]
    """What its creation said of it."""
    stage: Literal["curve", "completed", "migrated"]
    """curve: on its bonding curve. completed: the curve is full. migrated: its liquidity has
    moved to a pool."""
    created_slot: int | None
    created_at: int | None
    """Unix seconds."""
    price: str | None
    market_cap: str | None
    """In whole quote tokens."""
    usd: Usd | None
    """Null: no fresh price of its quote token."""
    curve_progress_bps: int | None
    """0 … 10000."""
    virtual_base_reserves: str | None
    virtual_quote_reserves: str | None
    real_base_reserves: str | None
    real_quote_reserves: str | None
    trades: int | None
    """Null with as_of_slot, like other sums."""
    buys: int | None
    sells: int | None
    volume_base: str | None
    volume_quote: str | None
    holders: int | None
    """Wallets that hold it as far as trades tell: derived, transfers are not seen. Null with
    as_of_slot: see /holders."""
    last_trade_at: int | None
    """Unix seconds."""
    completed_slot: int | None
    """The curve was full here."""
    migrated_slot: int | None
    """The liquidity moved here."""
    first_seq: int
    """Position in the feed that first named it: age."""
    seq: int
    """Position in the feed of its newest change of state."""
    windows: dict[str, Window] | None
    """1h and 24h, as of the last seconds, a day's of the last two minutes; /stats has them all
    and exact. A window without a trade is absent; null with as_of_slot and in a room's snapshot."""


class Trade(TypedDict):
    """A trade. Names are those of `new_trade` in the feed, and `seq` is its position there."""

    signature: str
    ordinal: int
    """Which of its program's events in the transaction."""
    slot: int
    tx_index: int | None
    """Of the transaction in its block. Null: not known yet; it is soon."""
    seq: int
    program: str
    side: Literal["buy", "sell"]
    mint: str
    wallet: str | None
    pool: str | None
    quote_mint: str | None
    base_amount: str
    quote_amount: str
    """What moved the curve."""
    user_quote_amount: str | None
    """What the trader paid or received."""
    usd: str | None
    """The same in dollars at the time of the trade; null: no price was known then."""
    fees: dict[str, str]
    price: str | None
    """After the trade."""
    market_cap: str | None
    curve_progress_bps: int | None
    virtual_base_reserves: str | None
    virtual_quote_reserves: str | None
    real_base_reserves: str | None
    real_quote_reserves: str | None
    block_time: int | None
    """Unix seconds."""


class Usd(TypedDict):
    """Dollars by the newest price of the quote token; never guessed: absent while that is old."""

    price: str
    """Of one whole token."""
    market_cap: str | None
    source: str
    """fixed, pyth or http."""
    slot: int | None
    """Of the reading, where it was an account's."""
    age_s: int
    """Age of the reading."""


class WalletPosition(TypedDict):
    """What a wallet holds of a token, as far as its trades tell. Names are `portfolio_update`'s."""

    wallet: str
    mint: str
    base_amount: str
    cost_quote: str
    """Average cost, in quote units, of what is still held."""
    realized_quote: str
    """Realised profit or loss so far, in quote units."""
    buys: int
    sells: int


class Window(TypedDict):
    """What happened inside a window of time that ends now, on the token's own pools."""

    volume_base: str
    volume_quote: str
    """What moved the curve."""
    buys: int
    sells: int
    buyers: int
    """Different wallets."""
    sellers: int
    price_change_bps: int | None
    """Against the last price before the window; null: there was none."""


Event: TypeAlias = (
    SnapshotFrame
    | TokenCreatedFrame
    | NewTradeFrame
    | CurveCompletedFrame
    | TokenMigratedFrame
    | RetractedFrame
    | PriceUpdateFrame
    | PortfolioUpdateFrame
    | CandleUpdateFrame
    | MarketStatsFrame
)
"""What a subscription yields."""
