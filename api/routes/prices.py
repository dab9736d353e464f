"""Quote mints in dollars."""

from __future__ import annotations

import time

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from api.dependencies import ServicesOf
from api.problems import responses
from db import prices
from programs.keys import b58

router = APIRouter(prefix="/api/v1/market", tags=["market"])


class QuotePrice(BaseModel):
    """Dollars of a whole quote token. `price` is null once it is older than `stale_s`."""

    model_config = ConfigDict(frozen=True)

    quote_mint: str = Field(examples=["So11111111111111111111111111111111111111112"])
    price: str | None = Field(examples=["150.25"])
    source: str = Field(
        description="pyth, http or fixed; demo: made up, for the localnet.", examples=["pyth"]
    )
    is_demo: bool
    observed_at: int = Field(description="Unix seconds.", examples=[1795347000])
    age_s: int = Field(examples=[3])
    slot: int | None = Field(description="Of the account's reading, if it is one.")


class QuotePrices(BaseModel):
    """Every quote mint that has a source."""

    model_config = ConfigDict(frozen=True)

    prices: list[QuotePrice]
    stale_s: int = Field(description="Age from which a price is not used.", examples=[60])


@router.get("/quote-prices", summary="Quote mints in dollars", responses=responses(503))
async def quote_prices(services: ServicesOf) -> QuotePrices:
    """The newest reading of each. A trade's own dollars are of its own time, not of now."""
    now, stale_s = int(time.time()), services.settings.usd_stale_s
    found = await prices.newest(services.pool)
    return QuotePrices(
        prices=[_shown(mint, reading, now, stale_s) for mint, reading in found.items()],
        stale_s=stale_s,
    )


def _shown(mint: bytes, reading: prices.Reading, now: int, stale_s: int) -> QuotePrice:
    age_s = max(0, now - reading.observed_at)
    return QuotePrice(
        quote_mint=b58(mint),
        price=format(reading.price, "f") if age_s <= stale_s else None,
        source=reading.source,
        is_demo=reading.source == "demo",
        observed_at=reading.observed_at,
        age_s=age_s,
        slot=reading.slot,
    )
