"""The indexer on a real chain and a real database: what happened is stored, whatever happens."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from common.errors import SettingsError
from db.embedded import EmbeddedServer
from db.migrate import migrate
from db.pool import Pool, pool_of
from indexer.run import index
from localnet.chain import CONFIRMED
from localnet.node import Localnet
from localnet.traders import Traders
from tests.conftest import SettingsFactory
from tests.helpers.chain_user import ChainUser
from tests.helpers.indexing import (
    equals_history,
    feed_is_whole,
    index_process,
    indexing,
    settings_for,
    stored_facts,
    until,
)


async def _some_trades(pool: Pool, at_least: int) -> None:
    async def are_there() -> bool:
        return int(await pool.fetchval("SELECT count(*) FROM trades")) >= at_least

    await until(are_there, f"{at_least} trades stored")


async def test_live_trades_are_stored_in_the_chains_order(
    localnet: Localnet, pool: Pool, settings: SettingsFactory
) -> None:
    """Every event of the chain's history is one row, in its order, numbered without a hole."""
    async with indexing(settings_for(localnet, settings), pool):
        await Traders(localnet.rpc_url, seed=3).play(120, between=localnet.tick)
        await equals_history(pool, localnet)


async def test_history_before_the_start_is_filled(
    localnet: Localnet, pool: Pool, settings: SettingsFactory
) -> None:
    """What happened before the indexer ran is read from history, then the live stream follows."""
    traders = Traders(localnet.rpc_url, seed=4)
    await traders.play(60, between=localnet.tick)
    async with indexing(settings_for(localnet, settings), pool):
        await _some_trades(pool, 20)
        await traders.play(40, between=localnet.tick)
        await equals_history(pool, localnet)


async def test_a_live_cluster_starts_at_its_tip(
    localnet: Localnet, pool: Pool, settings: SettingsFactory
) -> None:
    """Without a start slot nothing older than the first connection is read."""
    traders = Traders(localnet.rpc_url, seed=5)
    await traders.play(40, between=localnet.tick)
    tip = localnet.tick()
    config = settings_for(localnet, settings, indexer_start_slot=None)
    async with indexing(config, pool):
        await until(lambda: pool.fetchval("SELECT count(*) > 0 FROM chain"), "chain claimed")
        for _ in range(50):
            localnet.tick()
            await asyncio.sleep(0.01)
        await Traders(localnet.rpc_url, seed=6).play(40, between=localnet.tick)
        await _some_trades(pool, 10)
    oldest = await pool.fetchval("SELECT min(slot) FROM trades")
    assert oldest >= tip
    await feed_is_whole(pool)


async def test_a_cut_connection_loses_nothing(
    localnet: Localnet, pool: Pool, settings: SettingsFactory
) -> None:
    """However often the node's socket breaks, what came meanwhile is filled in, in order."""
    cuts = iter(range(1_000))

    def between() -> None:
        localnet.tick()
        if next(cuts) % 25 == 20:
            localnet.subscriptions.disconnect()

    async with indexing(settings_for(localnet, settings), pool):
        await Traders(localnet.rpc_url, seed=8).play(150, between=between)
        await equals_history(pool, localnet)


async def test_a_restart_goes_on_where_it_stopped(
    localnet: Localnet, pool: Pool, settings: SettingsFactory
) -> None:
    """Stopped and started again, it fills what it missed, and nothing counts twice."""
    config, traders = settings_for(localnet, settings), Traders(localnet.rpc_url, seed=9)
    for _ in range(3):
        async with indexing(config, pool):
            await traders.play(30, between=localnet.tick)
        await traders.play(30, between=localnet.tick)
    closed = localnet.tick() - 1
    async with indexing(config, pool):
        await equals_history(pool, localnet)
        await until(lambda: _has_frontier(pool, closed), "the frontier at the tip")


async def test_a_slot_that_is_still_filled_is_not_verified(
    localnet: Localnet, pool: Pool, settings: SettingsFactory
) -> None:
    """Where a node confirms what it still fills, the frontier stays below the open slot: what comes
    into it after a look at it is not passed over, though no notification tells of it.
    """
    localnet.drop_notifications(10**6)
    user = ChainUser(localnet.chain)
    async with indexing(settings_for(localnet, settings), pool):
        market = user.launch()
        localnet.tick()
        for _ in range(3):
            user.send(user.buy(market, 10**12))
            assert localnet.chain.tips[CONFIRMED] == localnet.chain.tip.slot
            frontier = localnet.chain.tip.slot - 1
            await until(partial(_has_frontier, pool, frontier), "the frontier below")
            await asyncio.sleep(0.6)  # a round of the sweep
            assert not await _has_frontier(pool, frontier + 1)
            user.send(user.buy(market, 10**12))
            localnet.tick()
        await equals_history(pool, localnet)


async def _has_frontier(pool: Pool, slot: int) -> bool:
    frontier = await pool.fetchval("SELECT slot FROM checkpoints WHERE program = 'pump'")
    return frontier is not None and int(frontier) >= slot


