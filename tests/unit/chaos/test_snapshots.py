"""The comparison of snapshots notices what it says: each fault with doctored data."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chaos.market import History, State, Told
from chaos.snapshots import faults, is_needed
from chaos.subscriber import Hole


def trade(seq: int) -> dict[str, Any]:
    """As the feed and the API have it."""
    return {"seq": seq, "signature": f"s{seq}", "side": "buy", "base_amount": str(seq)}


def price(seq: int) -> dict[str, Any]:
    """A state that changes with every trade."""
    return {"mint": "M", "price": str(seq), "market_cap": None, "curve_progress_bps": seq}


SEQS = range(3, 120, 2)
ROOM = "token_M"
HISTORY = History(
    {ROOM: [Told(1, b"{}", is_trade=False)]
     + [Told(seq, json.dumps(trade(seq)).encode(), ts=seq) for seq in SEQS]},
    prices={"M": [State(seq, price(seq)) for seq in SEQS]},
)  # fmt: skip


def snapshot(at: int) -> dict[str, Any]:
    """The right one."""
    seqs = [seq for seq in SEQS if seq <= at][-50:]
    return {"trades": [trade(seq) | {"tx_index": 1} for seq in seqs], "token": price(at)}


def found(at: int, data: dict[str, Any], after: int = 0) -> list[str]:
    """What is wrong."""
    return list(faults(Hole(after, at, "slow", json.dumps(data).encode()), ROOM, HISTORY))


@pytest.mark.parametrize("at", [3, 51, 119])
def test_a_right_one(at: int) -> None:
    """The newest fifty trades up to its position, and the price then."""
    assert found(at, snapshot(at)) == []


def test_before_anything() -> None:
    """Nobody has traded: no trades, no token."""
    assert found(0, {"trades": [], "token": None}) == []
    assert found(0, {"trades": [trade(3)], "token": None}) != []


def test_an_older_state_than_its_position() -> None:
    """A trade or a price from before, though the position is newer."""
    old = snapshot(51)
    assert found(53, snapshot(53) | {"token": old["token"]}) != []
    assert found(53, snapshot(53) | {"trades": old["trades"]}) != []


def test_a_newer_state_than_its_position() -> None:
    """Its events would come again, as if they were new."""
    assert found(51, snapshot(53)) != []


def test_a_position_that_is_none() -> None:
    """An even number is no event of the room; nor may it go back."""
    assert found(52, snapshot(51)) != []
    assert found(51, snapshot(51), after=53) != []


def test_another_value() -> None:
    """Any field that the feed has, too."""
    data = snapshot(51)
    data["trades"][7]["base_amount"] = "0"
    assert found(51, data) != []


def test_too_many_must_be_many() -> None:
    """More than a replay may hold, up to a moment after the snapshot was made."""
    many = History({"global": [Told(seq, b"{}", ts=seq) for seq in range(1, 1_000)]})
    assert is_needed(Hole(0, 600, "too_many", ts=600), "global", many)
    assert not is_needed(Hole(600, 999, "too_many", ts=999), "global", many)
    assert is_needed(Hole(600, 999, "epoch", ts=999), "global", many)
