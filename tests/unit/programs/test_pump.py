"""What the events of pump and PumpSwap mean, from field values to canonical events."""

from __future__ import annotations

import pytest

from programs import pump, pumpswap
from programs.decode import decode_payload
from programs.events import NATIVE_SOL, Completed, Created, Migrated
from programs.program import Pool
from tests.helpers.borsh import event_bytes
from tests.helpers.chain import key
from tests.helpers.launchpads import MINT, POOL, QUOTE, WALLET, one

# --- pump

ERA_FEES: list[tuple[int, set[str], set[str]]] = [
    (1, set(), {"virtual_sol_reserves", "virtual_token_reserves"}),
    (2, set(), {"real_sol_reserves", "real_token_reserves"}),
    (3, {"fee", "creator_fee"}, set()),
    (4, set(), set()),
    (5, set(), set()),
    (6, set(), set()),
    (7, {"cashback"}, set()),
    (8, {"buyback_fee"}, {"virtual_quote_reserves", "real_quote_reserves"}),
    (9, {"holder_rewards"}, set()),
    (10, set(), set()),
]
PUMP_TRADE = {
    "mint": MINT,
    "user": WALLET,
    "sol_amount": 1_000_000,
    "token_amount": 5_000,
    "fee": 9_500,
    "creator_fee": 3_000,
    "cashback": 200,
    "buyback_fee": 4_750,
    "timestamp": 1_790_000_000,
    "virtual_sol_reserves": 31 * 10**9,
    "virtual_token_reserves": 1_073 * 10**12 - 5_000,
    "real_sol_reserves": 10**9,
    "real_token_reserves": 793_100 * 10**9 - 5_000,
}


@pytest.mark.parametrize("eras", range(1, 11))
def test_pump_tells_the_fees_and_reserves_of_its_era(eras: int) -> None:
    """A layout gives exactly the fees and reserves it had, under the program's own names."""
    payload = event_bytes(pump.INTERFACE, "TradeEvent", PUMP_TRADE, eras=eras)
    trade = one(pump.PROGRAM, payload)
    assert set(trade.fees) == set().union(*(fees for n, fees, _ in ERA_FEES if n <= eras))
    assert set(trade.reserves) == set().union(*(names for n, _, names in ERA_FEES if n <= eras))
    assert (trade.mint, trade.wallet, trade.quote_mint) == (MINT, WALLET, NATIVE_SOL)
    assert (trade.base_amount, trade.quote_amount) == (5_000, 1_000_000)
    assert (trade.real_base is None) == (eras < 2)
    assert trade.extra_bytes == 0


@pytest.mark.parametrize(("is_buy", "paid"), [(True, 1_012_700), (False, 987_300)])
def test_pump_fees_are_on_top_of_a_buy_and_taken_from_a_sale(is_buy: bool, paid: int) -> None:
    """The trader pays amount, fee, creator's fee and cashback; the buyback is a part of the fee."""
    payload = event_bytes(pump.INTERFACE, "TradeEvent", PUMP_TRADE | {"is_buy": is_buy})
    trade = one(pump.PROGRAM, payload)
    assert (trade.is_buy, trade.user_quote_amount) == (is_buy, paid)


def test_pump_without_told_fees_does_not_know_what_was_paid() -> None:
    """Layouts before the fees do not tell what the trader paid, so neither do we."""
    payload = event_bytes(pump.INTERFACE, "TradeEvent", PUMP_TRADE, eras=2)
    assert one(pump.PROGRAM, payload).user_quote_amount is None


def test_a_pump_pair_that_is_not_of_sol_uses_the_quote_fields() -> None:
    """A USDC pair has zeros in the sol fields: amount and reserves are the quote's."""
    usdc = {"quote_mint": QUOTE, "quote_amount": 77, "sol_amount": 0}
    usdc |= {"virtual_quote_reserves": 5_000, "real_quote_reserves": 400}
    trade = one(pump.PROGRAM, event_bytes(pump.INTERFACE, "TradeEvent", PUMP_TRADE | usdc))
    assert (trade.quote_mint, trade.quote_amount) == (QUOTE, 77)
    assert (trade.virtual_quote, trade.real_quote) == (5_000, 400)
    assert trade.spot == (5_000, trade.virtual_base)


@pytest.mark.parametrize(
    ("left", "bps"), [(793_100 * 10**9, 0), (396_550 * 10**9, 5_000), (1, 9_999), (0, 10_000)]
)
def test_pump_progress_is_the_share_sold_of_what_the_curve_began_with(left: int, bps: int) -> None:
    """Progress follows from real reserves; only a curve that is sold out has all of it."""
    reserves = {"real_token_reserves": left, "virtual_token_reserves": 279_900 * 10**9 + left}
    trade = one(pump.PROGRAM, event_bytes(pump.INTERFACE, "TradeEvent", PUMP_TRADE | reserves))
    assert trade.progress_bps == bps


