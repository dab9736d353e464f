"""Quotes on pump's curve, away from any chain: budgets, fees by tier, and what is not traded."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from solders.pubkey import Pubkey

from common.errors import TradeRefused
from programs import pump_instructions as pump
from programs.pump_trading import PUMP, PumpMarket, Rates
from programs.trading import Account, Accounts, Order, Vault

SOL = 10**9
MINT, CREATOR, RECIPIENT = (Pubkey(bytes([byte]) * 32) for byte in (1, 2, 3))
FULL = Vault(890_880, 890_880)
RESERVES = (1_073_000_000_000_000, 30 * SOL, 793_100_000_000_000, 0)


def curve_bytes(
    reserves: tuple[int, int, int, int] = RESERVES, *, creator: Pubkey = CREATOR, tail: bytes = b""
) -> bytes:
    """A BondingCurve account; `tail` is what follows the creator."""
    head = pump.discriminator("account", "BondingCurve")
    body = struct.pack("<5QB", *reserves, 10**15, 0) + bytes(creator)
    return (head + body + tail).ljust(151, b"\0")


def global_bytes(fee_bps: int = 95, creator_bps: int = 30, *, changes: dict[int, bytes]) -> bytes:
    """A Global account; `changes` by offset."""
    data = bytearray(1_087)
    data[:8] = pump.discriminator("account", "Global")
    data[41:73] = bytes(RECIPIENT)
    struct.pack_into("<Q", data, 105, fee_bps)
    struct.pack_into("<Q", data, 154, creator_bps)
    for at, value in changes.items():
        data[at : at + len(value)] = value
    return bytes(data)


def fee_config(*tiers: tuple[int, int, int]) -> bytes:
    """A FeeConfig account: threshold in lamports, protocol and creator rate of each tier."""
    rows = (struct.pack("<QQQQQ", least, 0, 20, *rates) for least, *rates in tiers)
    return bytes(8 + 1 + 32 + 24) + struct.pack("<I", len(tiers)) + b"".join(rows) + bytes(28)


def accounts(
    curve: bytes | None = None, *, fees: bytes | None = None, owner: Pubkey = pump.TOKEN,
    changes: dict[int, bytes] | None = None,
) -> Accounts:  # fmt: skip
    """What a node would show."""
    data = curve_bytes() if curve is None else curve
    return {
        pump.GLOBAL: Account(1, pump.PUMP, global_bytes(changes=changes or {})),
        pump.FEE_CONFIG: None if fees is None else Account(1, pump.FEE_PROGRAM, fees),
        pump.curve_address(MINT): Account(1, pump.PUMP, data),
        MINT: Account(1, owner, bytes(82)),
    }


def market(*arguments: Any, **options: Any) -> PumpMarket:
    """Of those accounts."""
    made = PUMP.market(MINT, accounts(*arguments, **options))
    assert isinstance(made, PumpMarket)
    return made


@given(
    st.integers(1, 10**18), st.integers(10**6, 10**16), st.integers(0, 5_000),
    st.integers(0, 5_000), st.integers(1, 10**12),
)  # fmt: skip
def test_a_budget_buys_as_much_as_it_can(
    quote: int, base: int, protocol: int, creator: int, budget: int
) -> None:
    """On any curve, at any fees: what a budget buys costs no more than it, and one unit more
    would."""
    state = pump.CurveState(base + 1, quote, base, 0, 10**15, False, CREATOR)
    found = PumpMarket(state, Rates(protocol, creator), pump.Market(MINT, CREATOR, RECIPIENT))
    try:
        bought = found.quote(Order(True, quote=budget), FULL)
    except TradeRefused as refused:
        assert refused.code == "amount_too_small"
        assert found.quote(Order(True, base=1), FULL).user_quote_amount > budget
        return
    assert bought.user_quote_amount <= budget
    if bought.base_amount < base:
        more = found.quote(Order(True, base=bought.base_amount + 1), FULL)
        assert more.user_quote_amount > budget


@given(st.integers(1, 10**15), st.booleans(), st.integers(0, 5_000))
def test_a_limit_is_never_better_than_the_quote(base: int, is_buy: bool, slippage: int) -> None:
    """With no slippage the limit is the quote itself; with more it gives way, never the other
    direction. Impact is against the trader and above 0 but for rounding."""
    found = market(curve_bytes((536_500_000_000_000, 60 * SOL, 256_600_000_000_000, 30 * SOL)))
    try:
        quote = found.quote(Order(is_buy, base=base), FULL)
    except TradeRefused as refused:
        assert refused.code in ("amount_too_small", "insufficient_tokens")
        return
    amount, limit = quote.user_quote_amount, quote.limit(slippage)
    assert quote.limit(0) == amount
    assert limit >= amount if is_buy else limit <= amount
    assert quote.impact_bps >= 0


def test_fees_follow_the_market_cap() -> None:
    """Where the fee program has its say the last tier that is reached counts, the first one below
    all of them; a curve's own creator rate only where Global lets it."""
    tiers = fee_config((0, 93, 30), (28 * SOL, 95, 95), (10**15, 1, 2))
    assert market(fees=tiers).rates == Rates(93, 30)
    richer = curve_bytes((1_000_000_000_000_000, 32 * SOL, 720_100_000_000_000, 2 * SOL))
    assert market(richer, fees=tiers).rates == Rates(95, 95)
    assert market(fees=fee_config((10**17, 7, 8))).rates == Rates(7, 8)
    own = curve_bytes(tail=bytes(1 + 1 + 32) + struct.pack("<Q", 50))
    assert market(own).rates == Rates(95, 30)
    assert market(own, changes={1045: b"\1"}).rates == Rates(95, 50)
    assert market(curve_bytes(creator=Pubkey.default())).rates == Rates(95, 0)
    with pytest.raises(TradeRefused, match="fees"):
        market(fees=bytes(80))


@pytest.mark.parametrize("at", [0, 1, 2, 33, 43])
def test_curves_with_modes_are_not_traded(at: int) -> None:
    """Mayhem, cashback, another quote, holder rewards: who is paid there is not known here, so no
    quote is given."""
    tail = bytearray(44)
    tail[at] = 1
    with pytest.raises(TradeRefused) as refused:
        market(curve_bytes(tail=bytes(tail)))
    assert refused.value.code == "unsupported_token"


def test_a_buyback_recipient_is_named() -> None:
    """Where Global has one, trades name it and the curve's second account, as pump-sdk 2.0.0 does;
    where it has none they end with the fee program."""
    buyback = Pubkey(bytes([9]) * 32)
    for order in (Order(True, base=10**6), Order(False, base=10**6)):
        curve = curve_bytes((536_500_000_000_000, 60 * SOL, 256_600_000_000_000, 30 * SOL))
        plain, full = market(curve), market(curve, changes={741: bytes(buyback)})
        quote = plain.quote(order, FULL)
        short = plain.instruction(CREATOR, quote, 1).accounts
        long = full.instruction(CREATOR, quote, 1).accounts
        assert long[: len(short)] == short
        assert short[-1].pubkey == pump.FEE_PROGRAM
        extension, recipient = long[len(short) :]
        assert extension.pubkey == pump.address(b"bonding-curve-v2", bytes(MINT))
        assert (recipient.pubkey, recipient.is_writable) == (buyback, True)


def test_another_token_program_is_not_guessed_at() -> None:
    """A mint of neither token program is refused with the reason."""
    with pytest.raises(TradeRefused) as refused:
        market(owner=pump.METADATA)
    assert refused.value.code == "unsupported_token"
