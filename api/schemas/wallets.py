"""A wallet: what it holds and what it made of it, as far as its trades tell."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from api.schemas.base import (
    MINT,
    TIME,
    WALLET,
    WRAPPED_SOL,
    Meta,
    Model,
    PageOf,
    decimal_or_none,
    key_text,
)
from api.values import value_of
from db.reads.wallets import MOST_VALUED, OpenPosition, TotalsRow
from db.rows import PositionRow
from programs.keys import b58


class WalletPosition(Model):
    """What a wallet holds of a token, as far as its trades tell. Names are `portfolio_update`'s."""

    wallet: str = Field(examples=[WALLET])
    mint: str = Field(examples=[MINT])
    base_amount: str = Field(examples=["35765142847000"])
    cost_quote: str = Field(
        description="Average cost, in quote units, of what is still held.", examples=["1000000000"]
    )
    realized_quote: str = Field(
        description="Realised profit or loss so far, in quote units.", examples=["250000000"]
    )
    buys: int = Field(examples=[2])
    sells: int = Field(examples=[1])

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


class Position(WalletPosition):
    """A position with its token's price. Values are in quote units, fees not taken off."""

    symbol: str | None = Field(examples=["LIGHT"])
    name: str | None = Field(examples=["First Light"])
    decimals: int | None = Field(examples=[6])
    quote_mint: str | None = Field(examples=[WRAPPED_SOL])
    quote_decimals: int | None = Field(examples=[9])
    price: str | None = Field(examples=["0.0000000279589996"])
    image: str | None = Field(
        description="Path of the token's thumbnail here; null while there is none.",
        examples=[f"/api/v1/tokens/{MINT}/image"],
    )
    bought_quote: str = Field(examples=["2000000000"])
    sold_quote: str = Field(examples=["1250000000"])
    value_quote: str | None = Field(
        description="Of what is held, at the last price.", examples=["1120000000"]
    )
    unrealized_quote: str | None = Field(
        description="Value less cost of what is held.", examples=["120000000"]
    )


class PositionPage(PageOf[Position]):
    """Positions, the one traded last first."""


class Totals(Model):
    """Everything a wallet did against one quote token, in its units."""

    quote_mint: str = Field(examples=[WRAPPED_SOL])
    positions: int = Field(description="Tokens it ever traded.", examples=[12])
    trades: int = Field(examples=[40])
    buys: int = Field(examples=[25])
    sells: int = Field(examples=[15])
    bought_quote: str = Field(examples=["20000000000"])
    sold_quote: str = Field(examples=["12500000000"])
    realized_quote: str = Field(examples=["2500000000"])
    last_trade_at: int | None = Field(description="Unix seconds.", examples=[TIME])


class WalletAnswer(Model):
    """A wallet's totals, one per quote token: amounts of different tokens are never added up."""

    wallet: str = Field(examples=[WALLET])
    created: int = Field(description="Tokens it created.", examples=[1])
    totals: list[Totals]
    meta: Meta


class Pnl(Totals):
    """The same with what is open, at last prices."""

    open_positions: int = Field(examples=[3])
    cost_quote: str = Field(description="Of what is still held.", examples=["3000000000"])
    value_quote: str = Field(
        description="Of what is still held, where its price is known.", examples=["3500000000"]
    )
    unrealized_quote: str = Field(examples=["500000000"])
    unpriced_positions: int = Field(
        description="Open ones without a price: counted neither in value nor in cost.", examples=[0]
    )
    is_partial: bool = Field(
        description=f"It has more than {MOST_VALUED} positions: what is open was looked for "
        "in those traded last. Totals, realised profit among them, are of all.",
        examples=[False],
    )


class PnlAnswer(Model):
    """Profit and loss by average cost, one per quote token."""

    wallet: str = Field(examples=[WALLET])
    quotes: list[Pnl]
    meta: Meta


def position_fields(wallet: bytes, row: OpenPosition) -> Any:
    """The fields of `Position`, in its place: see api/answers.py."""
    value = value_of(row.base_amount, row.price, row.decimals, row.quote_decimals)
    return {
        "wallet": b58(wallet),
        "mint": b58(row.mint),
        "base_amount": str(row.base_amount),
        "cost_quote": str(row.cost_quote),
        "realized_quote": str(row.realized_quote),
        "buys": row.buys,
        "sells": row.sells,
        "symbol": row.symbol,
        "name": row.name,
        "decimals": row.decimals,
        "quote_mint": key_text(row.quote_mint),
        "quote_decimals": row.quote_decimals,
        "price": decimal_or_none(row.price),
        "image": f"/api/v1/tokens/{b58(row.mint)}/image" if row.has_image else None,
        "bought_quote": str(row.bought_quote),
        "sold_quote": str(row.sold_quote),
        "value_quote": None if value is None else str(value),
        "unrealized_quote": None if value is None else str(value - row.cost_quote),
    }


def totals_of(row: TotalsRow) -> Totals:
    """From its row."""
    return Totals.model_construct(**_totals(row))


def pnl_of(row: TotalsRow) -> Pnl:
    """From its row."""
    return Pnl.model_construct(
        **_totals(row),
        open_positions=row.open_positions,
        cost_quote=str(row.cost_quote),
        value_quote=str(row.value_quote),
        unrealized_quote=str(row.value_quote - row.cost_quote),
        unpriced_positions=row.unpriced_positions,
        is_partial=row.is_partial,
    )


def _totals(row: TotalsRow) -> dict[str, Any]:
    return {
        "quote_mint": key_text(row.quote_mint),
        "positions": row.positions,
        "trades": row.buys + row.sells,
        "buys": row.buys,
        "sells": row.sells,
        "bought_quote": str(row.bought_quote),
        "sold_quote": str(row.sold_quote),
        "realized_quote": str(row.realized_quote),
        "last_trade_at": row.last_trade_at,
    }
