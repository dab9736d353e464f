"""One-minute candles of the spot price after each trade. Longer ones are made of them when read."""

from __future__ import annotations

from decimal import Decimal

from db.rows import CandleKey, CandleRow

INTERVAL_S = 60


def key_of(mint: bytes, block_time: int) -> CandleKey:
    """The candle that a moment falls into."""
    return mint, INTERVAL_S, block_time - block_time % INTERVAL_S


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