def test_pump_progress_of_other_parameters_is_not_guessed() -> None:
    """A curve that did not begin with the global parameters has no progress by itself."""
    reserves = {"real_token_reserves": 5, "virtual_token_reserves": 7}
    trade = one(pump.PROGRAM, event_bytes(pump.INTERFACE, "TradeEvent", PUMP_TRADE | reserves))
    assert trade.progress_bps is None


def test_pump_creation_with_flags() -> None:
    """create_v2 tells token program, mayhem mode, cashback and holder rewards."""
    values = {
        "name": "Näme",
        "symbol": "N",
        "uri": "ipfs://x",
        "mint": MINT,
        "bonding_curve": POOL,
        "user": WALLET,
        "creator": key("creator"),
        "timestamp": 5,
        "token_program": pump.TOKEN_2022,
        "is_mayhem_mode": True,
        "is_cashback_enabled": True,
        "is_holder_reward": True,
        "virtual_sol_reserves": 30,
        "virtual_token_reserves": 1073,
        "real_token_reserves": 793,
        "token_total_supply": 1000,
    }
    event = one(pump.PROGRAM, event_bytes(pump.INTERFACE, "CreateEvent", values))
    assert isinstance(event, Created)
    assert event.flags == ("mayhem", "cashback", "token_2022", "holder_reward")
    assert (event.name, event.creator, event.pool) == ("Näme", key("creator"), POOL)
    assert (event.virtual_base, event.virtual_quote, event.real_base) == (1073, 30, 793)
    oldest = one(pump.PROGRAM, event_bytes(pump.INTERFACE, "CreateEvent", values, eras=1))
    assert (oldest.creator, oldest.timestamp, oldest.supply, oldest.flags) == (None, None, None, ())


def test_pump_completion_and_migration() -> None:
    """The end of a curve: sold out, then its liquidity in a PumpSwap pool."""
    done = {"user": WALLET, "mint": MINT, "bonding_curve": POOL, "timestamp": 5}
    event = one(pump.PROGRAM, event_bytes(pump.INTERFACE, "CompleteEvent", done, eras=1))
    assert event == Completed(
        program="pump",
        ordinal=0,
        mint=MINT,
        wallet=WALLET,
        pool=POOL,
        timestamp=5,
        quote_mint=NATIVE_SOL,
    )
    moved = done | {"mint_amount": 206, "sol_amount": 84, "pool_migration_fee": 1, "pool": key("p")}
    payload = event_bytes(pump.INTERFACE, "CompletePumpAmmMigrationEvent", moved)
    decoded = decode_payload(pump.PROGRAM, payload)
    migrated = decoded.events[0]
    assert isinstance(migrated, Migrated)
    assert (migrated.pool, migrated.curve, migrated.fee) == (key("p"), POOL, 1)
    assert (migrated.base_amount, migrated.quote_amount) == (206, 84)
    assert decoded.pools == (Pool(key("p"), MINT, NATIVE_SOL),)


# --- PumpSwap


def test_pumpswap_reserves_are_those_before_the_trade() -> None:
    """Reserves after follow from the event's own: the pool keeps the LP's fee."""
    values = {
        "base_amount_out": 10,
        "pool_base_token_reserves": 1_000,
        "pool_quote_token_reserves": 5_000,
        "quote_amount_in": 50,
        "lp_fee": 2,
        "quote_amount_in_with_lp_fee": 52,
        "user_quote_amount_in": 53,
        "pool": POOL,
        "user": WALLET,
        "virtual_quote_reserves": -40,
    }
    bought = one(pumpswap.PROGRAM, event_bytes(pumpswap.INTERFACE, "BuyEvent", values), "buy")
    assert (bought.real_base, bought.real_quote) == (990, 5_052)
    assert (bought.virtual_base, bought.virtual_quote) == (990, 5_012)
    assert (bought.mint, bought.quote_mint, bought.wallet) == (MINT, QUOTE, WALLET)
    assert (bought.quote_amount, bought.user_quote_amount) == (50, 53)
    sold = {
        "base_amount_in": 10,
        "pool_base_token_reserves": 1_000,
        "pool_quote_token_reserves": 5_000,
        "quote_amount_out": 50,
        "quote_amount_out_without_lp_fee": 48,
        "user_quote_amount_out": 47,
        "pool": POOL,
    }
    payload = event_bytes(pumpswap.INTERFACE, "SellEvent", sold, eras=1)
    event = one(pumpswap.PROGRAM, payload)
    assert (event.real_base, event.real_quote, event.mint) == (1_010, 4_952, None)
    assert set(event.fees) == {"lp_fee", "protocol_fee"}


def test_a_new_pumpswap_pool_is_learnt() -> None:
    """CreatePoolEvent is no token of its own but tells what the pool trades."""
    values = {"base_mint": MINT, "quote_mint": QUOTE, "pool": POOL}
    payload = event_bytes(pumpswap.INTERFACE, "CreatePoolEvent", values)
    decoded = decode_payload(pumpswap.PROGRAM, payload)
    assert (decoded.events, decoded.pools) == ((), (Pool(POOL, MINT, QUOTE),))
