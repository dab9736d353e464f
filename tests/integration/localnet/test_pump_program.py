"""The pump program in C, executed: its arithmetic, its events, its refusals."""

from __future__ import annotations

import random

import pytest
from solders.account import Account
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.transaction_metadata import FailedTransactionMetadata

from programs import pump_instructions as pump
from tests.helpers.pump_program import EVENT_TAG, FOR_SALE, RESERVED, SOL, PumpWorld, fee

RUNTIMES = [(0, False), (3, False), (0, True), (3, True)]
"""sBPF version of the file, and whether every feature is on."""
pytestmark = pytest.mark.parametrize(("version", "all_features"), RUNTIMES)


def bought(world: PumpWorld, market: pump.Market, amount: int) -> None:
    """Buy at the exact limit and compare every balance, reserve and field."""
    cost = world.reserves.cost(amount)
    fees = [fee(cost, bps) for bps in world.bps]
    purses = (world.me, world.fees, pump.creator_vault(world.me))
    before, had = [world.lamports(p) for p in purses], world.tokens(world.me, market.mint)
    (event,) = world.succeeds([pump.buy(world.me, market, amount, cost + sum(fees))])
    world.reserves.move(cost, amount)
    changes = [world.lamports(p) - b for p, b in zip(purses, before, strict=True)]
    assert changes == [-cost - sum(fees) - 5_000, *fees]
    assert world.tokens(world.me, market.mint) == had + amount
    assert event["event"] == "TradeEvent"
    assert (event["sol_amount"], event["token_amount"], event["is_buy"]) == (cost, amount, True)
    assert [event["fee"], event["creator_fee"], event["ix_name"]] == [*fees, "buy"]
    assert event["virtual_sol_reserves"] == world.reserves.virtual_sol
    assert event["real_token_reserves"] == world.reserves.real_token
    world.check(market.mint)


def sold(world: PumpWorld, market: pump.Market, amount: int) -> None:
    """Sell at the exact limit and compare."""
    out = world.reserves.output(amount)
    net = out - sum(fee(out, bps) for bps in world.bps)
    before = world.lamports(world.me)
    (event,) = world.succeeds([pump.sell(world.me, market, amount, net)])
    world.reserves.move(-out, -amount)
    assert world.lamports(world.me) - before == net - 5_000
    assert (event["sol_amount"], event["is_buy"], event["ix_name"]) == (out, False, "sell")
    world.check(market.mint)


def open_vault(world: PumpWorld, market: pump.Market) -> None:
    """The first fee of a creator: the buyer also makes the vault rent-exempt."""
    cost = world.reserves.cost(10**9)
    world.succeeds([pump.buy(world.me, market, 10**9, SOL)])
    world.reserves.move(cost, 10**9)
    least = world.svm.minimum_balance_for_rent_exemption(0)
    assert world.lamports(pump.creator_vault(world.me)) == least
    world.check(market.mint)


def test_create_makes_mint_curve_and_vault(version: int, all_features: bool) -> None:
    """A new token has a mint without authorities, all supply in the vault, and a full curve."""
    world = PumpWorld(version=version, all_features=all_features)
    market = world.launch()
    account = world.svm.get_account(market.mint)
    assert account is not None
    assert account.data[0:4] == account.data[46:50] == bytes(4)
    assert (int.from_bytes(account.data[36:44], "little"), account.data[44]) == (10**15, 6)
    world.check(market.mint)
    assert not world.state(market.mint).is_complete


@pytest.mark.parametrize("bps", [(100, 0), (95, 30)], ids=["100+0", "95+30"])
def test_trades_are_exact_to_the_lamport(
    version: int, all_features: bool, bps: tuple[int, int]
) -> None:
    """Sixty random trades agree with Python in every balance, reserve and event."""
    world = PumpWorld(version=version, all_features=all_features, bps=bps)
    market = world.launch()
    if bps[1]:
        open_vault(world, market)
    rng = random.Random(1)
    for _ in range(60):
        held = world.tokens(world.me, market.mint)
        if rng.random() < 0.6 or not held:
            bought(world, market, rng.randrange(1, 10 ** rng.randrange(1, 14)))
        else:
            sold(world, market, rng.randrange(1, held + 1))


def test_slippage_is_refused_one_lamport_off(version: int, all_features: bool) -> None:
    """A limit one lamport too tight fails with 6002 or 6003, and says so in an AnchorError line."""
    world = PumpWorld(version=version, all_features=all_features)
    market, amount = world.launch(), 10**12
    cost = world.reserves.cost(amount)
    total = cost + fee(cost, 100)
    tight = pump.buy(world.me, market, amount, total - 1)
    assert world.code(tight) == 6002
    refused = world.send([tight], world.user)
    assert isinstance(refused, FailedTransactionMetadata)
    line = "Error Code: TooMuchSolRequired. Error Number: 6002"
    assert any(line in each for each in refused.meta().logs())
    bought(world, market, amount)
    out = world.reserves.output(amount)
    net = out - fee(out, 100)
    assert world.code(pump.sell(world.me, market, amount, net + 1)) == 6003
    sold(world, market, amount)


