"""Cursors: opaque, of one list, never a way to break a query."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.cursors import CursorOf
from api.problems import ProblemError

TRADES = CursorOf("trades", int, int, int)
HOLDERS = CursorOf("holders", Decimal, int)
BIGINT = st.integers(-(2**63), 2**63 - 1)


@given(BIGINT, BIGINT, BIGINT)
def test_a_cursor_is_the_key_it_was_made_of(slot: int, index: int, seq: int) -> None:
    """A cursor is the key it was made of, and no other list's."""
    cursor = TRADES.encode((slot, index, seq))
    assert TRADES.decode(cursor) == (slot, index, seq)
    for other in (HOLDERS, CursorOf("others", int, int, int), CursorOf("trades", int, int)):
        with pytest.raises(ProblemError):
            other.decode(cursor)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=0), BIGINT)
def test_amounts_of_any_size(amount: Decimal, wallet: int) -> None:
    """Amounts pass 2^64: a key holds them exactly."""
    assert HOLDERS.decode(HOLDERS.encode((amount, wallet))) == (amount, wallet)


@given(st.text(max_size=60))
def test_any_text_is_a_cursor_or_a_problem(text: str) -> None:
    """Whatever somebody passes, it is a key or a problem with status 400."""
    try:
        key = TRADES.decode(text)
    except ProblemError as error:
        assert error.status == 400
    else:
        assert key is not None and len(key) == 3


def test_no_cursor_is_no_key() -> None:
    """The first page has no cursor, the last one no next."""
    assert TRADES.decode(None) is None
    assert TRADES.encode(None) is None
