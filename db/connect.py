"""Which database to use: the one of the settings, else the embedded one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from common.settings import Settings
from db.embedded import embedded_postgres


@asynccontextmanager
async def database_url(settings: Settings) -> AsyncIterator[str]:
    """URL of the database to use; an embedded server runs for as long as the context is open."""
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    async with embedded_postgres(settings.data_dir) as url:
        yield url
