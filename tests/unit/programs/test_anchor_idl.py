"""`./run interface`: an Anchor IDL becomes an interface file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from common.errors import GiveUp
from programs.anchor_idl import Wanted, interface_of

ROOT = Path(__file__).resolve().parents[3]
RAMP: dict[str, Any] = json.loads((ROOT / "examples" / "ramp" / "ramp_idl.json").read_text())
OLD: dict[str, Any] = {
    "version": "0.3.0",
    "name": "old",
    "metadata": {"address": "RampExamp1e11111111111111111111111111111111"},
    "instructions": [
        {
            "name": "tokenMint",
            "accounts": [
                {"name": "sender"},
                {"name": "common", "accounts": [{"name": "feeVault"}, {"name": "mint"}]},
            ],
            "args": [{"name": "data", "type": {"defined": "MintArgs"}}],
        }
    ],
    "events": [{"name": "TradeEvent", "fields": [{"name": "amountIn", "type": "u64"}]}],
    "types": [
        {
            "name": "MintArgs",
            "type": {
                "kind": "struct",
                "fields": [
                    {"name": "owner", "type": "publicKey"},
                    {"name": "parts", "type": {"vec": {"array": ["u8", 4]}}},
                    {"name": "side", "type": {"defined": {"name": "Side"}}},
                ],
            },
        },
        {
            "name": "Side",
            "type": {
                "kind": "enum",
                "variants": [{"name": "Buy"}, {"name": "Sell", "fields": ["u64"]}],
            },
        },
    ],
}


def wanted(**chosen: Any) -> Wanted:
    return Wanted(name="made", date="2026-11-22", **chosen)


def test_what_is_chosen_is_read_and_the_rest_known_by_name() -> None:
    """Events and instructions that were not asked for are in the lists of others."""
    made = interface_of(RAMP, wanted(events=("Swapped",), instructions={"buy": "buy"}))
    assert list(made["events"]) == ["Swapped"]
    assert made["other_events"] == {"Launched": "d17f1d9881d4bdb7"}
    assert made["instructions"]["buy"]["accounts"]["mint"] == 2
    assert set(made["other_instructions"]) == {"launch", "sell"}


def test_an_idl_without_discriminators() -> None:
    """They follow from the names; groups of accounts are counted one by one, types are kept."""
    made = interface_of(OLD, wanted(events=("TradeEvent",), instructions={"token_mint": "create"}))
    mint = made["instructions"]["token_mint"]
    assert made["events"]["TradeEvent"]["layouts"][0]["fields"] == ["amount_in u64"]
    assert mint["discriminator"] == "032ca4b87b0df5b3"  # sha256("global:token_mint")
    assert mint["accounts"] == {"sender": 0, "common.fee_vault": 1, "common.mint": 2}
    assert made["types"] == {
        "MintArgs": ["owner pubkey", "parts vec<[u8;4]>", "side Side"],
        "Side": {"enum": {"Buy": [], "Sell": ["_0 u64"]}},
    }


def test_what_is_not_in_the_idl_is_said_with_what_is() -> None:
    """A misspelt name is answered with the names there are."""
    with pytest.raises(GiveUp, match="no Swaped"):
        interface_of(RAMP, wanted(events=("Swaped",)))


@pytest.mark.parametrize("idl", [{}, {"instructions": [{}]}, {"instructions": [], "events": 7}])
def test_something_else_is_no_idl(idl: dict[str, Any]) -> None:
    """Any other JSON is refused in one sentence."""
    with pytest.raises(GiveUp, match="can't be read"):
        interface_of(idl, wanted())
