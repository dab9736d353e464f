"""History: by address, by signature, and what is forgotten."""

from __future__ import annotations

import pytest
from solders.pubkey import Pubkey

from localnet.chain import Chain
from localnet.ledger import Landed, Span
from programs import pump_instructions as pump
from tests.helpers.chain_user import ChainUser, chain_with_pump


def signatures(chain: Chain, key: Pubkey, **span: str) -> list[str]:
    """History of `key`, newest first."""
    wanted = Span(chain.tip.slot, **span)
    return [landed.signature for landed in chain.ledger.history(key, wanted)]


def some_trades(chain: Chain, count: int, every: int = 2) -> tuple[pump.Market, list[Landed]]:
    """A token and `count` purchases of it, a slot after each `every`."""
    user = ChainUser(chain)
    market = user.launch()
    landed = []
    for number in range(count):
        landed.append(user.send(user.buy(market, 10**9 + number)))
        if number % every == every - 1:
            chain.tick()
    return market, landed


def test_history_is_newest_first_and_cut_on_both_sides() -> None:
    """`before` and `until` are excluded, and order inside a slot is reversed, too."""
    chain = chain_with_pump()
    market, landed = some_trades(chain, 6)
    curve, own = pump.curve_address(market.mint), [each.signature for each in landed]
    assert signatures(chain, curve)[:6] == own[::-1]
    assert signatures(chain, curve, before=own[4], until=own[1]) == [own[3], own[2]]
    assert signatures(chain, curve, before=own[0])[-1] != own[0]
    assert signatures(chain, curve, before="unknown") == []
    assert signatures(chain, curve, until="unknown")[:6] == own[::-1]


def test_history_until_a_transaction_of_somebody_else() -> None:
    """`until` is a place in the chain, even if that transaction does not name the address."""
    chain = chain_with_pump()
    market, landed = some_trades(chain, 2)
    other, _ = some_trades(chain, 1)
    assert other.mint != market.mint
    stranger = signatures(chain, pump.curve_address(other.mint))[0]
    assert signatures(chain, pump.curve_address(market.mint), until=stranger) == []
    assert landed[-1].signature in signatures(chain, pump.PUMP)


def test_history_stops_at_a_slot() -> None:
    """Transactions above `up_to` are not told of: that is how commitment is applied."""
    chain = chain_with_pump()
    market, landed = some_trades(chain, 4)
    span = Span(landed[1].slot)
    found = chain.ledger.history(pump.curve_address(market.mint), span)
    assert next(iter(found)).signature == landed[1].signature


def test_old_transactions_are_packed_and_read_the_same() -> None:
    """Finalized transactions take less memory, and give the same meta, keys and bytes."""
    chain = chain_with_pump(confirm_after=0, finalize_after=1)
    _, landed = some_trades(chain, 2)
    last = landed[-1]
    meta, keys, raw = last.meta, last.keys, bytes(last.transaction)
    last.pack()
    assert (last.meta, last.keys, bytes(last.transaction)) == (meta, keys, raw)


def test_the_oldest_are_forgotten_beyond_the_limit() -> None:
    """Beyond `keep_transactions` the oldest slots go, with their signatures and histories."""
    chain = chain_with_pump(confirm_after=0, finalize_after=0, keep_transactions=100)
    market, landed = some_trades(chain, 120, every=1)
    for _ in range(320):
        chain.tick()
    assert len(chain.ledger.transactions) < 100
    assert landed[0].signature not in chain.ledger.transactions
    assert landed[0].slot < chain.ledger.first_slot
    left = signatures(chain, pump.curve_address(market.mint))
    assert set(left) <= set(chain.ledger.transactions)
    assert len(chain.ledger.banks) == len(chain.ledger.slots) <= 800
    assert set(chain.ledger.by_hash.values()) <= set(chain.ledger.banks.values())


def test_an_idle_chain_does_not_grow_for_ever() -> None:
    """Empty slots are forgotten, too, but never those whose blockhash is still alive."""
    chain = chain_with_pump(keep_transactions=10)
    for _ in range(1_000):
        chain.tick()
    assert 300 <= len(chain.ledger.slots) < 400


@pytest.mark.parametrize("count", [1, 5])
def test_a_dropped_fork_is_gone_from_every_index(count: int) -> None:
    """After a fork no list still holds its transactions."""
    chain = chain_with_pump()
    for _ in range(4):
        chain.tick()
    market, landed = some_trades(chain, count, every=100)
    chain.fork(1)
    assert signatures(chain, pump.curve_address(market.mint)) == []
    assert not {each.signature for each in landed} & set(chain.ledger.transactions)
