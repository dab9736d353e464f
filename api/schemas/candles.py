"""A bar of a token's chart."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from api.schemas.base import TIME, Model, PageOf
from db.reads.candles import CandleView


class Candle(Model):
    """A bar. A greater `rev` of the same bar replaces the smaller."""

    start: int = Field(description="Unix seconds.", examples=[TIME])
    interval_s: int = Field(examples=[60])
    open: str = Field(examples=["0.0000000279589996"])
    high: str = Field(examples=["0.0000000281"])
    low: str = Field(examples=["0.0000000279"])
    close: str = Field(examples=["0.00000002801"])
    volume_base: str = Field(examples=["35765142847"])
    volume_quote: str = Field(examples=["1000000"])
    trades: int = Field(examples=[3])
    rev: int = Field(examples=[2])
    final: bool = Field(
        description="No late trade and no fork can change it any more.", examples=[True]
    )
    last_seq: int = Field(
        description="Position in the feed of the trade that gave `close`.", examples=[1042]
    )


class CandlePage(PageOf[Candle]):
    """Bars, newest first. A time without a trade has none."""


def candle_fields(row: CandleView) -> Any:
    """The fields of `Candle`, in its place."""
    return {
        "start": row.start,
        "interval_s": row.interval_s,
        "open": row.open,
        "high": row.high,
        "low": row.low,
        "close": row.close,
        "volume_base": row.volume_base,
        "volume_quote": row.volume_quote,
        "trades": row.trades,
        "rev": row.rev,
        "final": row.is_final,
        "last_seq": row.last_seq,
    }
