"""Slots, commitment, forks and history of the chain, without a socket."""

from __future__ import annotations

import pytest
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.system_program import TransferParams, transfer

from localnet.chain import CONFIRMED, FINALIZED, PROCESSED, Chain, ChainOptions
from localnet.errors import PREFLIGHT_FAILURE, SIGNATURE_FAILURE, RpcError
from localnet.execution import Simulated
from localnet.ledger import Span
from programs import pump_instructions as pump
from tests.helpers.chain_user import ChainUser, chain_with_pump


def ticked(chain: Chain, count: int) -> None:
    """Let slots pass."""
    for _ in range(count):
        chain.tick()


def level_of(chain: Chain, slot: int) -> int:
    """The highest level a slot has reached."""
    return max(level for level in (0, 1, 2) if slot <= chain.tips[level])


def test_a_dropped_fork_leaves_no_trace() -> None:
    """A trade in an abandoned slot is undone, in accounts and history; the slot stays empty."""
    chain = chain_with_pump()
    user = ChainUser(chain)
    market = user.launch()
    ticked(chain, 4)
    curve = pump.curve_address(market.mint)
    before = chain.accounts.now(curve)
    landed = user.send(user.buy(market, 10**12))
    assert chain.account(curve, CONFIRMED) == before
    assert chain.account(curve, PROCESSED) != before
    fork = chain.fork(1)
    assert (fork.dropped, fork.transactions, fork.replayed) == (
        [landed.slot],
        [landed.signature],
        [],
    )
    assert chain.account(curve, PROCESSED) == before
    assert landed.signature not in chain.ledger.transactions
    history = chain.ledger.history(curve, Span(chain.tip.slot))
    assert landed.signature not in [each.signature for each in history]
    assert (chain.tip.slot, chain.tip.parent) == (landed.slot + 1, landed.slot - 1)
    ticked(chain, 3)
    assert landed.slot not in chain.ledger.banks


def test_a_forked_transaction_may_land_again_elsewhere() -> None:
    """The same signed transaction lands in another slot after its fork was dropped."""
    chain = chain_with_pump()
    user = ChainUser(chain)
    market = user.launch()
    ticked(chain, 4)
    first = user.send(user.buy(market, 10**12))
    chain.fork(1)
    assert chain.send(first.transaction, preflight=False) == first.signature
    assert chain.ledger.transactions[first.signature].slot > first.slot


def test_replay_lands_what_is_still_alive() -> None:
    """fork(replay=True) executes the lost transactions again, in order, to the same state."""
    chain = chain_with_pump()
    user = ChainUser(chain)
    market = user.launch()
    ticked(chain, 4)
    sent = [user.send(user.buy(market, 10**11 + number)) for number in range(3)]
    state = chain.accounts.now(pump.curve_address(market.mint))
    chain.tick()
    fork = chain.fork(2, replay=True)
    assert fork.replayed == [landed.signature for landed in sent]
    assert chain.accounts.now(pump.curve_address(market.mint)) == state


def test_what_is_confirmed_is_never_dropped() -> None:
    """However deep a fork is asked for, it ends above the newest confirmed slot."""
    chain = chain_with_pump()
    ticked(chain, 10)
    confirmed = chain.tips[CONFIRMED]
    fork = chain.fork(100)
    assert min(fork.dropped) == confirmed + 1
    assert chain.tips[CONFIRMED] == confirmed
    assert chain.fork(0).dropped == []


def test_a_blockhash_of_a_dropped_slot_is_dead() -> None:
    """Transactions signed with it are refused as BlockhashNotFound."""
    chain = chain_with_pump()
    user = ChainUser(chain)
    market = user.launch()
    ticked(chain, 4)
    transaction = user.sign(user.buy(market, 10**12))
    assert chain.live_bank(transaction.message.recent_blockhash) is not None
    chain.fork(2)
    assert chain.live_bank(transaction.message.recent_blockhash) is None
    with pytest.raises(RpcError) as refused:
        chain.send(transaction)
    assert refused.value.code == PREFLIGHT_FAILURE
    assert isinstance(refused.value.data, Simulated)
    assert refused.value.data.err == "BlockhashNotFound"


def test_a_blockhash_expires_after_150_blocks_not_slots() -> None:
    """Its age counts blocks: skipped slots do not make it older."""
    chain = Chain()
    blockhash, last_height = chain.latest_blockhash(PROCESSED)
    ticked(chain, 20)
    chain.fork(2)
    while chain.tip.height <= last_height:
        assert chain.live_bank(blockhash) is not None
        chain.tick()
    assert chain.live_bank(blockhash) is None
    assert chain.tip.slot > last_height + 1