async def test_what_was_received_is_committed_on_stop(
    localnet: Localnet, pool: Pool, settings: SettingsFactory
) -> None:
    """A stop is graceful: cancelled in the middle of a stream it leaves rows and feed whole."""
    async with indexing(settings_for(localnet, settings), pool) as task:
        playing = asyncio.create_task(
            Traders(localnet.rpc_url, seed=10).play(80, between=localnet.tick)
        )
        await _some_trades(pool, 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await playing
    await feed_is_whole(pool)


@pytest.mark.parametrize("is_crash", [False, True], ids=["restart", "crash"])
async def test_postgres_may_go_and_come_back(
    localnet: Localnet, postgres_folder: Path, settings: SettingsFactory, is_crash: bool
) -> None:
    """A restart or crash of Postgres in the middle costs time, and neither rows nor order."""
    server = EmbeddedServer(postgres_folder, {"fsync": "off"})
    url = await asyncio.to_thread(server.start)
    try:
        async with pool_of(url, 5) as pool:
            await migrate(pool)
            async with indexing(settings_for(localnet, settings), pool):
                playing = asyncio.create_task(
                    Traders(localnet.rpc_url, seed=11).play(150, between=localnet.tick)
                )
                for _ in range(3):
                    await asyncio.to_thread(server.restart, is_crash=is_crash)
                    await asyncio.sleep(0.1)
                await playing
                await _still_there(pool)
                await equals_history(pool, localnet)
    finally:
        await asyncio.to_thread(server.stop)


async def test_while_postgres_is_down_reading_stops_at_the_bound(
    localnet: Localnet, postgres_folder: Path, settings: SettingsFactory
) -> None:
    """What is notified is buffered up to INDEXER_MAX_PENDING, then the socket is not read any more;
    when Postgres is back everything is stored, once and in order.
    """
    server = EmbeddedServer(postgres_folder, {"fsync": "off"})
    url = await asyncio.to_thread(server.start)
    try:
        async with pool_of(url, 5) as pool:
            await migrate(pool)
            config = settings_for(localnet, settings, indexer_max_pending=100, indexer_batch_rows=9)
            async with indexing(config, pool):
                traders = Traders(localnet.rpc_url, seed=15)
                await traders.play(20, between=localnet.tick)
                await equals_history(pool, localnet)
                await asyncio.to_thread(server.stop)
                await traders.play(250, between=localnet.tick)
                pending = partial(REGISTRY.get_sample_value, "curvefeed_indexer_pending_updates")

                async def is_full() -> bool:
                    return pending() == config.indexer_max_pending

                await until(is_full, "the buffer full")
                await asyncio.to_thread(server.start)
                await _still_there(pool)
                await equals_history(pool, localnet)
    finally:
        await asyncio.to_thread(server.stop)


async def _still_there(pool: Pool) -> None:
    """The test's own pool has dead connections too: use them up."""
    await pool.expire_connections()


async def test_kill_9_in_the_middle_loses_nothing(
    localnet: Localnet, pool: Pool, database_url: str, settings: SettingsFactory
) -> None:
    """Killed without warning, several times while trades come in, it ends with the same rows."""
    config = settings_for(localnet, settings)
    playing = asyncio.create_task(
        Traders(localnet.rpc_url, seed=12).play(200, between=lambda: _slowly(localnet))
    )
    for lives in range(1, 4):
        async with index_process(config, database_url):
            await _some_trades(pool, 25 * lives)
    await playing
    async with index_process(config, database_url):
        await equals_history(pool, localnet)


async def _slowly(net: Localnet) -> None:
    net.tick()
    await asyncio.sleep(0.02)


async def test_a_second_indexer_stands_by_and_takes_over(
    localnet: Localnet, pool: Pool, settings: SettingsFactory
) -> None:
    """Two on one database are harmless: one writes, the other continues when the first is gone."""
    config, traders = settings_for(localnet, settings), Traders(localnet.rpc_url, seed=13)
    async with indexing(config, pool) as first, indexing(config, pool):
        await traders.play(40, between=localnet.tick)
        await _some_trades(pool, 20)
        first.cancel()
        await asyncio.wait({first})
        await traders.play(40, between=localnet.tick)
        await equals_history(pool, localnet)


async def test_a_database_of_another_chain_is_refused(
    pool: Pool, settings: SettingsFactory
) -> None:
    """Two clusters in one database would mix their slots: the second is told to use its own."""
    async with (
        Localnet(port=0, slot_ms=None) as first,
        indexing(settings_for(first, settings), pool),
    ):
        await until(lambda: pool.fetchval("SELECT count(*) > 0 FROM chain"), "chain claimed")
    async with Localnet(port=0, slot_ms=None) as second:
        with pytest.raises(SettingsError, match="another chain"):
            await index(settings_for(second, settings), pool)


async def test_a_new_localnet_starts_its_database_over(
    pool: Pool, settings: SettingsFactory
) -> None:
    """The localnet is a new chain each time: old rows go, and the feed's epoch says so."""
    epochs = set()
    for _ in range(2):
        async with Localnet(port=0, slot_ms=None, confirm_after=0) as net:
            config = settings(localnet_port=net.port)
            async with indexing(config, pool):
                await Traders(net.rpc_url, seed=14).play(30, between=net.tick)
                await equals_history(pool, net)
        epochs.add(await pool.fetchval("SELECT epoch FROM feed_head"))
    assert len(epochs) == 2
    assert await stored_facts(pool)
