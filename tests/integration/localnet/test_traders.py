"""Demo traders on a real node: what they send lands, and they survive what happens to nodes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest
from solders.account import Account
from solders.hash import Hash
from solders.pubkey import Pubkey

from common.errors import NodeRefused
from localnet.ledger import Landed
from localnet.node import Localnet
from localnet.traders import Traders
from localnet.traders.setup import PUBLIC_CLUSTERS
from programs import pump_instructions as pump
from programs.onchain import HOSTILE, ROUTER
from tests.helpers.pump_program import EVENT_TAG

NAMES = ("CreateEvent", "TradeEvent", "CompleteEvent", "CompletePumpAmmMigrationEvent")
EVENTS = {pump.discriminator("event", name): name for name in NAMES}


def events(landed: Landed) -> list[str]:
    """Names of pump's own events in a transaction that succeeded."""
    if landed.err is not None:
        return []
    calls = [call for group in landed.meta.inner for call in group.instructions]
    own = [call.data for call in calls if landed.keys[call.program_id_index] == pump.PUMP]
    return [EVENTS[data[8:16]] for data in own if data[:8] == EVENT_TAG]


def programs(landed: Landed) -> set[Pubkey]:
    """Programs called at top level."""
    message = landed.transaction.message
    return {landed.keys[each.program_id_index] for each in message.instructions}


async def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for `condition`."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.01)


async def test_a_play_has_every_kind_and_lands_whole(localnet: Localnet) -> None:
    """Exactly the count, all landed: launches, trades, several at once, routes, lies, failures."""
    signatures = await Traders(localnet.rpc_url, seed=7).play(150)
    landed = [localnet.chain.ledger.transactions[signature] for signature in signatures]
    assert len(set(signatures)) == 150
    kinds = Counter(name for each in landed for name in events(each))
    assert kinds["CreateEvent"] >= 6
    assert kinds["TradeEvent"] > 100
    assert kinds["CompleteEvent"] >= 1
    assert kinds["CompletePumpAmmMigrationEvent"] >= 1
    failed = [each for each in landed if each.err is not None]
    assert {"InstructionError"} == {name for each in failed for name in dict(each.err)}  # type: ignore[call-overload]
    assert 3 <= len(failed) < 30
    called = [programs(each) for each in landed]
    assert any(ROUTER in each for each in called)
    assert any(HOSTILE in each for each in called)
    assert any(events(each).count("TradeEvent") > 1 for each in landed)
    assert max(len(each.raw) for each in landed) <= 1232


async def test_only_what_is_meant_to_fail_fails(localnet: Localnet) -> None:
    """What the traders believe of curves and wallets is what the chain says."""
    signatures = await Traders(localnet.rpc_url, seed=11).play(300)
    landed = [localnet.chain.ledger.transactions[signature] for signature in signatures]
    codes = Counter(str(each.err) for each in landed if each.err is not None)
    meant = {
        "{'InstructionError': [1, {'Custom': 6003}]}",  # a sale's limit
        "{'InstructionError': [2, {'Custom': 6002}]}",  # a purchase's
        "{'InstructionError': [2, {'Custom': 13}]}",  # the hostile program's
    }
    assert set(codes) <= meant
    assert len(codes) == 3


async def test_the_same_seed_makes_the_same_choices() -> None:
    """Two chains, one seed: the same instructions with the same amounts in the same order."""
    seen = []
    for seed in (3, 3, 4):
        async with Localnet(confirm_after=0) as net:
            signatures = await Traders(net.rpc_url, seed).play(60)
            landed = [net.chain.ledger.transactions[signature] for signature in signatures]
            seen.append([_amounts(each) for each in landed])
    assert seen[0] == seen[1] != seen[2]


def _amounts(landed: Landed) -> list[bytes]:
    """Buy and sell instructions of pump, to the last byte; of others the length."""
    found = []
    for instruction in landed.transaction.message.instructions:
        data = bytes(instruction.data)
        is_trade = landed.keys[instruction.program_id_index] == pump.PUMP and len(data) <= 25
        found.append(data if is_trade else bytes([len(data) % 256]))
    return found


