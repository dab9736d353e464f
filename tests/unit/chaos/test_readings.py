"""In which order rows and messages put a token's trades."""

from __future__ import annotations

from typing import Any

import pytest

from chaos.readings import Placed, ordered, told_facts
from chaos.truth import Fact


def trades(tx_index: bool, reserves: bool) -> list[Placed]:
    """Five trades of one token: three in slot 7, then two in slot 8; (base, quote) moves."""
    moves = [(7, "buy", 100, 3), (7, "sell", 40, 1), (7, "buy", 5, 2), (8, "buy", 9, 4),
             (8, "sell", 64, 5)]  # fmt: skip
    base, quote = 10_000, 500
    placed = []
    for number, (slot, side, amount, cost) in enumerate(moves):
        sign = 1 if side == "buy" else -1
        base, quote = base - sign * amount, quote + sign * cost
        fact = Fact("trade", f"s{number}", slot, "coin", 0, "w", side, amount, cost)
        place = number if tx_index else None
        placed.append(Placed(fact, 0, place, (base, quote) if reserves else None))
    return placed


def arriving(placed: list[Placed], order: list[int]) -> list[Placed]:
    """They were numbered in this order."""
    return [
        Placed(trade.fact, order.index(at), trade.tx_index, trade.reserves)
        for at, trade in enumerate(placed)
    ]


@pytest.mark.parametrize("tx_index", [True, False])
def test_late_arrivals_find_their_place(tx_index: bool) -> None:
    """By index in the block, or by the reserves they found and left, whatever came first."""
    placed = trades(tx_index, reserves=not tx_index)
    late = arriving(placed, [4, 2, 0, 3, 1])
    assert [fact.signature for fact in ordered(late)] == ["s0", "s1", "s2", "s3", "s4"]


def test_without_either_arrival_decides_inside_a_slot_only() -> None:
    """Slots are always in order; inside one, who came first comes first."""
    late = arriving(trades(tx_index=False, reserves=False), [4, 2, 0, 3, 1])
    assert [fact.signature for fact in ordered(late)] == ["s2", "s0", "s1", "s4", "s3"]


def test_a_broken_chain_of_reserves_is_not_trusted() -> None:
    """With a link missing, arrival decides."""
    placed = arriving(trades(tx_index=False, reserves=True), [2, 1, 0, 3, 4])
    del placed[1]
    assert [fact.signature for fact in ordered(placed)] == ["s2", "s0", "s3", "s4"]


def test_messages_are_read_as_the_protocol_says() -> None:
    """A new_trade and a token_created of pump become facts; other launchpads' do not."""
    trade: dict[str, Any] = {
        "program": "pump", "signature": "s", "slot": 5, "mint": "m", "ordinal": 2, "wallet": "w",
        "side": "sell", "base_amount": "18446744073709551615", "quote_amount": "7",
    }  # fmt: skip
    events = [
        {"type": "new_trade", "seq": 1, "data": trade},
        {"type": "new_trade", "seq": 2, "data": trade | {"program": "boop"}},
        {"type": "token_created", "seq": 3, "data": trade | {"slot": 6}},
    ]
    assert told_facts(events) == [
        Fact("create", "s", 6, "m"),
        Fact("trade", "s", 5, "m", 2, "w", "sell", 2**64 - 1, 7),
    ]
