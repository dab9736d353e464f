"""Everything beside the indexer, as one coroutine. Nothing of it may take the indexer down."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from common.errors import SettingsError
from common.settings import Settings
from db.pool import Pool
from indexer.market.authorities import follow_authorities
from indexer.market.metadata.worker import follow_metadata
from indexer.market.prices import follow_prices

_log = structlog.get_logger(__name__)

_PAUSE_S = 2.0

Follow = Callable[[Settings, Pool], Awaitable[None]]


async def run_market(settings: Settings, pool: Pool) -> None:
    """Prices in dollars, tokens' metadata and who may mint them, until cancelled. Raises
    SettingsError only."""
    async with asyncio.TaskGroup() as tasks:
        for follow in (follow_prices, follow_metadata, follow_authorities):
            tasks.create_task(_kept_up(follow, settings, pool))


async def _kept_up(follow: Follow, settings: Settings, pool: Pool) -> None:
    """Begin anew whatever happened: what it does is not worth a trade."""
    while True:
        try:
            await follow(settings, pool)
            return
        except SettingsError:
            raise
        except Exception as error:
            _log.error("market_work_failed", work=follow.__name__, error=repr(error))
            await asyncio.sleep(_PAUSE_S)
