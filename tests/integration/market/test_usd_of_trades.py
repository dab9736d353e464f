"""A trade has the dollars of its own time, through the real indexer, or none."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest

from db import prices
from db.pool import Pool
from localnet.node import Localnet
from localnet.traders import Traders
from programs.pump_instructions import WRAPPED_SOL
from tests.conftest import SettingsFactory
from tests.helpers.indexing import equals_history, indexing, settings_for

STALE_S = 120


@pytest.mark.parametrize(("age_s", "expected"), [(0, Decimal("150.25")), (3 * STALE_S, None)])
async def test_a_trade_has_the_dollars_of_its_time_or_none(
    pool: Pool, localnet: Localnet, settings: SettingsFactory, age_s: int, expected: Decimal | None
) -> None:
    """Every trade is stored with the price whose time is close to its block's; with a price that is
    stale by then it has none."""
    reading = prices.Reading(
        price=Decimal("150.25"), observed_at=int(time.time()) - age_s, source="http"
    )
    await prices.store(pool, bytes(WRAPPED_SOL), reading)
    await Traders(localnet.rpc_url, 4).play(20, localnet.tick)
    async with indexing(settings_for(localnet, settings, usd_stale_s=STALE_S), pool):
        await equals_history(pool, localnet)
    rows = await pool.fetch("SELECT quote_usd FROM trade_rows")
    assert rows
    assert {row["quote_usd"] for row in rows} == {expected}
