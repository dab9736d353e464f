"""The chain of reserves: what is missing shows, by the program's own word."""

from __future__ import annotations

from db import continuity
from db.pool import Pool
from indexer.continuity import Continuity
from indexer.endpoints import Endpoints
from indexer.updates import Update
from localnet.node import Localnet
from localnet.traders import Traders
from programs.keys import signature_b58
from tests.conftest import SettingsFactory
from tests.helpers.indexing import equals_history, indexing, settings_for, until


async def _indexed(net: Localnet, pool: Pool, settings: SettingsFactory, count: int) -> None:
    """A chain with some history, wholly stored and verified."""
    await Traders(net.rpc_url, seed=5).play(count, between=net.tick)
    closed = net.tick() - 1
    async with indexing(settings_for(net, settings), pool):
        await equals_history(pool, net)
        query = "SELECT coalesce(min(slot), 0) >= $1 FROM checkpoints"
        await until(lambda: pool.fetchval(query, closed), "the frontier at the tip")


async def test_a_whole_history_has_no_break(
    localnet: Localnet, pool: Pool, settings: SettingsFactory
) -> None:
    """Every trade on a curve links to the one before it, the first to the creation."""
    await _indexed(localnet, pool, settings, 150)
    async with pool.acquire() as connection:
        found = await continuity.links(connection, 0, 10**9)
    assert (found.breaks, found.repriced) == ([], 0)
    assert found.held == await pool.fetchval("SELECT count(*) FROM trades") > 80


async def test_a_missing_trade_is_found_and_asked_for(
    localnet: Localnet, pool: Pool, settings: SettingsFactory
) -> None:
    """The break lies where the trade is missing; the curve's own list names it; repaired, it is
    over.
    """
    await _indexed(localnet, pool, settings, 150)
    (lost,) = await pool.fetch(
        """SELECT signature, slot, mint FROM trades t WHERE base_amount > 0
           AND (SELECT count(*) FROM trades o WHERE o.signature = t.signature) = 1
           AND NOT EXISTS (SELECT FROM token_events e WHERE e.signature = t.signature)
           AND EXISTS (SELECT FROM trades o WHERE o.mint = t.mint AND o.slot > t.slot)
           ORDER BY slot DESC LIMIT 1"""
    )
    wanted: list[Update] = []
    async with Endpoints([(localnet.rpc_url, localnet.ws_url)], "confirmed") as node:
        checker = Continuity(node, pool, wanted.append)
        await pool.execute(
            "UPDATE trade_rows SET retracted = true WHERE signature = $1", lost["signature"]
        )
        (found,) = await checker.look()
        assert found.mint == lost["mint"]
        assert found.first <= lost["slot"] <= found.last
        assert [(one.signature, one.slot) for one in wanted] == [
            (signature_b58(lost["signature"]), lost["slot"])
        ]
        await pool.execute(
            "UPDATE trade_rows SET retracted = false WHERE signature = $1", lost["signature"]
        )
        assert await checker.look() == []


async def test_a_break_that_nothing_explains_is_passed_over(
    localnet: Localnet, pool: Pool, settings: SettingsFactory
) -> None:
    """Three sweeps of the curve find nothing missing: it is said once, and not looked at again."""
    await _indexed(localnet, pool, settings, 60)
    await pool.execute(
        """UPDATE trade_rows SET virtual_quote = virtual_quote + 1, real_quote = real_quote + 1
           WHERE (signature, ordinal) = (
           SELECT signature, ordinal FROM trades t
           WHERE EXISTS (SELECT FROM trades o WHERE o.mint = t.mint AND o.slot > t.slot)
           ORDER BY slot DESC LIMIT 1)"""
    )
    wanted: list[Update] = []
    async with Endpoints([(localnet.rpc_url, localnet.ws_url)], "confirmed") as node:
        checker = Continuity(node, pool, wanted.append)
        looks = [len(await checker.look()) for _ in range(5)]
    assert looks[0] > 0
    assert looks[-1] == 0
    assert wanted == []


async def test_reserves_that_an_administrator_sets_are_no_break(
    localnet: Localnet, pool: Pool, settings: SettingsFactory
) -> None:
    """`set_virtual_quote_reserves` and the like move the virtual reserves alone: the real ones say
    that no trade is missing. It is counted, and nothing is swept.
    """
    await _indexed(localnet, pool, settings, 60)
    changed = await pool.execute(
        """UPDATE trade_rows t SET virtual_quote = virtual_quote + 10^10
           WHERE token_id = (SELECT token_id FROM trade_rows GROUP BY 1 ORDER BY count(*) DESC, 1
                             LIMIT 1)"""
    )
    assert changed != "UPDATE 0"
    wanted: list[Update] = []
    async with Endpoints([(localnet.rpc_url, localnet.ws_url)], "confirmed") as node:
        assert await Continuity(node, pool, wanted.append).look() == []
    assert wanted == []
    async with pool.acquire() as connection:
        assert (await continuity.links(connection, 0, 10**9)).repriced == 1