@pytest.mark.parametrize(("confirm", "final"), [(2, 32), (1, 1), (0, 3), (0, 0)])
def test_levels_follow_at_their_distance(confirm: int, final: int) -> None:
    """A transaction is confirmed and finalized when so many slots stand above its own."""
    chain = chain_with_pump(confirm_after=confirm, finalize_after=final)
    user = ChainUser(chain)
    landed = user.send(_transfer(user))
    seen = []
    for _ in range(final + 2):
        seen.append(level_of(chain, landed.slot))
        chain.tick()
    expected = [PROCESSED] * confirm + [CONFIRMED] * (final - confirm) + [FINALIZED] * 2
    assert seen == expected


def test_levels_out_of_order_are_refused() -> None:
    """No slot is finalized before it is confirmed."""
    with pytest.raises(ValueError, match="confirmed before it is finalized"):
        Chain(ChainOptions(confirm_after=3, finalize_after=2))


def test_accounts_are_seen_as_they_were_at_each_level() -> None:
    """Three trades in three slots: each level sees the curve of its own slot."""
    chain = chain_with_pump(confirm_after=1, finalize_after=2)
    user = ChainUser(chain)
    market = user.launch()
    curve = pump.curve_address(market.mint)
    ticked(chain, 3)
    states = []
    for number in range(3):
        user.send(user.buy(market, 10**12 + number))
        states.append(chain.accounts.now(curve))
        if number < 2:
            chain.tick()
    assert [chain.account(curve, level) for level in (FINALIZED, CONFIRMED, PROCESSED)] == states


def test_failed_transactions_land_and_pay() -> None:
    """Without preflight a failing transaction is in the block, with its error, and pays."""
    chain = chain_with_pump()
    user = ChainUser(chain)
    market = user.launch()
    had = chain.svm.get_balance(user.address)
    landed = user.send(user.buy(market, 10**12, limit=1))
    assert landed.err == {"InstructionError": [0, {"Custom": 6002}]}
    assert chain.svm.get_balance(user.address) == (had or 0) - 5_000
    assert chain.tip.transactions[-1] is landed


def test_a_transaction_lands_once() -> None:
    """Sent again, it is answered with its signature, and nothing happens."""
    chain = chain_with_pump()
    user = ChainUser(chain)
    landed = user.send(user.buy(user.launch(), 10**12))
    count = chain.ledger.count
    assert chain.send(landed.transaction) == landed.signature
    assert chain.ledger.count == count


def test_a_forged_signature_never_lands() -> None:
    """Signatures are checked with and without preflight."""
    chain = chain_with_pump()
    user, other = ChainUser(chain), ChainUser(chain)
    transaction = user.sign(_transfer(user))
    theirs = other.sign(_transfer(other))
    forged = type(transaction).populate(transaction.message, theirs.signatures)
    for preflight in (True, False):
        with pytest.raises(RpcError) as refused:
            chain.send(forged, preflight=preflight)
        assert refused.value.code == SIGNATURE_FAILURE


def _transfer(user: ChainUser) -> Instruction:
    return transfer(
        TransferParams(from_pubkey=user.address, to_pubkey=Keypair().pubkey(), lamports=10**7)
    )


def test_every_chain_is_another_one() -> None:
    """Two chains of the same making differ in genesis hash and blockhashes."""
    first, second = Chain(), Chain()
    assert first.genesis_hash != second.genesis_hash
    assert first.latest_blockhash(PROCESSED) != second.latest_blockhash(PROCESSED)


def test_block_times_come_from_the_given_clock() -> None:
    """Programs and blocks read the same clock, which never runs backwards."""
    times = iter([100.0, 200.0, 150.0, 300.0])
    chain = Chain(ChainOptions(now=lambda: next(times)))
    seen = [chain.tip.time]
    for _ in range(2):
        chain.tick()
        seen.append(chain.tip.time)
    assert seen == [200, 200, 300]
    assert chain.svm.get_clock().unix_timestamp == 300


def test_a_deep_fork_takes_confirmed_slots_and_they_rise_again() -> None:
    """Down to the finalized slot anything can go; what is confirmed then grows on what is left."""
    chain = Chain(ChainOptions(confirm_after=2, finalize_after=8))
    for _ in range(12):
        chain.tick()
    final, confirmed = chain.tips[FINALIZED], chain.tips[CONFIRMED]
    dropped = chain.fork(6, confirmed=True).dropped
    assert confirmed in dropped
    assert chain.tips[CONFIRMED] == dropped[0] - 1 >= chain.tips[FINALIZED] == final
    for _ in range(4):
        chain.tick()
    assert chain.tips[CONFIRMED] > dropped[-1]
