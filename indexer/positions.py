"""Average-cost positions, in exact integers.

A purchase adds its tokens and what was paid for them, fees included. A sale takes away the cost of
what it sells, `cost * sold // held` (rounded down; a sale of everything takes all, so nothing is
left over), and realizes proceeds less that cost. Tokens that came by transfer were never bought
here: selling more than is held takes the position to zero, and the share of the proceeds that
belongs to the surplus counts neither as profit nor as loss, for its cost is not known.
"""

from __future__ import annotations

from collections.abc import Iterable

from db.rows import PastTrade, PositionKey, PositionRow
from indexer.order import in_order


def apply(position: PositionRow, trade: PastTrade) -> None:
    """Fold one trade, which must not be older than those before it, into the position."""
    paid = trade.quote_amount if trade.user_quote_amount is None else trade.user_quote_amount
    if position.buys + position.sells == 0:
        position.first_slot = trade.slot
    if trade.is_buy:
        position.base_amount += trade.base_amount
        position.cost_quote += paid
        position.bought_quote += paid
        position.buys += 1
        position.last_buy_at = latest(position.last_buy_at, trade.block_time)
    else:
        _sell(position, trade.base_amount, paid)
        position.sold_quote += paid
        position.sells += 1
        position.last_sell_at = latest(position.last_sell_at, trade.block_time)
    position.slot, position.seq = trade.slot, trade.seq


def _sell(position: PositionRow, amount: int, proceeds: int) -> None:
    held = position.base_amount
    sold = min(amount, held)
    if sold == 0:
        return
    cost = position.cost_quote * sold // held
    position.base_amount -= sold
    position.cost_quote -= cost
    position.realized_quote += proceeds * sold // amount - cost


def latest(one: int | None, other: int | None) -> int | None:
    """The later of two times; None: not known."""
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)


def fold(key: PositionKey, trades: Iterable[PastTrade]) -> PositionRow:
    """The position that these trades make, in the chain's order."""
    position = PositionRow(wallet=key[0], mint=key[1])
    for trade in in_order(trades):
        apply(position, trade)
    return position
