"""What REST answers with and snapshots hold: one model each, with the names of the feed's events.

Amounts and other integers that may pass 2^53 are decimal strings of base units; prices are decimal
strings of quote per base in whole tokens; keys and signatures are base58.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from db.reads.moment import Moment
from db.reads.trades import TradeView
from db.rows import CandleRow, PositionRow, TokenRow
from programs.curve import market_cap_text
from programs.keys import b58, signature_b58

_MINT = "6QkFmUbyRSVCBPnJrNnGp9AaWLxhyLFXBgzzCQBBBrqL"
_WALLET = "9xQeWvG816bUx9EPjHmaT23yvVM2ZWbrrpZb9PusVFin"
_WRAPPED_SOL = "So11111111111111111111111111111111111111112"


class Model(BaseModel):
    """Root of all: frozen."""

    model_config = ConfigDict(frozen=True)


class Meta(Model):
    """The moment an answer shows: everything in the feed up to `feed_seq`, nothing after it."""

    epoch: str = Field(description="Renewed when history is rebuilt.", examples=["k3x9a1b2"])
    feed_seq: int = Field(description="Position in the feed.", examples=[1060])
    frontier_slot: int | None = Field(
        description="Every slot up to here is verified: nothing is missing below. Null: none yet.",
        examples=[452654932],
    )
    finalized_slot: int | None = Field(
        description="No fork can undo slots up to here.", examples=[452654900]
    )
    complete: bool = Field(
        description="Nothing is known to be missing up to the newest slot the node told us of, "
        "moments ago. False while a hole is open, or while nobody looks."
    )

    @classmethod
    def of(cls, moment: Moment) -> Meta:
        """From the moment the read was made at."""
        position, horizon = moment.position, moment.horizon
        return cls(
            epoch=position.epoch,
            feed_seq=position.seq,
            frontier_slot=horizon.frontier_slot,
            finalized_slot=horizon.finalized_slot,
            complete=horizon.is_complete,
        )


class Token(Model):
    """A token as far as it was seen. Null: not known."""

    mint: str = Field(examples=[_MINT])
    program: str = Field(description="Launchpad.", examples=["pump"])
    name: str | None = Field(examples=["First Light"])
    symbol: str | None = Field(examples=["LIGHT"])
    uri: str | None = Field(description="Of its metadata; not fetched.")
    creator: str | None = Field(examples=[_WALLET])
    pool: str | None = Field(description="Bonding curve.")
    amm_pool: str | None = Field(description="Pool that its liquidity went to.")
    quote_mint: str | None = Field(examples=[_WRAPPED_SOL])
    decimals: int | None = Field(examples=[6])
    quote_decimals: int | None = Field(examples=[9])
    supply: str | None = Field(examples=["1000000000000000"])
    flags: list[str]
    created_slot: int | None
    created_at: int | None = Field(description="Unix seconds.", examples=[1795347000])
    price: str | None = Field(examples=["0.0000000279589996"])
    market_cap: str | None = Field(description="In whole quote tokens.", examples=["27.9589"])
    curve_progress_bps: int | None = Field(description="0 … 10000.", examples=[4312])
    virtual_base_reserves: str | None
    virtual_quote_reserves: str | None
    real_base_reserves: str | None
    real_quote_reserves: str | None
    trades: int
    volume_base: str
    volume_quote: str
    last_trade_at: int | None = Field(description="Unix seconds.")
    completed_slot: int | None = Field(description="The curve was full here.")
    migrated_slot: int | None = Field(description="The liquidity moved here.")
    first_seq: int = Field(description="Position in the feed that first named it: age.")
    seq: int = Field(description="Position in the feed of its newest change of state.")

    @classmethod
    def of(cls, row: TokenRow) -> Token:
        """From its row."""
        return cls.model_validate(_token_fields(row))


class TokenAnswer(Token):
    """One token, and the moment of the answer."""

    meta: Meta


class Trade(Model):
    """A trade. Names are those of `new_trade` in the feed, and `seq` is its position there."""

    signature: str
    ordinal: int = Field(description="Which of its program's events in the transaction.")
    slot: int
    tx_index: int | None = Field(
        description="Of the transaction in its block. Null: not known yet; it is soon."
    )
    seq: int
    program: str = Field(examples=["pump"])
    side: Literal["buy", "sell"]
    mint: str = Field(examples=[_MINT])
    wallet: str | None = Field(examples=[_WALLET])
    pool: str | None
    quote_mint: str | None = Field(examples=[_WRAPPED_SOL])
    base_amount: str = Field(examples=["35765142847"])
    quote_amount: str = Field(description="What moved the curve.", examples=["1000000"])
    user_quote_amount: str | None = Field(description="What the trader paid or received.")
    fees: dict[str, str]
    price: str | None = Field(description="After the trade.")
    market_cap: str | None
    curve_progress_bps: int | None
    virtual_base_reserves: str | None
    virtual_quote_reserves: str | None
    real_base_reserves: str | None
    real_quote_reserves: str | None
    block_time: int | None = Field(description="Unix seconds.")

    @classmethod
    def of(cls, row: TradeView) -> Trade:
        """From its row. Pool and quote of a trade elsewhere than on its token's own pool are not
        stored: null."""
        return cls.model_validate(_trade_fields(row))


class Candle(Model):
    """A bar. A greater `rev` of the same bar replaces the smaller."""

    start: int = Field(description="Unix seconds.", examples=[1795347000])
    interval_s: int = Field(examples=[60])
    open: str
    high: str
    low: str
    close: str
    volume_base: str
    volume_quote: str
    trades: int
    rev: int
    last_seq: int = Field(description="Position in the feed of the trade that gave `close`.")

    @classmethod
    def of(cls, row: CandleRow) -> Candle:
        """From its row."""
        return cls(
            start=row.start,
            interval_s=row.interval_s,
            open=_decimal(row.open),
            high=_decimal(row.high),
            low=_decimal(row.low),
            close=_decimal(row.close),
            volume_base=str(row.volume_base),
            volume_quote=str(row.volume_quote),
            trades=row.trades,
            rev=row.rev,
            last_seq=row.last_seq,
        )


class WalletPosition(Model):
    """What a wallet holds of a token, as far as its trades tell. Names are `portfolio_update`'s."""

    wallet: str = Field(examples=[_WALLET])
    mint: str = Field(examples=[_MINT])
    base_amount: str
    cost_quote: str = Field(description="Average cost, in quote units, of what is still held.")
    realized_quote: str = Field(description="Realised profit or loss so far, in quote units.")
    buys: int
    sells: int

    @classmethod
    def of(cls, row: PositionRow) -> WalletPosition:
        """From its row."""
        return cls(
            wallet=b58(row.wallet),
            mint=b58(row.mint),
            base_amount=str(row.base_amount),
            cost_quote=str(row.cost_quote),
            realized_quote=str(row.realized_quote),
            buys=row.buys,
            sells=row.sells,
        )


