"""The crowd's plans: seeded, paced, and right about what they cost. No chain needed."""

from __future__ import annotations

import random
from itertools import islice

import pytest
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from localnet.traders.actions import Action, MintKeys, Planner
from localnet.traders.mix import ALL_KINDS, OPENING, Pace, kinds
from localnet.traders.names import coin_name
from localnet.traders.world import SOL, Wallet, World
from programs.pump_instructions import GlobalState

RULES = GlobalState(Pubkey([1] * 32), Pubkey([2] * 32), 95, 30)
LIMITS = {"name": 32, "symbol": 13, "uri": 200}
"""Bytes the program accepts."""


def planner(seed: int) -> Planner:
    """A crowd of ten with money."""
    rng = random.Random(seed)
    wallets = [Wallet(Keypair(), number < 2, 10_000 * SOL) for number in range(10)]
    return Planner(World(rng, RULES, wallets), MintKeys(bytes([seed])))


def played(plans: Planner, count: int) -> list[Action]:
    """The first actions of the mix."""
    mix = kinds(plans.world.rng, set(ALL_KINDS))
    return [plans.plan(next(mix)) for _ in range(count)]


def test_every_kind_comes_early_and_for_ever() -> None:
    """The opening has each kind, and so has what follows."""
    mix = list(islice(kinds(random.Random(1), set(ALL_KINDS)), 3_000))
    assert mix[: len(OPENING)] == list(OPENING)
    assert set(OPENING) | {"trade"} == ALL_KINDS
    assert set(mix[len(OPENING) :]) >= ALL_KINDS - {"buy", "sell"}


def test_unavailable_kinds_are_replaced_by_purchases() -> None:
    """Without a router program nothing is routed, and the opening keeps its length."""
    available = set(ALL_KINDS) - {"routed"}
    mix = list(islice(kinds(random.Random(1), available), 1_000))
    assert "routed" not in mix
    assert len(OPENING) == 19
    assert mix[12] == "buy"


@pytest.mark.parametrize("per_second", [5, 300])
def test_the_pace_is_bursty_and_right_on_average(per_second: float) -> None:
    """Over many trades the rate is met within a tenth, with storms well above it."""
    pace, now, busiest = Pace(random.Random(1), per_second), 0.0, 0.0
    times = []
    for _ in range(20_000):
        now = max(now, pace.next_due(now, 1))
        times.append(now)
    for start in range(0, 19_980, 20):
        busiest = max(busiest, 20 / (times[start + 20] - times[start]))
    assert 20_000 / now == pytest.approx(per_second, rel=0.1)
    assert busiest > 3 * per_second


def test_who_is_late_hurries_but_not_for_ever() -> None:
    """A delay is caught up with; of a long one only the last two seconds."""
    pace = Pace(random.Random(1), 100)
    pace.next_due(0.0, 1)
    assert pace.next_due(1.0, 1) < 1.0
    assert pace.next_due(60.0, 1) >= 58.0


def test_names_fit_the_program_and_differ() -> None:
    """Names, tickers and addresses stay within pump's limits; tickers in use are not taken."""
    rng, taken = random.Random(1), set[str]()
    for _ in range(2_000):
        token = coin_name(rng, taken)
        assert token.symbol not in taken
        assert token.symbol.isalnum()
        taken.add(token.symbol)
        for field, limit in LIMITS.items():
            assert 0 < len(getattr(token, field).encode()) <= limit


def test_beliefs_stay_possible() -> None:
    """Through thousands of plans nobody sells what is not there: no curve, no wallet."""
    plans = planner(1)
    mix = kinds(plans.world.rng, set(ALL_KINDS))
    for _ in range(3_000):
        plans.world.cool(20)
        plans.plan(next(mix))
        for coin in plans.world.coins.values():
            assert 0 <= coin.real_token < coin.virtual_token
            assert coin.virtual_sol >= 30 * SOL - 1
            assert coin.is_complete == (coin.real_token == 0)
        assert all(held >= 0 for wallet in plans.world.wallets for held in wallet.holdings.values())
    assert len(plans.world.coins) <= 21


def test_plans_fit_into_a_transaction() -> None:
    """However many trades an action makes, its accounts and data stay below a packet."""
    for action in played(planner(2), 1_000):
        keys = {meta.pubkey for each in action.instructions for meta in each.accounts}
        keys |= {each.program_id for each in action.instructions}
        size = 32 * len(keys) + 64 * (1 + len(action.cosigners)) + 40
        size += sum(len(each.data) + len(each.accounts) + 4 for each in action.instructions)
        assert size < 1_190, action.kind


def test_the_same_seed_plans_the_same() -> None:
    """Kinds and trades follow from the seed."""
    first, again, other = (
        [(each.kind, each.trades, each.fails) for each in played(planner(seed), 300)]
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other
