"""Flags of a token: facts with their evidence, and nothing that weighs them."""

from __future__ import annotations

from typing import Literal

from api.schemas.base import key_text
from api.schemas.tokens import AuthoritiesOfMint, Flag
from api.values import share_bps
from db.reads.flags import Facts
from programs.keys import b58, signature_b58

CONCENTRATED_BPS = 3_000
"""Share of the ten largest holders from which it is told."""


def flags_of(facts: Facts) -> list[Flag]:
    """What there is to tell.

    bundled: others bought in the very slot of the creation. creator_sold. concentrated: the ten
    largest holders have CONCENTRATED_BPS of the supply or more. mint_authority, freeze_authority:
    somebody may, as the mint's account said.
    """
    found = (
        _bundled(facts), _creator_sold(facts), _concentrated(facts),
        _authority(facts, "mint_authority"), _authority(facts, "freeze_authority"),
    )  # fmt: skip
    return [flag for flag in found if flag is not None]


def authorities_of(facts: Facts) -> AuthoritiesOfMint | None:
    """Who may mint and freeze; None: not read yet."""
    known = facts.authorities
    if known is None:
        return None
    return AuthoritiesOfMint(
        mint_authority=key_text(known.mint_authority),
        freeze_authority=key_text(known.freeze_authority),
        slot=known.slot,
    )


def _authority(facts: Facts, name: Literal["mint_authority", "freeze_authority"]) -> Flag | None:
    known = facts.authorities
    authority = getattr(known, name, None)
    if known is None or authority is None:
        return None
    evidence = {"authority": b58(authority), "slot": known.slot, "source": "mint_account"}
    return Flag(flag=name, evidence=evidence)


def _bundled(facts: Facts) -> Flag | None:
    if not facts.bundled:
        return None
    amount = sum(one.base_amount for one in facts.bundled)
    return Flag(
        flag="bundled",
        evidence={
            "slot": facts.token.created_slot,
            "wallets": len({one.wallet for one in facts.bundled}),
            "base_amount": str(amount),
            "share_bps": share_bps(amount, facts.token.supply),
            "purchases": [
                {
                    "wallet": key_text(one.wallet),
                    "signature": signature_b58(one.signature),
                    "base_amount": str(one.base_amount),
                }
                for one in facts.bundled
            ],
        },
    )


def _creator_sold(facts: Facts) -> Flag | None:
    own = facts.creators_own
    if own is None or not own.sells:
        return None
    return Flag(
        flag="creator_sold",
        evidence={
            "wallet": key_text(facts.token.creator),
            "sells": own.sells,
            "sold_quote": str(own.sold_quote),
            "last_sell_at": own.last_sell_at,
            "still_held": str(own.base_amount),
        },
    )


def _concentrated(facts: Facts) -> Flag | None:
    share = share_bps(facts.top10, facts.token.supply)
    if share is None or share < CONCENTRATED_BPS:
        return None
    return Flag(
        flag="concentrated",
        evidence={
            "top10_bps": share,
            "threshold_bps": CONCENTRATED_BPS,
            "base_amount": str(facts.top10),
            "source": "derived_from_trades",
        },
    )
