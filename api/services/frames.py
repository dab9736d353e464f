"""Events as they reach a client, one model per event: what the documents are made from.

The hub doesn't encode these: rooms.py writes the same around data that the feed holds as JSON. A
test compares the two.
"""

from __future__ import annotations

from typing import Any

import msgspec

from common.messages import (
    CandleUpdate,
    CurveCompleted,
    Finality,
    NewTrade,
    PortfolioUpdate,
    PriceUpdate,
    Retracted,
    TokenCreated,
    TokenMigrated,
)


class EventFrame(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """An event in a room. `ts`: when its row was written, in ms since 1970."""

    room: str
    seq: int
    ts: int


class LogFrame(EventFrame, frozen=True, kw_only=True):
    """A log event. `prev`: seq of the room's log event before it, 0 if it is the first, null where
    the subscription filters events."""

    prev: int | None


class TokenCreatedFrame(LogFrame, frozen=True, kw_only=True, tag="token_created"):
    """A token was created."""

    data: TokenCreated


class NewTradeFrame(LogFrame, frozen=True, kw_only=True, tag="new_trade"):
    """Somebody bought or sold."""

    data: NewTrade


class CurveCompletedFrame(LogFrame, frozen=True, kw_only=True, tag="curve_completed"):
    """A curve is full."""

    data: CurveCompleted


class TokenMigratedFrame(LogFrame, frozen=True, kw_only=True, tag="token_migrated"):
    """A token's liquidity moved to an AMM pool."""

    data: TokenMigrated


class RetractedFrame(LogFrame, frozen=True, kw_only=True, tag="retracted"):
    """An earlier log event did not survive a fork."""

    data: Retracted


class PriceUpdateFrame(EventFrame, frozen=True, kw_only=True, tag="price_update"):
    """A token's newest state."""

    data: PriceUpdate


class PortfolioUpdateFrame(EventFrame, frozen=True, kw_only=True, tag="portfolio_update"):
    """A wallet's newest position in one token."""

    data: PortfolioUpdate


class CandleUpdateFrame(EventFrame, frozen=True, kw_only=True, tag="candle_update"):
    """A bar of an interval that the subscription asked for, as it is now."""

    data: CandleUpdate


class MarketStatsFrame(EventFrame, frozen=True, kw_only=True, tag="market_stats"):
    """Figures of the whole market. Its fields are not fixed."""

    data: dict[str, Any]


class FinalityFrame(EventFrame, frozen=True, kw_only=True, tag="finality"):
    """How far the chain is confirmed, and how far final. `seq`: the hub's position."""

    data: Finality


EVENT_FRAMES: tuple[type[EventFrame], ...] = (
    TokenCreatedFrame,
    NewTradeFrame,
    CurveCompletedFrame,
    TokenMigratedFrame,
    RetractedFrame,
    PriceUpdateFrame,
    PortfolioUpdateFrame,
    CandleUpdateFrame,
    MarketStatsFrame,
    FinalityFrame,
)
