"""The audit: a range of slots against the node, whatever was recorded."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from chaos.processes import Command
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
from programs.keys import signature_b58
from tests.conftest import SettingsFactory
from tests.helpers.fake_node import fake_node
from tests.helpers.indexing import equals_history, feed_is_whole, indexing, settings_for, until


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
    assert repaired.repaired == len({row.signature for row in rows})
    await feed_is_whole(pool)
    again, _ = await _audit(localnet, pool, settings, is_repairing=True)
    assert (again.missing, again.repaired, again.is_whole) == (0, 0, True)


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


async def test_a_running_indexer_is_asked_to_repair(
    localnet: Localnet, pool: Pool, settings: SettingsFactory
) -> None:
    """There is one writer: beside an indexer that began later in the chain, the audit has that one
    fetch and store what it finds missing; nobody stops, and nothing counts twice.
    """
    traders = Traders(localnet.rpc_url, seed=33)
    await traders.play(30, between=localnet.tick)
    start = localnet.tick()
    async with indexing(settings_for(localnet, settings, indexer_start_slot=start), pool):
        await traders.play(10, between=localnet.tick)
        localnet.tick()
        query = "SELECT coalesce(min(slot), 0) >= $1 FROM checkpoints"
        await until(lambda: pool.fetchval(query, start), "the indexer at work")
        found, _ = await _audit(localnet, pool, settings, is_repairing=True)
        assert found.missing == found.repaired > 10
        assert found.is_whole
        await equals_history(pool, localnet)
    assert await pool.fetchval("SELECT count(*) FROM requests") == 0


async def test_who_does_not_serve_is_named(
    localnet: Localnet, pool: Pool, settings: SettingsFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer that holds the lease and serves nothing is not waited for, for ever."""
    monkeypatch.setattr("indexer.requests._PATIENCE_S", 0.5)
    await Traders(localnet.rpc_url, seed=34).play(10, between=localnet.tick)
    async with Writer(pool) as other:
        await other.wait()
        with pytest.raises(GiveUp, match="does not serve"):
            await _audit(localnet, pool, settings, is_repairing=True)


async def test_what_was_killed_goes_on_where_it_was(database_url: str, tmp_path: Path) -> None:
    """kill -9 in the middle: the same command counts on, and lists nothing below again."""
    names = [signature_b58(bytes([slot]) * 64) for slot in range(1, 7)]
    stuck = asyncio.Event()

    def answer(method: str, params: list[Any]) -> Any:
        if method == "getTransaction":
            stuck.set()
            return None
        older = names[: names.index(params[1]["before"])] if "before" in params[1] else names
        return [
            {"signature": name, "slot": names.index(name) + 1,
             "err": None if name == names[4] else "failed", "transactionIndex": 0}
            for name in reversed(older[-2:])
        ]  # fmt: skip

    async with fake_node(answer) as node:
        audit = Command(
            "audit", "--from-slot", "1", "--to-slot", "6",
            env={"DATABASE_URL": database_url, "SOLANA_RPC_URL": node.url,
                 "INDEXER_PROGRAMS": "pump", "DATA_DIR": str(tmp_path)},
            log=tmp_path / "log",
        )  # fmt: skip
        await audit.start()
        await asyncio.wait_for(stuck.wait(), 30)
        await audit.kill()
        (saved,) = _bookmarks(tmp_path)
        assert json.loads(saved.read_text())["done"] == {"pump": 3}
        node.calls.clear()
        await audit.start()
        assert await audit.ended(60) == 1  # the one that was not delivered
    listed = [params[1].get("before") for method, params in node.calls if "Signatures" in method]
    assert set(listed) == {None, names[4]}
    assert "6 transactions listed; 0 were missing" in audit.output
    assert _bookmarks(tmp_path) == []


def _bookmarks(folder: Path) -> list[Path]:
    return list(folder.glob("audit-*.json"))
