"""Subscription and sweep against a network that loses, cuts, throttles and lies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from chaos.mischief import Mischief
from chaos.plan import Plan, Window
from chaos.proxy import Proxy
from chaos.readings import stored_facts
from chaos.truth import LedgerTruth
from chaos.verdict import judge
from common.settings import Settings
from db.pool import Pool
from localnet.chain import CONFIRMED
from localnet.node import Localnet
from localnet.traders import Traders
from tests.conftest import SettingsFactory
from tests.helpers.indexing import feed_is_whole, indexing, settings_for, until

_LONG_S = 600.0


def _plan(*windows: Window) -> Plan:
    return Plan(
        seed=7, commitment="confirmed", slot_ms=50, confirm_after=2, finalize_after=10,
        trades_per_second=40, phase_s=_LONG_S, windows=windows, strikes=(),
    )  # fmt: skip


def _always(fault: str, share: float, *, length_s: float = 0.0) -> Window:
    return Window(fault=fault, start_s=0, end_s=_LONG_S, share=share, length_s=length_s)


class _Faults:
    """A proxy whose faults a test switches off."""

    def __init__(self, net: Localnet, proxy: Proxy, make: SettingsFactory) -> None:
        self._proxy = proxy
        self._mischief = proxy.mischief
        self.settings: Settings = settings_for(
            net, make, solana_rpc_url=proxy.rpc_url, solana_ws_url=proxy.ws_url,
            indexer_sweep_seconds=0.1,
        )  # fmt: skip

    @property
    def met(self) -> dict[str, int]:
        """How many messages each fault met."""
        return self._mischief.counts

    @property
    def calls(self) -> dict[str, int]:
        """What was asked of the node, by method."""
        return self._proxy.calls

    def end(self) -> None:
        """From now on everything passes."""
        self._proxy.mischief = Mischief(_plan())


@asynccontextmanager
async def _behind(net: Localnet, make: SettingsFactory, *windows: Window) -> AsyncIterator[_Faults]:
    async with Proxy(net.rpc_url, net.ws_url, _plan(*windows)) as proxy:
        proxy.begin()
        yield _Faults(net, proxy, make)


async def _frontier(pool: Pool) -> int:
    slot = await pool.fetchval("SELECT min(slot) FROM checkpoints")
    return -1 if slot is None else int(slot)


async def _reaches(pool: Pool, slot: int) -> None:
    async def has_reached() -> bool:
        return await _frontier(pool) >= slot

    await until(has_reached, f"the frontier at {slot}")


async def _is_exact(pool: Pool, net: Localnet) -> None:
    """Every event of the chain once, in its order inside each token."""
    async with pool.acquire() as connection:
        rows = await stored_facts(connection)
    verdict = judge(LedgerTruth(net.chain).facts(CONFIRMED), (), rows)
    assert verdict.is_clean, verdict.examples
    await feed_is_whole(pool)


async def _slowly(net: Localnet) -> None:
    net.tick()
    await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "windows",
    [
        (_always("drop", 0.05),),
        (_always("drop", 0.2), _always("duplicate", 0.3)),
        (_always("drop", 1.0),),
        (_always("reorder", 0.8, length_s=1.0), _always("drop", 0.1)),
        (_always("truncate", 0.5), _always("drop", 0.1)),
    ],
    ids=["5 %", "20 %", "all", "reordered", "truncated"],
)
async def test_what_the_subscription_loses_is_swept_up(
    windows: tuple[Window, ...], localnet: Localnet, pool: Pool, settings: SettingsFactory
) -> None:
    """Nothing missing, nothing twice, each trade in its place, whatever is not notified."""
    async with _behind(localnet, settings, *windows) as faults, indexing(faults.settings, pool):
        await Traders(localnet.rpc_url, seed=21).play(150, between=lambda: _slowly(localnet))
        await _reaches(pool, localnet.chain.tips[CONFIRMED])
        await _is_exact(pool, localnet)
        assert set(faults.met) >= {"drop"}
    unplaced = await pool.fetchval("SELECT count(*) FROM trades WHERE tx_index IS NULL")
    assert unplaced == 0


@pytest.mark.parametrize("fault", ["ahead", "busy", "throttle", "version", "half", "partial",
                                   "empty"])  # fmt: skip
async def test_a_failing_node_is_waited_for(
    fault: str, localnet: Localnet, pool: Pool, settings: SettingsFactory
) -> None:
    """Errors and half answers to most calls, a fifth of all notifications lost: when they end,
    the frontier soon is at the tip and nothing is missing. Nothing ever was below it.
    """
    windows = _always("drop", 0.2), _always(fault, 0.6)
    async with _behind(localnet, settings, *windows) as faults:
        async with indexing(faults.settings, pool):
            await Traders(localnet.rpc_url, seed=22).play(80, between=lambda: _slowly(localnet))
            assert await _missing_below_the_frontier(pool, localnet) == []
            faults.end()
            loop = asyncio.get_running_loop()
            ended = loop.time()
            await _reaches(pool, localnet.chain.tips[CONFIRMED])
            assert loop.time() - ended < 10
            await _is_exact(pool, localnet)
        assert faults.met[fault] > 0


@pytest.fixture
async def localnet() -> AsyncIterator[Localnet]:
    """A chain whose clock stands still, with closed slots alone confirmed, as on any cluster: of
    a slot that is still open nobody can say that all of it is known.
    """
    async with Localnet(port=0, slot_ms=None, confirm_after=1) as net:
        yield net


async def _missing_below_the_frontier(pool: Pool, net: Localnet) -> list[Any]:
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read"):
        frontier = await connection.fetchval("SELECT coalesce(min(slot), -1) FROM checkpoints")
        stored = set(await stored_facts(connection))
    facts = LedgerTruth(net.chain).facts(CONFIRMED)
    return [fact for fact in facts if fact.slot <= frontier and fact not in stored]


async def _is_complete(pool: Pool) -> bool:
    return bool(await pool.fetchval("SELECT bool_and(slot >= tip_slot) FROM checkpoints"))


async def test_an_open_hole_holds_the_frontier_and_is_said(
    localnet: Localnet, pool: Pool, settings: SettingsFactory
) -> None:
    """Listed, not notified and not delivered: a gap row, `complete` is false and the frontier stays
    below; when the node delivers it all of that is over, and the gap remains as history.
    """
    traders = Traders(localnet.rpc_url, seed=23)
    windows = _always("drop", 1.0), _always("ahead", 1.0)
    async with _behind(localnet, settings, *windows) as faults, indexing(faults.settings, pool):
        await traders.play(20, between=lambda: _slowly(localnet))

        async def has_gap() -> bool:
            return bool(await pool.fetchval("SELECT count(*) FROM gaps WHERE closed_at IS NULL"))

        await until(has_gap, "a gap row")
        lowest = await pool.fetchval("SELECT min(slot) FROM gaps WHERE closed_at IS NULL")
        assert await _frontier(pool) < lowest
        assert not await _is_complete(pool)
        faults.end()
        await _reaches(pool, localnet.chain.tips[CONFIRMED])
        await until(lambda: _is_complete(pool), "complete")
        await _is_exact(pool, localnet)
    rows = await pool.fetch("SELECT reason, closed_at FROM gaps")
    assert rows
    assert all(row["closed_at"] is not None and "-32004" in row["reason"] for row in rows)


async def test_too_much_to_fetch_holds_the_stream_back(
    localnet: Localnet, pool: Pool, settings: SettingsFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every notification needs its transaction and the node delivers none: what is waited for stays
    bounded, and when the node recovers nothing is missing.
    """
    monkeypatch.setattr("indexer.sweep._MOST_HOLES", 5)
    windows = _always("truncate", 1.0), _always("ahead", 1.0)
    async with _behind(localnet, settings, *windows) as faults, indexing(faults.settings, pool):
        await Traders(localnet.rpc_url, seed=27).play(80, between=lambda: _slowly(localnet))
        assert await pool.fetchval("SELECT count(*) FROM trades") == 0
        faults.end()
        await _reaches(pool, localnet.chain.tips[CONFIRMED])
        await _is_exact(pool, localnet)


