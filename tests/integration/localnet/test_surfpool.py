"""The same demo on Surfpool: Agave's code, another node, our programs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from common.errors import BuildError
from db.pool import Pool
from localnet.surfpool import HERE, Surfpool
from localnet.traders import Traders
from programs.pump_instructions import PUMP
from tests.conftest import SettingsFactory
from tests.helpers.indexing import indexing, is_stored, until
from tests.helpers.npm import CACHE, npm_folder
from tests.helpers.raw_rpc import RawPubSub, RawRpc

CONFIRMED = {"commitment": "confirmed", "maxSupportedTransactionVersion": 0}


@pytest.mark.timeout(180)
async def test_the_traders_play_on_surfpool() -> None:
    """Forty transactions land there, and its RPC and PubSub tell of them what ours would."""
    await npm_folder(HERE)
    async with Surfpool(CACHE, slot_ms=100) as node, RawPubSub(node.ws_url) as pubsub:
        filter_, config = {"mentions": [str(PUMP)]}, {"commitment": "confirmed"}
        await pubsub.subscribe("logs", filter_, config)
        signatures = await Traders(node.rpc_url, seed=7).play(40)
        async with RawRpc(node.rpc_url) as rpc:
            shown = [await rpc("getTransaction", each, CONFIRMED) for each in signatures]
            history = await rpc("getSignaturesForAddress", str(PUMP), {"limit": 1000})
        told = {(await pubsub.next())[1]["value"]["signature"] for _ in range(30)}
    assert len(set(signatures)) == 40
    failed = [each for each in shown if each["meta"]["err"] is not None]
    assert 1 <= len(failed) <= 10
    logs = "\n".join(line for each in shown for line in each["meta"]["logMessages"])
    for name in ("Create", "Buy", "Sell", "Route", "Migrate"):
        assert f"Program log: Instruction: {name}" in logs
    assert told <= {row["signature"] for row in history}
    assert len(told & set(signatures)) >= 29  # one may be the setting up of pump


@pytest.mark.timeout(180)
async def test_it_is_indexed_as_ours_is(pool: Pool, settings: SettingsFactory) -> None:
    """Though its notifications call failed transactions successes, all that happened is stored, in
    order, and the frontier follows the tip.
    """
    await npm_folder(HERE)
    async with Surfpool(CACHE, slot_ms=100) as node:
        config = settings(
            solana_rpc_url=node.rpc_url, solana_ws_url=node.ws_url, indexer_start_slot=0,
            rpc_requests_per_second=1_000,
        )  # fmt: skip
        async with indexing(config, pool):
            signatures = await Traders(node.rpc_url, seed=7).play(40)
            await is_stored(pool, node.rpc_url)
            async with RawRpc(node.rpc_url) as rpc:
                last = await rpc("getTransaction", signatures[-1], CONFIRMED)
            frontier = "SELECT coalesce(min(slot), 0) > $1 FROM checkpoints"
            await until(lambda: pool.fetchval(frontier, last["slot"]), "the frontier past the last")


async def test_what_cannot_be_installed_says_why(tmp_path: Path) -> None:
    """npm's own words reach the error."""
    from localnet.npm import installed

    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "package.json").write_text("{")
    with pytest.raises(BuildError, match="npm cannot install"):
        await installed(broken, tmp_path)
    assert os.listdir(tmp_path) == ["broken"], "nothing half is left"  # noqa: PTH208
