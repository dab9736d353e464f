"""What may stand behind the question mark: one model for each kind of list."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from api.cursors import MAX_LENGTH
from db.reads.holders import TraderOrder
from db.reads.tokens import TokenList
from db.reads.trades import Filters
from programs.keys import key_of

_MAX_SLOT = 2**63 - 1
_MAX_TIME = 2**40
_MAX_AMOUNT = 2**64 - 1

Interval = Literal["1s", "15s", "1m", "5m", "15m", "1h", "4h", "1d"]
SECONDS: Mapping[Interval, int] = MappingProxyType(
    {
        "1s": 1, "15s": 15, "1m": 60, "5m": 300, "15m": 900, "1h": 3_600, "4h": 14_400,
        "1d": 86_400,
    }
)  # fmt: skip
WindowName = Literal["5m", "1h", "6h", "24h"]


def _is_key(text: str) -> str:
    key_of(text)  # its ValueError says what is wrong
    return text


KeyText = Annotated[str, AfterValidator(_is_key), Field(pattern="^[1-9A-HJ-NP-Za-km-z]{32,44}$")]
Slot = Annotated[int, Field(ge=0, le=_MAX_SLOT)]
Time = Annotated[int, Field(ge=0, le=_MAX_TIME)]
Amount = Annotated[int, Field(ge=0, le=_MAX_AMOUNT)]
Cursor = Annotated[
    str | None, Field(max_length=MAX_LENGTH, description="`next` of the page before.")
]
AsOf = Annotated[
    Slot | None,
    Field(description="As it was after this slot, by the trades that stand now. Default: now."),
]


class _Query(BaseModel):
    model_config = ConfigDict(frozen=True)


class PageQuery(_Query):
    """A page of a list."""

    limit: int = Field(50, ge=1, le=200, description="Most items of the page.")
    cursor: Cursor = None


class TokenQuery(PageQuery):
    """Which list of tokens."""

    list: TokenList = Field(
        "new",
        description="new, oldest: by age. active: by newest change of state. about_to_graduate: on "
        "their curve, the fullest first. king_of_the_hill: those of them from "
        "KING_OF_THE_HILL_BPS on; the first is the king. graduated: by the slot their liquidity "
        "moved in. trending: by buyers * ln(1 + volume in whole quote tokens) of the window. "
        "top_volume: of the window. top_market_cap. The last two compare amounts, so they take "
        "tokens of one quote_mint alone: wrapped SOL, if none is given.",
    )
    window: WindowName = Field(
        "1h",
        description="Of trending and top_volume; refreshed every few seconds, 6h and 24h within "
        "30 s and two minutes.",
    )
    program: str | None = Field(None, max_length=32, description="Launchpad.", examples=["pump"])
    quote_mint: KeyText | None = Field(None, description="Tokens against this quote token alone.")


class OneTokenQuery(_Query):
    """When."""

    as_of_slot: AsOf = None


class TradeQuery(PageQuery):
    """Which trades; all that is given must hold."""

    side: Literal["buy", "sell"] | None = None
    min_base: Amount | None = Field(None, description="Least base amount, in base units.")
    min_quote: Amount | None = Field(None, description="Least quote amount, in quote units.")
    from_slot: Slot | None = None
    to_slot: Slot | None = None
    from_time: Time | None = Field(None, description="Unix seconds, by the chain's clock.")
    to_time: Time | None = None

    def filters(self, other: str | None) -> Filters:
        """For the database."""
        return Filters(
            is_buy=None if self.side is None else self.side == "buy",
            other=None if other is None else key_of(other),
            min_base=self.min_base,
            min_quote=self.min_quote,
            from_slot=self.from_slot,
            to_slot=self.to_slot,
            from_time=self.from_time,
            to_time=self.to_time,
        )


class TokenTradeQuery(TradeQuery):
    """Of a token's trades."""

    wallet: KeyText | None = Field(None, description="This wallet's alone.")


class WalletTradeQuery(TradeQuery):
    """Of a wallet's trades."""

    mint: KeyText | None = Field(None, description="Of this token alone.")


class CandleQuery(PageQuery):
    """Which bars."""

    limit: int = Field(200, ge=1, le=1_000, description="Most items of the page.")
    interval: Interval = Field("1m", description="Length of a bar.")
    from_time: Time | None = Field(None, description="First start, unix seconds.")
    to_time: Time | None = Field(None, description="Last start, unix seconds.")
    as_of_slot: AsOf = None


class HolderQuery(PageQuery):
    """When."""

    as_of_slot: AsOf = None


class TraderQuery(PageQuery):
    """In which order."""

    order: TraderOrder = Field(
        "realized",
        description="realized: the largest realised profit first. loss: the smallest. amount: who "
        "holds most, of those who hold any. recent: who traded last.",
    )


class PositionQuery(PageQuery):
    """Which positions."""

    is_open: bool | None = Field(None, description="Only open ones, or only those sold out.")


class FirstQuery(_Query):
    """How many of the first."""

    limit: int = Field(20, ge=1, le=200, description="Most items.")


class TrendingQuery(_Query):
    """Over what time."""

    window: WindowName = "1h"
    limit: int = Field(20, ge=1, le=200, description="Most items.")


class SearchQuery(_Query):
    """What to look for."""

    q: str = Field(
        min_length=1,
        max_length=64,
        description="A mint, or a part of a symbol or name.",
        examples=["light"],
    )
    limit: int = Field(20, ge=1, le=50, description="Most items.")