async def test_the_ledger_has_no_holes(
    localnet: Localnet, pool: Pool, settings: SettingsFactory
) -> None:
    """Its ranges adjoin from the first slot to the frontier, over restarts too."""
    config, traders = settings_for(localnet, settings), Traders(localnet.rpc_url, seed=24)
    for _ in range(3):
        async with indexing(config, pool):
            await traders.play(20, between=lambda: _slowly(localnet))
            await _reaches(pool, localnet.chain.tips[CONFIRMED])
    rows = await pool.fetch("SELECT from_slot, to_slot FROM coverage ORDER BY from_slot")
    covered = [slot for row in rows for slot in range(row["from_slot"], row["to_slot"] + 1)]
    assert covered == list(range(await _frontier(pool) + 1))


async def test_a_busy_program_is_read_out_of_blocks(
    localnet: Localnet, pool: Pool, settings: SettingsFactory
) -> None:
    """Above the set density blocks say what happened, and are what is decoded: no transaction is
    asked for, nothing is missing, and the ledger names the method.
    """
    async with _behind(localnet, settings, _always("drop", 0.5), _always("busy", 0.2)) as faults:
        config = faults.settings.model_copy(update={"indexer_block_density": 0.0})
        async with indexing(config, pool):
            await Traders(localnet.rpc_url, seed=26).play(120, between=lambda: _slowly(localnet))
            for _ in range(3):
                localnet.tick()
            await _reaches(pool, localnet.chain.tips[CONFIRMED] - 1)
            await _is_exact(pool, localnet)
        assert faults.calls.get("getBlock", 0) > faults.calls.get("getTransaction", 0)
    methods = await pool.fetch("SELECT DISTINCT method FROM coverage")
    assert "blocks" in {row["method"] for row in methods}


async def test_a_long_history_is_read_in_parts(
    localnet: Localnet, pool: Pool, settings: SettingsFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More pages than are kept in memory: all of it is stored, and the frontier moves meanwhile."""
    monkeypatch.setattr("indexer.rpc.PAGE", 10)
    await Traders(localnet.rpc_url, seed=25).play(160, between=localnet.tick)
    for _ in range(3):
        localnet.tick()
    tip = localnet.chain.tips[CONFIRMED]
    async with indexing(settings_for(localnet, settings), pool):
        await _reaches(pool, tip - 1)
        await _is_exact(pool, localnet)
