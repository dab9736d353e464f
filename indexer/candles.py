"""Candles of the spot price after each trade: of a second, a minute and an hour. Those between and
beyond are rolled up of these when they are read.
"""

from __future__ import annotations

from decimal import Decimal

from db.rows import CandleKey, CandleRow

INTERVALS_S = (1, 60, 3600)


def keys_of(mint: bytes, block_time: int) -> list[CandleKey]:
    """The candles that a moment falls into."""
    return [(mint, each, block_time - block_time % each) for each in INTERVALS_S]


def opened(key: CandleKey, price: Decimal, slot: int, seq: int) -> CandleRow:
    """A candle of one price and no volume yet."""
    mint, interval_s, start = key
    return CandleRow(
        mint=mint, interval_s=interval_s, start=start,
        open=price, high=price, low=price, close=price,
        first_slot=slot, first_seq=seq, last_slot=slot, last_seq=seq,
    )  # fmt: skip


def apply(candle: CandleRow, price: Decimal, slot: int, seq: int) -> None:
    """Fold one trade's price in. It may be older than those before it: (slot, seq) is its place."""
    if price > candle.high:
        candle.high = price
    if price < candle.low:
        candle.low = price
    if (slot, seq) >= (candle.last_slot, candle.last_seq):
        candle.close, candle.last_slot, candle.last_seq = price, slot, seq
    if (slot, seq) < (candle.first_slot, candle.first_seq):
        candle.open, candle.first_slot, candle.first_seq = price, slot, seq
