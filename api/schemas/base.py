"""What every answer is made of: the moment it shows, keys and amounts as text."""

from __future__ import annotations

from decimal import Decimal
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from db.reads.moment import Moment
from programs.keys import b58

MINT = "6QkFmUbyRSVCBPnJrNnGp9AaWLxhyLFXBgzzCQBBBrqL"
WALLET = "9xQeWvG816bUx9EPjHmaT23yvVM2ZWbrrpZb9PusVFin"
POOL = "4wTV1YmiEkRvAtNtsSGPtUrqRYQMe5SKy2uB4Jjaxnjf"
WRAPPED_SOL = "So11111111111111111111111111111111111111112"
SIGNATURE = (
    "5VERv8NMvzbJMEkV8xnrLkEaWRtSz9CosKDYjCJjBRnbJLgp8uirBgmQpjKhoR4tjF3ZpRzrFmBV6UjKdiSZkQUW"
)
SLOT = 452654932
TIME = 1795347000

Item = TypeVar("Item")


class Model(BaseModel):
    """Root of all: frozen."""

    model_config = ConfigDict(frozen=True)


class Meta(Model):
    """The moment an answer shows: everything in the feed up to `feed_seq`, nothing after it."""

    epoch: str = Field(description="Renewed when history is rebuilt.", examples=["k3x9a1b2"])
    feed_seq: int = Field(description="Position in the feed.", examples=[1060])
    frontier_slot: int | None = Field(
        description="Every slot up to here is verified: nothing is missing below. Null: none yet.",
        examples=[SLOT],
    )
    finalized_slot: int | None = Field(
        description="No fork can undo slots up to here.", examples=[SLOT - 32]
    )
    complete: bool = Field(
        description="Nothing is known to be missing up to the newest slot the node told us of, "
        "moments ago. False while a hole is open, or while nobody looks.",
        examples=[True],
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


class PageOf(Model, Generic[Item]):
    """A part of a list, in the list's order."""

    items: list[Item]
    next: str | None = Field(
        description="Cursor of the next page; null at the end.", examples=["k6NuZXfNBBI"]
    )
    meta: Meta


class Window(Model):
    """What happened inside a window of time that ends now, on the token's own pools."""

    volume_base: str = Field(examples=["35765142847000"])
    volume_quote: str = Field(description="What moved the curve.", examples=["31000000000"])
    buys: int = Field(examples=[41])
    sells: int = Field(examples=[17])
    buyers: int = Field(description="Different wallets.", examples=[32])
    sellers: int = Field(examples=[11])
    price_change_bps: int | None = Field(
        description="Against the last price before the window; null: there was none.",
        examples=[1250],
    )


class Usd(Model):
    """Dollars by the newest price of the quote token; never guessed: absent while that is old."""

    price: str = Field(description="Of one whole token.", examples=["0.0000053122"])
    market_cap: str | None = Field(examples=["5312.2"])
    source: str = Field(description="fixed, pyth or http.", examples=["pyth"])
    slot: int | None = Field(description="Of the reading, where it was an account's.", examples=[1])
    age_s: int = Field(description="Age of the reading.", examples=[3])


def key_text(key: bytes | None) -> str | None:
    """Base58."""
    return None if key is None else b58(key)


def number_text(value: int | Decimal | None) -> str | None:
    """A whole number as text."""
    return None if value is None else str(value)


def decimal_text(value: Decimal | int) -> str:
    """Plain notation, never an exponent."""
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def decimal_or_none(value: Decimal | int | None) -> str | None:
    """The same, of what may be unknown."""
    return None if value is None else decimal_text(value)
