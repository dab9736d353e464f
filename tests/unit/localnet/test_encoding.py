"""Base58 and amounts, against solders and by example."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from solders.pubkey import Pubkey

from localnet.encoding import base58, from_base58, ui_amount


@given(st.binary(max_size=200))
def test_base58_round_trip(raw: bytes) -> None:
    """Any bytes survive, leading zeros included."""
    assert from_base58(base58(raw)) == raw


@given(st.binary(min_size=32, max_size=32))
def test_base58_is_solanas(raw: bytes) -> None:
    """Of keys it is what solders prints."""
    assert base58(raw) == str(Pubkey.from_bytes(raw))


@pytest.mark.parametrize("text", ["0", "O", "I", "l", "a b", "é"])
def test_other_letters_are_refused(text: str) -> None:
    """Letters that base58 leaves out raise ValueError."""
    with pytest.raises(ValueError, match="base58"):
        from_base58(text)


@pytest.mark.parametrize(
    ("amount", "decimals", "text"),
    [
        (0, 6, "0"),
        (600_000_000_000, 6, "600000"),
        (1_500_000, 6, "1.5"),
        (1, 9, "0.000000001"),
        (100, 0, "100"),
        (2**64 - 1, 6, "18446744073709.551615"),
    ],
)
def test_ui_amounts_are_exact_without_trailing_zeros(amount: int, decimals: int, text: str) -> None:
    """uiAmountString keeps every digit and drops zeros behind the point only."""
    shown = ui_amount(amount, decimals)
    assert (shown["amount"], shown["uiAmountString"]) == (str(amount), text)
