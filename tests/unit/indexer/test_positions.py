"""Average-cost positions in exact integers."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from db.rows import PastTrade, PositionRow
from indexer.positions import fold


def _trades(*moves: tuple[bool, int, int]) -> list[PastTrade]:
    return [
        PastTrade(
            slot=slot, seq=slot, is_buy=is_buy, base_amount=base,
            quote_amount=0, user_quote_amount=quote,
        )
        for slot, (is_buy, base, quote) in enumerate(moves)
    ]  # fmt: skip


def _position(*moves: tuple[bool, int, int]) -> PositionRow:
    return fold((b"w", b"m"), _trades(*moves))


def test_a_sale_takes_its_share_of_the_cost() -> None:
    """Half of what is held goes: so does half of its cost, and the difference is realized."""
    position = _position((True, 100, 1000), (False, 50, 800))
    assert (position.base_amount, position.cost_quote, position.realized_quote) == (50, 500, 300)
    assert (position.buys, position.sells) == (1, 1)


def test_the_cost_of_a_sale_is_rounded_down() -> None:
    """1/3 of 100 is 33: the remainder stays with what is still held."""
    position = _position((True, 3, 100), (False, 1, 40))
    assert (position.cost_quote, position.realized_quote) == (67, 7)


def test_selling_all_leaves_no_cost() -> None:
    """After many odd sales the last one takes the whole rest: nothing is left over."""
    position = _position((True, 7, 100), (False, 3, 9), (False, 3, 9), (False, 1, 9))
    assert (position.base_amount, position.cost_quote) == (0, 0)
    assert position.realized_quote == 27 - 100


def test_tokens_that_came_by_transfer_are_neither_profit_nor_loss() -> None:
    """30 of 40 sold were never bought here: of 400 received only 100 belong to the 10 that were."""
    position = _position((True, 10, 60), (False, 40, 400))
    assert (position.base_amount, position.cost_quote, position.realized_quote) == (0, 0, 40)


def test_selling_what_was_never_bought_realizes_nothing() -> None:
    """Only the sale is counted: its cost is not known."""
    position = _position((False, 40, 400))
    assert (position.base_amount, position.cost_quote, position.realized_quote) == (0, 0, 0)
    assert position.sells == 1


def test_without_the_traders_own_amount_the_curves_counts() -> None:
    """Old events tell no fees: then the amount that moved the curve is taken."""
    trade = PastTrade(
        slot=1, seq=1, is_buy=True, base_amount=5, quote_amount=70, user_quote_amount=None
    )
    assert fold((b"w", b"m"), [trade]).cost_quote == 70


_MOVES = st.lists(
    st.tuples(st.booleans(), st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1)), max_size=30
)


@given(_MOVES)
def test_money_is_neither_made_nor_lost(moves: list[tuple[bool, int, int]]) -> None:
    """What was paid is in cost or was realized; neither amount nor cost is ever negative."""
    position = _position(*moves)
    paid = sum(quote for is_buy, _, quote in moves if is_buy)
    held, earned = 0, 0
    for is_buy, base, quote in moves:
        if is_buy:
            held += base
        elif base:
            sold = min(base, held)
            earned += int(Fraction(quote * sold, base))
            held -= sold
    assert position.base_amount == held
    assert position.cost_quote >= 0
    assert position.cost_quote + earned == paid + position.realized_quote
