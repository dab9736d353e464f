"""A trade."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

from pydantic import Field

from api.schemas.base import (
    MINT,
    POOL,
    SIGNATURE,
    SLOT,
    TIME,
    WALLET,
    WRAPPED_SOL,
    Model,
    PageOf,
    decimal_text,
    key_text,
    number_text,
)
from db.reads.trades import TradeView
from programs.curve import market_cap_text
from programs.keys import b58, signature_b58


class Trade(Model):
    """A trade. Names are those of `new_trade` in the feed, and `seq` is its position there."""

    signature: str = Field(examples=[SIGNATURE])
    ordinal: int = Field(
        description="Which of its program's events in the transaction.", examples=[0]
    )
    slot: int = Field(examples=[SLOT])
    tx_index: int | None = Field(
        description="Of the transaction in its block. Null: not known yet; it is soon.",
        examples=[117],
    )
    seq: int = Field(examples=[1042])
    program: str = Field(examples=["pump"])
    side: Literal["buy", "sell"] = Field(examples=["buy"])
    mint: str = Field(examples=[MINT])
    wallet: str | None = Field(examples=[WALLET])
    pool: str | None = Field(examples=[POOL])
    quote_mint: str | None = Field(examples=[WRAPPED_SOL])
    base_amount: str = Field(examples=["35765142847"])
    quote_amount: str = Field(description="What moved the curve.", examples=["1000000"])
    user_quote_amount: str | None = Field(
        description="What the trader paid or received.", examples=["1012500"]
    )
    usd: str | None = Field(
        description="The same in dollars at the time of the trade; null: no price was known then.",
        examples=["0.19"],
    )
    fees: dict[str, str] = Field(examples=[{"fee": "9500", "creator_fee": "3000"}])
    price: str | None = Field(description="After the trade.", examples=["0.0000000279589996"])
    market_cap: str | None = Field(examples=["27.9589"])
    curve_progress_bps: int | None = Field(examples=[4312])
    virtual_base_reserves: str | None = Field(examples=["1073000000000000"])
    virtual_quote_reserves: str | None = Field(examples=["30000000000"])
    real_base_reserves: str | None = Field(examples=["793100000000000"])
    real_quote_reserves: str | None = Field(examples=["1000000000"])
    block_time: int | None = Field(description="Unix seconds.", examples=[TIME])

    @classmethod
    def of(cls, row: TradeView) -> Trade:
        """From its row."""
        return cls.model_construct(**trade_fields(row))


class TradePage(PageOf[Trade]):
    """Trades, newest first."""


def trade_fields(row: TradeView) -> Any:
    """The fields of `Trade`, in its place."""
    return {
        "signature": signature_b58(row.signature),
        "ordinal": row.ordinal,
        "slot": row.slot,
        "tx_index": row.tx_index,
        "seq": row.seq,
        "program": row.program,
        "side": "buy" if row.is_buy else "sell",
        "mint": b58(row.mint),
        "wallet": key_text(row.wallet),
        "pool": key_text(row.pool),
        "quote_mint": key_text(row.quote_mint),
        "base_amount": row.base_amount,
        "quote_amount": str(row.quote_amount),
        "user_quote_amount": number_text(row.user_quote_amount),
        "usd": _usd(row),
        "fees": _fees(row),
        "price": row.price,
        "market_cap": _market_cap(row),
        "curve_progress_bps": row.progress_bps,
        "virtual_base_reserves": number_text(row.virtual_base),
        "virtual_quote_reserves": number_text(row.virtual_quote),
        "real_base_reserves": row.real_base,
        "real_quote_reserves": row.real_quote,
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


def _fees(row: TradeView) -> dict[str, str]:
    named = zip(row.fee_names.split(","), row.fees.split(","), strict=False)
    return {name: amount or "0" for name, amount in named if name}


def _usd(row: TradeView) -> str | None:
    if row.quote_usd is None or row.quote_decimals is None or not row.is_own:
        return None
    paid = row.quote_amount if row.user_quote_amount is None else row.user_quote_amount
    return decimal_text(round(Decimal(paid) * row.quote_usd / 10**row.quote_decimals, 6))