async def test_two_plays_on_one_chain_do_not_meet(localnet: Localnet) -> None:
    """The same seed again on the same chain: other wallets and tokens, nothing unexpected."""
    for _ in range(2):
        signatures = await Traders(localnet.rpc_url, seed=5).play(40)
        created = [
            each
            for signature in signatures
            if "CreateEvent" in events(each := localnet.chain.ledger.transactions[signature])
        ]
        assert len(created) >= 6


async def test_play_on_a_standing_clock_ticks_between() -> None:
    """Where confirmation takes slots and time stands still, `between` makes them pass."""
    async with Localnet(confirm_after=2) as net:
        signatures = await Traders(net.rpc_url, seed=7).play(30, between=net.tick)
        slots = [net.chain.ledger.transactions[signature].slot for signature in signatures]
        assert len(set(slots)) == 30
        assert max(slots) <= net.chain.tips[1]


async def test_play_survives_forks() -> None:
    """Transactions a fork took away are sent again, until all are confirmed."""
    async with Localnet(confirm_after=2) as net:
        count = 0

        async def between() -> None:
            nonlocal count
            count += 1
            net.tick()
            if count % 10 == 0:
                net.fork(2)

        signatures = await Traders(net.rpc_url, seed=7).play(60, between=between)
        assert set(signatures) <= set(net.chain.ledger.transactions)


async def test_running_traders_survive_a_restart_of_the_node() -> None:
    """They go on with the same chain, and begin anew on another one."""
    async with Localnet(slot_ms=20) as net:
        port = net.port
        task = asyncio.create_task(Traders(net.rpc_url, seed=1).run(200))
        ledger = net.chain.ledger
        await until(lambda: ledger.count > 100)
        await net.down()
        count = ledger.count
        await net.up()
        await until(lambda: ledger.count > count + 50)
    async with Localnet(port, slot_ms=20) as other:
        fresh = other.chain.ledger

        def created() -> int:
            return sum("CreateEvent" in events(each) for each in list(fresh.transactions.values()))

        await until(lambda: fresh.count > 100 and created() >= 6)
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_they_do_not_trade_on_public_clusters(localnet: Localnet) -> None:
    """A node of mainnet, devnet or testnet is refused before anything is sent."""
    for genesis, name in PUBLIC_CLUSTERS.items():
        localnet.chain.genesis_hash = Hash.from_string(genesis)
        with pytest.raises(NodeRefused, match=name):
            await Traders(localnet.rpc_url).run(1)
    assert localnet.chain.ledger.count == 1


async def test_a_chain_without_pump_is_refused(localnet: Localnet) -> None:
    """The error says what is missing and where to read on."""
    _remove(localnet, pump.PUMP)
    with pytest.raises(NodeRefused, match=r"docs/localnet\.md"):
        await Traders(localnet.rpc_url).play(1)


async def test_pump_is_set_up_where_nobody_has(localnet: Localnet) -> None:
    """On a validator that only has the program, the traders initialize it."""
    _remove(localnet, pump.GLOBAL)
    signatures = await Traders(localnet.rpc_url).play(20)
    assert set(signatures) <= set(localnet.chain.ledger.transactions)
    account = localnet.chain.accounts.now(pump.GLOBAL)
    assert account is not None
    assert pump.read_global(account.data).fee_bps == 95


async def test_missing_programs_are_left_out(localnet: Localnet) -> None:
    """Without router and hostile program the other kinds are played, and nothing fails of it."""
    _remove(localnet, ROUTER)
    _remove(localnet, HOSTILE)
    signatures = await Traders(localnet.rpc_url).play(60)
    landed = [localnet.chain.ledger.transactions[signature] for signature in signatures]
    assert not any({ROUTER, HOSTILE} & programs(each) for each in landed)
    assert any(events(each).count("TradeEvent") > 1 for each in landed)


def _remove(net: Localnet, key: Pubkey) -> None:
    net.chain.accounts.put(key, Account(0, b"", pump.SYSTEM))
