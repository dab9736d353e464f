"""Prices in dollars, read often enough that a trade finds one of its time, and stored."""

from __future__ import annotations

import asyncio

import httpx2
import structlog

from common.errors import CurvefeedError
from common.metrics import QUOTE_PRICE_OBSERVED
from common.settings import Settings
from db import prices
from db.feed import OUTAGE
from db.pool import Pool
from indexer.market.sources import PriceSource, price_sources
from indexer.rpc import Node
from programs.keys import b58

_log = structlog.get_logger(__name__)

_TIMEOUT_S = 10
_READS_PER_STALENESS = 4
"""So many readings fall into the time a price is good for: one or two may fail."""


async def follow_prices(settings: Settings, pool: Pool) -> None:
    """Read and store until cancelled. Raises SettingsError only, at once.

    A source that fails leaves no row: what is not known is not guessed.
    """
    async with (
        Node(settings.rpc_url, "confirmed") as node,
        httpx2.AsyncClient(timeout=_TIMEOUT_S) as http,
    ):
        sources = price_sources(settings, node, http)
        every_s = settings.usd_stale_s / _READS_PER_STALENESS
        async with asyncio.TaskGroup() as tasks:
            for mint, source in sources.items():
                tasks.create_task(_follow(pool, mint, source, every_s))


async def _follow(pool: Pool, mint: bytes, source: PriceSource, every_s: float) -> None:
    name, is_well = b58(mint), True
    while True:
        try:
            reading = await source.read()
            await prices.store(pool, mint, reading)
            QUOTE_PRICE_OBSERVED.labels(name).set(reading.observed_at)
            if not is_well:
                _log.info("quote_price_is_back", quote_mint=name)
            is_well = True
        except (CurvefeedError, *OUTAGE) as error:
            if is_well:
                _log.warning("quote_price_unavailable", quote_mint=name, error=str(error))
            is_well = False
        await asyncio.sleep(every_s)
