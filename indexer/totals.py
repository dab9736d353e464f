"""What changed positions and candles add to the sums over them: a wallet's totals, the market's
minutes, a token's holders.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from db.rows import (
    CandleKey,
    CandleRow,
    MinuteDelta,
    PositionKey,
    PositionRow,
    TokenRow,
    TotalDelta,
)
from indexer.positions import latest

Tokens = Mapping[bytes, TokenRow]
MINUTE_S = 60


def count_holders(
    before: Mapping[PositionKey, PositionRow], after: Iterable[PositionRow], tokens: Tokens
) -> None:
    """Bring the tokens' counts of holders and traders up to date. `before`: the same positions as
    they were, without those that were not there.
    """
    for row in after:
        token, old = tokens[row.mint], before.get((row.wallet, row.mint))
        token.holders += (row.base_amount > 0) - (old is not None and old.base_amount > 0)
        token.traders += old is None


def totals(
    before: Mapping[PositionKey, PositionRow], after: Iterable[PositionRow], tokens: Tokens
) -> list[TotalDelta]:
    """One for each wallet and quote."""
    deltas: dict[tuple[bytes, bytes | None], TotalDelta] = {}
    for row in after:
        quote = tokens[row.mint].quote_mint
        key = row.wallet, quote
        delta = deltas.get(key)
        if delta is None:
            delta = deltas[key] = TotalDelta(wallet=row.wallet, quote_mint=quote)
        old = before.get((row.wallet, row.mint))
        if old is None:
            delta.positions += 1
        else:
            _add(delta, old, -1)
        _add(delta, row, 1)
        delta.last_buy_at = latest(delta.last_buy_at, row.last_buy_at)
        delta.last_sell_at = latest(delta.last_sell_at, row.last_sell_at)
    return list(deltas.values())


def _add(delta: TotalDelta, row: PositionRow, sign: int) -> None:
    delta.buys += sign * row.buys
    delta.sells += sign * row.sells
    delta.bought_quote += sign * row.bought_quote
    delta.sold_quote += sign * row.sold_quote
    delta.cost_quote += sign * row.cost_quote
    delta.realized_quote += sign * row.realized_quote


def minutes(
    before: Mapping[CandleKey, CandleRow], after: Iterable[CandleRow], tokens: Tokens
) -> list[MinuteDelta]:
    """One for each quote and minute."""
    deltas: dict[tuple[bytes | None, int], MinuteDelta] = {}
    for row in after:
        if row.interval_s != MINUTE_S:
            continue
        quote = tokens[row.mint].quote_mint
        delta = deltas.get((quote, row.start))
        if delta is None:
            delta = deltas[quote, row.start] = MinuteDelta(
                quote_mint=quote, start=row.start, first_slot=row.first_slot
            )
        old = before.get((row.mint, row.interval_s, row.start))
        delta.first_slot = min(delta.first_slot, row.first_slot)
        delta.trades += row.trades - (0 if old is None else old.trades)
        delta.buys += row.buys - (0 if old is None else old.buys)
        delta.volume_quote += row.volume_quote - (0 if old is None else old.volume_quote)
    return list(deltas.values())
