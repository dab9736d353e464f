"""The audit: a range of slots against the node, whatever was recorded."""

from __future__ import annotations

import pytest

from chaos.readings import stored_facts
from chaos.truth import LedgerTruth
from chaos.verdict import judge
from common.errors import GiveUp
from db.pool import Pool
from db.writer import Writer
from indexer.audit import Findings, audit
from localnet.chain import CONFIRMED
from localnet.node import Localnet
from localnet.traders import Traders
from tests.conftest import SettingsFactory
from tests.helpers.indexing import feed_is_whole, settings_for


async def _audit(
    net: Localnet, pool: Pool, make: SettingsFactory, *, is_repairing: bool = False
) -> tuple[Findings, list[int]]:
    done: list[int] = []
    slots = range(net.chain.tips[CONFIRMED] + 1)
    config = settings_for(net, make)
    found = await audit(config, pool, slots, done.append, is_repairing=is_repairing)
    assert done == sorted(done)
    assert done[-1] == len(slots)
    return found, done


async def test_what_is_missing_is_found_and_repaired(
    localnet: Localnet, pool: Pool, settings: SettingsFactory
) -> None:
    """Found without being touched, then stored once and in order; then there is nothing to find."""
    await Traders(localnet.rpc_url, seed=31).play(40, between=localnet.tick)
    found, _ = await _audit(localnet, pool, settings)
    assert found.missing > 0
    assert not found.is_whole
    assert await pool.fetchval("SELECT count(*) FROM trades") == 0
    repaired, _ = await _audit(localnet, pool, settings, is_repairing=True)
    assert repaired.missing == found.missing
    assert repaired.is_whole
    async with pool.acquire() as connection:
        rows = await stored_facts(connection)
    assert judge(LedgerTruth(localnet.chain).facts(CONFIRMED), (), rows).is_clean
    assert repaired.events == len(rows)
    await feed_is_whole(pool)
    again, _ = await _audit(localnet, pool, settings, is_repairing=True)
    assert (again.missing, again.events, again.is_whole) == (0, 0, True)


async def test_what_the_node_does_not_list_is_found(
    localnet: Localnet, pool: Pool, settings: SettingsFactory
) -> None:
    """Stored as standing and not in the node's list: it did not survive, or the node hides it."""
    await Traders(localnet.rpc_url, seed=32).play(20, between=localnet.tick)
    await _audit(localnet, pool, settings, is_repairing=True)
    await pool.execute(
        """UPDATE trade_rows SET slot = slot - 1
           WHERE signature = (SELECT min(signature) FROM trades)"""
    )
    found, _ = await _audit(localnet, pool, settings)
    assert (found.unlisted, found.is_whole) == (1, False)


async def test_nothing_is_repaired_under_a_running_indexer(
    localnet: Localnet, pool: Pool, settings: SettingsFactory
) -> None:
    """Two writers would stand in each other's way: it says what to do."""
    async with Writer(pool) as other:
        await other.wait()
        with pytest.raises(GiveUp, match="Stop it"):
            await _audit(localnet, pool, settings, is_repairing=True)
