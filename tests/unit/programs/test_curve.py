"""Prices, progress and quotes in integers."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from programs import curve

AMOUNTS = st.integers(1, 2**64 - 1)


@pytest.mark.parametrize(
    ("quote", "base", "text"),
    [
        (30_000_000_000, 1_073_000_000_000_000, "0.0000000279589934762348555"),
        (1, 1, "0.001"),
        (10**9, 10**6, "1"),
        (0, 5, "0"),
        (2**64 - 1, 1, "18446744073709551.6"),
        (1, 2**64 - 1, "0.0000000000000000000000542101086242752217"),
    ],
)
def test_a_price_is_the_exact_fraction_rounded_once(quote: int, base: int, text: str) -> None:
    """Plain decimal notation, at most 18 significant digits, no trailing zeros."""
    assert curve.price_text(quote, base, 9, 6) == text


def test_a_price_needs_tokens() -> None:
    """Nothing divided by nothing has no price."""
    assert curve.price_text(1, 0, 9, 6) is None
    assert curve.market_cap_text(1, 0, 10**15, 9) is None


@settings(derandomize=True)
@given(AMOUNTS, AMOUNTS, st.integers(0, 18), st.integers(0, 18))
def test_a_price_text_is_near_the_fraction(quote: int, base: int, q: int, b: int) -> None:
    """However great or small, the text is within half a unit of its eighteenth digit."""
    text = curve.price_text(quote, base, q, b)
    assert text is not None
    assert "e" not in text.lower()
    exact = Fraction(quote, base) * Fraction(10) ** (b - q)
    assert abs(Fraction(text) - exact) <= exact / 10**17 / 2
    assert len(text.replace(".", "").strip("0")) <= curve.PRICE_DIGITS


def test_market_cap() -> None:
    """Price times supply, in whole quote tokens."""
    supply = 10**15
    assert curve.market_cap_text(30 * 10**9, 1_073 * 10**12, supply, 9) == "27.9589934762348555"


@pytest.mark.parametrize(
    ("sold", "total", "bps"),
    [
        (0, 10, 0),
        (-5, 10, 0),
        (1, 3, 3333),
        (9_999_999, 10**7, 9999),
        (10, 10, 10_000),
        (11, 10, 10_000),
    ],
)
def test_progress(sold: int, total: int, bps: int) -> None:
    """Rounded down, so that only a full curve has 10000, and kept within its bounds."""
    assert curve.progress_bps(sold, total) == bps
    assert curve.progress_bps(sold, 0) is None


@settings(derandomize=True)
@given(AMOUNTS, st.integers(2, 2**64 - 1), st.data())
def test_buying_costs_enough_and_not_more(quote: int, base: int, data: st.DataObject) -> None:
    """The cost keeps the product from falling, and one unit less would not."""
    out = data.draw(st.integers(1, base - 1))
    cost = curve.buy_cost(quote, base, out)
    assert (quote + cost) * (base - out) >= quote * base
    assert (quote + cost - 1) * (base - out) <= quote * base


@settings(derandomize=True)
@given(AMOUNTS, st.integers(2, 2**64 - 1), AMOUNTS)
def test_spending_gives_what_can_be_paid(quote: int, base: int, spend: int) -> None:
    """What one gets for an amount costs no more than it, and one token more would."""
    out = curve.buy_amount(quote, base, spend)
    if out:
        assert curve.buy_cost(quote, base, out) <= spend
    if out + 1 < base:
        assert curve.buy_cost(quote, base, out + 1) > spend


@settings(derandomize=True)
@given(AMOUNTS, AMOUNTS, AMOUNTS)
def test_selling_back_gains_nothing(quote: int, base: int, amount: int) -> None:
    """Proceeds keep the product from falling."""
    proceeds = curve.sell_proceeds(quote, base, amount)
    assert (quote - proceeds) * (base + amount) >= quote * base


def test_impossible_trades_are_refused() -> None:
    """A curve can't sell all it has, and nobody sells nothing."""
    with pytest.raises(ValueError, match="can't sell 10"):
        curve.buy_cost(5, 10, 10)
    with pytest.raises(ValueError, match="can't sell 0"):
        curve.sell_proceeds(5, 10, 0)


@settings(derandomize=True)
@given(AMOUNTS, st.integers(0, 10_000))
def test_fees_are_rounded_up(amount: int, bps: int) -> None:
    """A fee is never a fraction short."""
    fee = curve.fee_of(amount, bps)
    assert (fee - 1) * curve.BPS < amount * bps <= fee * curve.BPS
