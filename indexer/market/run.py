"""Everything beside the indexer, as one coroutine."""

from __future__ import annotations

import asyncio

from common.settings import Settings
from db.pool import Pool
from indexer.market.metadata.worker import follow_metadata
from indexer.market.prices import follow_prices


async def run_market(settings: Settings, pool: Pool) -> None:
    """Prices in dollars and tokens' metadata, until cancelled. Raises SettingsError only."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(follow_prices(settings, pool))
        tasks.create_task(follow_metadata(settings, pool))
