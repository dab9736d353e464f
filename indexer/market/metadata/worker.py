"""The worker: takes tokens that are due, fetches what they say of themselves, writes it down."""

from __future__ import annotations

import asyncio
import time

import structlog

from common.metrics import METADATA_FETCHES
from common.settings import Settings
from db import metadata
from db.feed import OUTAGE
from db.metadata import Found, Task
from db.pool import Pool
from indexer.market.metadata import document, thumbnails
from indexer.market.metadata.addresses import Guard, networks_of
from indexer.market.metadata.errors import Unacceptable, Unreachable
from indexer.market.metadata.fetch import Fetcher

_log = structlog.get_logger(__name__)

MAX_ATTEMPTS = 6
_FIRST_RETRY_S, _GROWTH = 30.0, 4.0
"""30 s, 2 min, 8 min, 32 min, 2 h: a picture is often pinned after its token is created."""
_AT_ONCE, _PICTURES_AT_ONCE = 8, 2
_IDLE_S = 1.0
_NEWEST = 2_000
"""Tokens looked at each second; all of them are, each minute."""
_ALL_EVERY_S = 60.0


async def follow_metadata(settings: Settings, pool: Pool) -> None:
    """Work until cancelled."""
    if not settings.metadata_enabled:
        return
    guard = Guard(networks_of(settings.metadata_private_networks))
    gateways = [each.strip().rstrip("/") for each in settings.metadata_ipfs_gateways.split(",")]
    async with Fetcher(guard, [each for each in gateways if each]) as fetcher:
        await MetadataWorker(pool, fetcher).run()


class MetadataWorker:
    """Several may work on one database."""

    def __init__(self, pool: Pool, fetcher: Fetcher) -> None:
        self._pool = pool
        self._fetcher = fetcher
        self._all_at = 0.0
        self._pictures = asyncio.Semaphore(_PICTURES_AT_ONCE)

    async def run(self) -> None:
        """Until cancelled. The database's absences are waited for."""
        is_well = True
        while True:
            try:
                count = await self.step()
                is_well = True
            except OUTAGE as error:
                count = 0
                if is_well:
                    _log.warning("metadata_waits_for_database", error=type(error).__name__)
                is_well = False
            if not count:
                await asyncio.sleep(_IDLE_S)

    async def step(self) -> int:
        """Find new tokens, and fetch for some that are due; how many."""
        now = time.monotonic()
        is_all = now >= self._all_at
        await metadata.discover(self._pool, None if is_all else _NEWEST)
        if is_all:
            self._all_at = now + _ALL_EVERY_S
        tasks = await metadata.claim(self._pool, _AT_ONCE)
        # Not a group of tasks: an outage must reach `run` as itself, once all have ended.
        works = (self._work(task) for task in tasks)
        for ended in await asyncio.gather(*works, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended
        return len(tasks)

    async def _work(self, task: Task) -> None:
        found = await self._found(task)
        outcome = "retry" if found.retry_s is not None else "failed" if found.error else "ok"
        METADATA_FETCHES.labels(outcome).inc()
        await metadata.settle(self._pool, task.mint, found)

    async def _found(self, task: Task) -> Found:
        """Never raises for what strangers do."""
        try:
            body = await self._fetcher.fetch(task.uri.strip(), document.MAX_BYTES)
            said = document.document_of(body)
        except Unreachable as error:
            return Found(error=str(error), retry_s=_retry_s(task))
        except Unacceptable as error:
            return Found(error=str(error))
        picture, error_text, retry_s = await self._picture(said.image, task)
        is_inline = said.image is not None and said.image.startswith("data:")
        return Found(
            description=said.description,
            image_uri=None if is_inline else said.image,
            website=said.website,
            twitter=said.twitter,
            telegram=said.telegram,
            thumbnail=picture,
            error=error_text,
            has_document=True,
            retry_s=retry_s,
        )

    async def _picture(
        self, uri: str | None, task: Task
    ) -> tuple[bytes | None, str | None, float | None]:
        """The thumbnail; or why there is none, and when to try again."""
        if uri is None:
            return None, "it names no picture", None
        try:
            body = await self._fetcher.fetch(uri, thumbnails.MAX_BYTES)
            async with self._pictures:
                return await thumbnails.thumbnail_of(body), None, None
        except Unreachable as error:
            return None, f"picture: {error}", _retry_s(task)
        except Unacceptable as error:
            return None, f"picture: {error}", None


def _retry_s(task: Task) -> float | None:
    """When to try again; None: never."""
    if task.attempts >= MAX_ATTEMPTS:
        return None
    return _FIRST_RETRY_S * _GROWTH ** (task.attempts - 1)