def test_the_last_token_completes_the_curve_and_migrate_empties_it(
    version: int, all_features: bool
) -> None:
    """TradeEvent and CompleteEvent, then no more trades; migrate moves everything, once."""
    world = PumpWorld(version=version, all_features=all_features)
    market = world.launch()
    migrate = pump.migrate(world.me, market.mint, world.fees)
    assert world.code(migrate) == 6006
    bought(world, market, 400 * 10**12)
    rest = world.reserves.real_token
    assert world.code(pump.buy(world.me, market, rest + 1, 2**63)) == 6021
    trade, complete = world.succeeds([pump.buy(world.me, market, rest, 2**63)])
    assert (trade["event"], complete["event"]) == ("TradeEvent", "CompleteEvent")
    assert (complete["mint"], complete["user"]) == (market.mint, world.me)
    raised = trade["real_sol_reserves"]
    assert 0 <= raised - 85_005_359_057 <= 10  # a few lamports of rounding per trade
    assert world.code(pump.buy(world.me, market, 1, 2**63)) == 6005
    assert world.code(pump.sell(world.me, market, 1, 0)) == 6005
    keeper = world.lamports(world.fees)
    (event,) = world.succeeds([migrate])
    authority = Pubkey.find_program_address([b"pool-authority", bytes(market.mint)], pump.PUMP)[0]
    assert event["event"] == "CompletePumpAmmMigrationEvent"
    assert (event["mint_amount"], event["pool_migration_fee"]) == (RESERVED, 15_000_001)
    assert event["sol_amount"] == raised - 15_000_001 == world.lamports(authority)
    assert event["pool"] == pump.pool_address(market.mint)
    assert world.tokens(authority, market.mint) == RESERVED
    assert world.tokens(pump.curve_address(market.mint), market.mint) == 0
    assert world.lamports(world.fees) - keeper == 15_000_001
    state = world.state(market.mint)
    assert state.is_complete
    assert state.virtual_token == state.virtual_sol == state.real_sol == 0
    assert world.succeeds([migrate]) == []


def swapped(instruction: Instruction, at: int, key: Pubkey) -> Instruction:
    """The same instruction with another account in one place."""
    accounts = list(instruction.accounts)
    accounts[at] = AccountMeta(key, accounts[at].is_signer, accounts[at].is_writable)
    return Instruction(instruction.program_id, bytes(instruction.data), accounts)


def test_wrong_accounts_and_arguments_are_refused(version: int, all_features: bool) -> None:
    """Each account that could be another one is checked, with pump's or Anchor's error number."""
    world = PumpWorld(version=version, all_features=all_features)
    market, other = world.launch(), world.launch()
    me, thief = world.me, Keypair().pubkey()
    world.succeeds([pump.buy(me, other, 10**12, 2**63)])
    good = pump.buy(me, market, 10**9, SOL)
    other_vault = pump.token_account(pump.curve_address(other.mint), other.mint)
    refusals = [
        (2006, swapped(good, 0, market.mint)),  # global
        (6000, swapped(good, 1, thief)),  # fee recipient
        (6004, swapped(good, 2, other.mint)),
        (6004, swapped(good, 3, pump.curve_address(other.mint))),
        (2015, swapped(good, 4, other_vault)),
        (3008, swapped(good, 8, pump.SYSTEM)),  # token program
        (2006, swapped(good, 9, thief)),  # creator's vault
        (6020, pump.buy(me, market, 0, SOL)),
        (6022, pump.sell(me, market, 0, 0)),
        (6023, pump.sell(me, market, 1, 0)),
        (6001, pump.initialize(me)),
        (101, Instruction(pump.PUMP, b"\1" * 8, list(good.accounts))),
        (102, Instruction(pump.PUMP, bytes(good.data)[:20], list(good.accounts))),
        (6000, pump.migrate(me, market.mint, thief)),
    ]
    codes = [world.code(instruction) for _, instruction in refusals]
    assert codes == [code for code, _ in refusals]
    forged = Instruction(pump.PUMP, EVENT_TAG + b"x" * 16, [AccountMeta(me, True, True)])
    assert world.code(forged) == 3010


def test_extreme_reserves_agree_or_overflow(version: int, all_features: bool) -> None:
    """With reserves up to 2^64 the price is Python's, or error 6024: nothing wraps around."""
    rng = random.Random(7)
    world = PumpWorld(version=version, all_features=all_features)
    market = world.launch()
    curve = pump.curve_address(market.mint)
    base = world.svm.get_account(curve)
    assert base is not None
    agreed = 0
    for _ in range(120):
        tokens, sol = (rng.getrandbits(rng.randrange(2, 65)) or 1 for _ in range(2))
        amount = rng.getrandbits(rng.randrange(1, 65)) or 1
        data = bytearray(base.data)
        for at, value in ((8, tokens), (16, sol), (24, tokens)):
            data[at : at + 8] = value.to_bytes(8, "little")
        world.svm.set_account(curve, Account(base.lamports, bytes(data), base.owner))
        code = world.code(pump.buy(world.me, market, amount, 0))  # limit 0: stops after the price
        if amount >= tokens:
            assert code == 6021
            continue
        cost = amount * sol // (tokens - amount) + 1
        assert code == (6002 if cost + fee(cost, 100) < 2**64 else 6024)
        agreed += code == 6002
    assert agreed > 40


def test_curve_never_sells_what_is_not_for_sale(version: int, all_features: bool) -> None:
    """More than the curve has for sale is refused, though the vault holds more."""
    world = PumpWorld(version=version, all_features=all_features)
    market = world.launch()
    assert world.code(pump.buy(world.me, market, FOR_SALE + 1, 2**63)) == 6021
