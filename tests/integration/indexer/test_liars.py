"""A node that hides transactions, consistently, beside one that does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import REGISTRY

from common.settings import Settings
from db.pool import Pool
from localnet.chain import CONFIRMED
from localnet.node import Localnet
from tests.conftest import SettingsFactory
from tests.helpers.chain_user import ChainUser
from tests.helpers.indexing import equals_history, feed_is_whole, indexing, settings_for, until
from tests.helpers.liar import Liar, liar


def _counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


@asynccontextmanager
async def _liar_first(net: Localnet, make: SettingsFactory) -> AsyncIterator[tuple[Liar, Settings]]:
    """The lying node is the preferred endpoint, the honest one the second; no stream tells."""
    net.drop_notifications(10**6)
    async with liar(net.rpc_url) as lying:
        config = settings_for(
            net, make, solana_rpc_url=f"{lying.url},{net.rpc_url}",
            solana_ws_url=f"{net.ws_url},{net.ws_url}", indexer_sweep_seconds=0.1,
        )  # fmt: skip
        yield lying, config


async def _traded(net: Localnet, user: ChainUser, trades: int) -> list[str]:
    """A curve's trades, each in a slot of its own."""
    market = user.launch()
    signatures = []
    for _ in range(trades):
        signatures.append(user.send(user.buy(market, 10**12)).signature)
        net.tick()
    return signatures


async def test_the_chain_of_reserves_finds_what_lists_hide(
    pool: Pool, settings: SettingsFactory
) -> None:
    """A trade that the endpoint in use neither lists nor delivers breaks the chain of its curve; it
    is found by the curve's list at the other endpoint, stored, stays, and the break is over.
    """
    repaired = "curvefeed_continuity_breaks_total"
    before = _counted(repaired, outcome="repaired")
    async with Localnet(port=0, slot_ms=None) as net, _liar_first(net, settings) as (lying, config):
        signatures = await _traded(net, ChainUser(net.chain), 5)
        lying.hidden = {signatures[2]}
        net.tick(8)
        async with indexing(config, pool):

            async def is_repaired() -> bool:
                return _counted(repaired, outcome="repaired") > before

            await until(is_repaired, "the break found and repaired")
            await equals_history(pool, net)
            for _ in range(10):  # the lying node's lists go on without it
                net.tick()
                await asyncio.sleep(0.15)
            await equals_history(pool, net)


async def test_two_endpoints_are_compared(pool: Pool, settings: SettingsFactory) -> None:
    """What one endpoint leaves out of final slots is counted as its omission, fetched from the
    other and stored; also a curve's last trade, after which no chain of reserves could break.
    """
    omitted, label = "curvefeed_endpoint_omitted_total", {"endpoint": "0"}
    before = _counted(omitted, **label)
    honest = _counted(omitted, endpoint="1")
    async with (
        Localnet(port=0, slot_ms=50, finalize_after=4) as net,
        _liar_first(net, settings) as (lying, made),
    ):
        config = made.model_copy(update={"indexer_cross_check_seconds": 0.2})
        async with indexing(config, pool):

            async def compares() -> bool:
                return _counted("curvefeed_cross_check_slots_total",
                                program="pump", outcome="compared") > 0  # fmt: skip

            await until(compares, "the first comparison")
            user = ChainUser(net.chain)
            market = user.launch()
            sold = [user.sign(user.buy(market, 10**12 + number)) for number in range(4)]
            lying.hidden = {str(sold[1].signatures[0]), str(sold[3].signatures[0])}
            for transaction in sold:
                net.chain.send(transaction, preflight=False)
            slot = net.chain.tip.slot

            async def is_confirmed() -> bool:
                return net.chain.tips[CONFIRMED] > slot

            await until(is_confirmed, "all of it confirmed")
            await equals_history(pool, net)
        stored = await pool.fetchval("SELECT count(*) FROM trades WHERE NOT retracted")
        assert stored == len(sold)
    assert _counted(omitted, **label) - before == len(lying.hidden)
    assert _counted(omitted, endpoint="1") == honest
    await feed_is_whole(pool)