_NEXT = Field(description="Cursor of the next page; null at the end.", examples=["MTA0Mg"])


class TokenPage(Model):
    """Tokens, newest first."""

    items: list[Token]
    next: str | None = _NEXT
    meta: Meta


class TradePage(Model):
    """Trades, newest first."""

    items: list[Trade]
    next: str | None = _NEXT
    meta: Meta


class CandlePage(Model):
    """Bars, newest first."""

    items: list[Candle]
    next: str | None = _NEXT
    meta: Meta


class RoomData(Model):
    """What a snapshot holds: `token` and its trades for token_{mint}; positions and trades for
    user_{wallet}; the newest tokens and trades for global."""

    token: Token | None = None
    tokens: list[Token] | None = None
    positions: list[WalletPosition] | None = None
    trades: list[Trade]


class RoomAnswer(Model):
    """A room's state; pass `epoch` and `seq` as `since` to go on from it without a gap."""

    room: str = Field(examples=[f"token_{_MINT}"])
    epoch: str
    seq: int
    data: RoomData


def _token_fields(row: TokenRow) -> dict[str, object]:
    return {
        "mint": b58(row.mint),
        "program": row.program,
        "name": row.name,
        "symbol": row.symbol,
        "uri": row.uri,
        "creator": _key(row.creator),
        "pool": _key(row.pool),
        "amm_pool": _key(row.amm_pool),
        "quote_mint": _key(row.quote_mint),
        "decimals": row.decimals,
        "quote_decimals": row.quote_decimals,
        "supply": _number(row.supply),
        "flags": row.flags,
        "created_slot": row.created_slot,
        "created_at": row.created_at,
        "price": _decimal_or_none(row.price),
        "market_cap": _decimal_or_none(row.market_cap),
        "curve_progress_bps": row.progress_bps,
        "virtual_base_reserves": _number(row.virtual_base),
        "virtual_quote_reserves": _number(row.virtual_quote),
        "real_base_reserves": _number(row.real_base),
        "real_quote_reserves": _number(row.real_quote),
        "trades": row.trades,
        "volume_base": str(row.volume_base),
        "volume_quote": str(row.volume_quote),
        "last_trade_at": row.last_trade_at,
        "completed_slot": row.completed_slot,
        "migrated_slot": row.migrated_slot,
        "first_seq": row.first_seq,
        "seq": max(row.state_seq, row.first_seq),
    }


def _trade_fields(row: TradeView) -> dict[str, object]:
    return {
        "signature": signature_b58(row.signature),
        "ordinal": row.ordinal,
        "slot": row.slot,
        "tx_index": row.tx_index,
        "seq": row.seq,
        "program": row.program,
        "side": "buy" if row.is_buy else "sell",
        "mint": b58(row.mint),
        "wallet": _key(row.wallet),
        "pool": _key(row.pool) if row.is_own and row.amm_pool is None else None,
        "quote_mint": _key(row.quote_mint) if row.is_own else None,
        "base_amount": str(row.base_amount),
        "quote_amount": str(row.quote_amount),
        "user_quote_amount": _number(row.user_quote_amount),
        "fees": msgspec.json.decode(row.fees, type=dict[str, str]),
        "price": _decimal_or_none(row.price),
        "market_cap": _market_cap(row),
        "curve_progress_bps": row.progress_bps,
        "virtual_base_reserves": _number(row.virtual_base),
        "virtual_quote_reserves": _number(row.virtual_quote),
        "real_base_reserves": _number(row.real_base),
        "real_quote_reserves": _number(row.real_quote),
        "block_time": row.block_time,
    }


def _market_cap(row: TradeView) -> str | None:
    """By the trade's own reserves, as `new_trade` has it."""
    quote, base, supply, decimals = (
        row.virtual_quote, row.virtual_base, row.supply, row.quote_decimals,
    )  # fmt: skip
    if not row.is_own or quote is None or base is None or supply is None or decimals is None:
        return None
    return market_cap_text(quote, base, supply, decimals)


def _key(key: bytes | None) -> str | None:
    return None if key is None else b58(key)


def _number(value: int | None) -> str | None:
    return None if value is None else str(value)


def _decimal(value: Decimal | int) -> str:
    """Plain notation, never an exponent."""
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _decimal_or_none(value: Decimal | int | None) -> str | None:
    return None if value is None else _decimal(value)
