"""Forks under a running indexer: what is stored, told and folded is what survived."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import pytest

from api.config import hub_limits
from api.server import ApiServer
from chaos.client import FeedClient
from chaos.folds import wrong_folds
from chaos.readings import stored_facts, told_facts
from chaos.truth import LedgerTruth
from chaos.verdict import Counts, judge
from db.pool import Pool
from db.states import states
from localnet.chain import CONFIRMED, FINALIZED
from localnet.node import Localnet
from localnet.traders import Traders
from programs.keys import signature_of
from tests.conftest import SettingsFactory
from tests.helpers.chain_user import ChainUser
from tests.helpers.forwarder import forwarder
from tests.helpers.indexing import feed_is_whole, indexing, settings_for, until

_SLOT_MS = 80
_TRADES_PER_SECOND = 30


@asynccontextmanager
async def _client(pool: Pool, settings: SettingsFactory) -> AsyncIterator[FeedClient]:
    """A client of `global` at an API on this database."""
    made = settings(websocket_port=0, websocket_replay_events=10_000)
    server = ApiServer(made, pool, None, "no page in this test", hub_limits(made))
    await server.start()
    client = FeedClient(f"ws://127.0.0.1:{server.port}/api/v1/websocket/ws")
    following = asyncio.create_task(client.run())
    try:
        await client.connected()
        yield client
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await server.stop()


async def _forks(net: Localnet, random: Random, *, confirmed: bool) -> set[tuple[str, int]]:
    """A few forks of depth 1 to 10, about a second apart; what landed in them."""
    landed = set()
    for _ in range(5):
        await asyncio.sleep(random.uniform(0.6, 1.2))
        level = FINALIZED if confirmed else CONFIRMED
        depth = random.randint(1, 10)
        banks = net.chain.ledger.above(net.chain.tips[level])[-depth:]
        landed |= {(one.signature, bank.slot) for bank in banks for one in bank.transactions}
        net.fork(depth, replay=random.random() < 0.5, confirmed=confirmed)
    return landed


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("commitment", "confirmed", "lag"),
    [("processed", False, 12), ("processed", True, 2), ("confirmed", True, 2)],
)
@pytest.mark.parametrize("seed", [1, 2])
async def test_what_forks_undo_is_taken_back_everywhere(
    pool: Pool, settings: SettingsFactory, commitment: str, confirmed: bool, lag: int, seed: int
) -> None:
    """After forks of unconfirmed and of confirmed slots, with and without their transactions
    landing again: rows, candles, positions, the feed, and a client that applies `retracted` hold
    what survived, each once, in the chain's order.
    """
    async with Localnet(port=0, slot_ms=_SLOT_MS, confirm_after=lag) as net:
        config = settings_for(net, settings, indexer_commitment=commitment)
        async with indexing(config, pool), _client(pool, settings) as client:
            play = asyncio.create_task(Traders(net.rpc_url, seed=seed).run(_TRADES_PER_SECOND))
            dropped = await _forks(net, Random(seed), confirmed=confirmed)
            play.cancel()
            await asyncio.gather(play, return_exceptions=True)
            truth = LedgerTruth(net.chain)

            async def is_right() -> bool:
                facts = truth.facts()
                if net.chain.tips[CONFIRMED] <= max(fact.slot for fact in facts):
                    return False
                async with pool.acquire() as connection:
                    rows = await stored_facts(connection)
                told = told_facts(client.standing())
                return judge(facts, dropped, rows).is_clean and judge(facts, dropped, told).is_clean

            try:
                await until(is_right, "rows and client as the chain")
            except AssertionError:
                async with pool.acquire() as connection:
                    rows = await stored_facts(connection)
                assert judge(truth.facts(), dropped, rows) == Counts()
                assert judge(truth.facts(), dropped, told_facts(client.standing())) == Counts()
                raise
            async with pool.acquire() as connection:
                assert await wrong_folds(connection) == []
            retracted = [event for event in client.events if event["type"] == "retracted"]
            assert retracted
            assert (client.lost, client.holes) == (0, 0)
        await feed_is_whole(pool)


async def test_a_very_late_word_of_a_dead_slot_is_taken_back(
    pool: Pool, settings: SettingsFactory
) -> None:
    """Notifications that come when their slot has long been abandoned, and everything around it is
    final and checked, do not stand.
    """
    async with (
        Localnet(port=0, slot_ms=None, confirm_after=2, finalize_after=8) as net,
        forwarder(net.port + 1) as stream,
    ):
        config = settings_for(
            net, settings, indexer_commitment="processed",
            solana_ws_url=f"ws://127.0.0.1:{stream.port}",
        )  # fmt: skip
        user = ChainUser(net.chain)
        async with indexing(config, pool):
            market = user.launch()
            user.send(user.buy(market, 10**12))
            net.tick(5)
            await until(lambda: pool.fetchval("SELECT count(*) = 1 FROM trades"), "a trade")
            stream.hang()
            signature = signature_of(user.send(user.buy(market, 10**12)).signature)
            (dead,) = net.fork(1).dropped
            net.tick(300)
            checked = "SELECT checked_slot > $1 FROM finality"
            await until(lambda: pool.fetchval(checked, dead), "the slot checked and passed")
            stream.heal()
            is_gone = "SELECT retracted FROM trades WHERE signature = $1 AND slot = $2"
            await until(lambda: pool.fetchval(is_gone, signature, dead), "stored and taken back")
            assert await pool.fetchval("SELECT count(*) FROM trades WHERE NOT retracted") == 1


@pytest.mark.parametrize("kind", ["classic", "alpenglow"])
async def test_finality_is_told_beside_the_feed(
    pool: Pool, settings: SettingsFactory, kind: str
) -> None:
    """The state `finality` names the newest confirmed and finalized slot (under Alpenglow the same)
    and rises with the chain, as `finalized_slot` of history does; nothing of it takes a place in
    the feed.
    """
    told: set[str] = set()
    async with (
        Localnet(port=0, slot_ms=50, confirm_after=2, finalize_after=8) as net,
        indexing(settings_for(net, settings, indexer_finality=kind), pool),
    ):

        async def is_told() -> bool:
            told.update(one.data for one in await states(pool) if one.event == "finality")
            return len(told) >= 3

        await until(is_told, "three words of finality")
    slots = sorted(tuple(json.loads(data).values()) for data in told)
    assert all((final == confirmed) is (kind == "alpenglow") for confirmed, final in slots)
    assert [final for _, final in slots] == sorted({final for _, final in slots})
    assert await pool.fetchval("SELECT finalized_slot FROM checkpoints") >= slots[0][1]
    assert await pool.fetchval("SELECT count(*) FROM feed WHERE event = 'finality'") == 0
