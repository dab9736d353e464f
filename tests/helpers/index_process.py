"""`python -m tests.helpers.index_process DATABASE_URL RPC_URL WS_URL`: the indexer alone."""

from __future__ import annotations

import asyncio
import sys

from common.settings import load_settings
from db.pool import pool_of
from indexer.run import index


async def _main(database_url: str, rpc_url: str, ws_url: str) -> None:
    settings = load_settings(
        _env_file=None,
        solana_rpc_url=rpc_url,
        solana_ws_url=ws_url,
        indexer_start_slot=0,
        rpc_requests_per_second=10_000,
        indexer_batch_rows=20,
    )
    async with pool_of(database_url, 5) as pool:
        await index(settings, pool)


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
