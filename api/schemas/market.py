"""The market as a whole."""

from __future__ import annotations

from pydantic import Field

from api.schemas.base import WRAPPED_SOL, Meta, Model
from api.schemas.tokens import Token


class MarketWindow(Model):
    """What was traded against one quote token inside a window that ends now."""

    quote_mint: str | None = Field(examples=[WRAPPED_SOL])
    trades: int = Field(examples=[5100])
    buys: int = Field(examples=[3000])
    sells: int = Field(examples=[2100])
    volume_quote: str = Field(examples=["912000000000"])


class MarketStats(Model):
    """All tokens together. Windows are counted by the minute."""

    windows: dict[str, list[MarketWindow]] = Field(
        description="5m, 1h, 6h and 24h; in each an entry per quote token that was traded.",
        examples=[
            {
                "1h": [
                    {
                        "quote_mint": WRAPPED_SOL, "trades": 5100, "buys": 3000, "sells": 2100,
                        "volume_quote": "912000000000",
                    }
                ]
            }
        ],
    )  # fmt: skip
    meta: Meta


class Trend(Model):
    """A token and its rank."""

    rank: int = Field(examples=[1])
    score: str = Field(
        description="buyers of the window * ln(1 + volume in whole quote tokens)",
        examples=["84.31"],
    )
    token: Token


class Trending(Model):
    """The tokens with the highest scores, best first. Refreshed every few seconds."""

    items: list[Trend]
    meta: Meta
