"""What runs beside the client of `./run bench rest`, each in a process of its own.

python -m benchmarks.rest_side serve URL      the API; its port on stdout
python -m benchmarks.rest_side ingest URL     what the indexer refreshes; a line on stdout once the
                                              windows are filled; from then on also trades
"""

from __future__ import annotations

import asyncio
import sys
import time
from itertools import islice
from pathlib import Path

import msgspec
import uvloop

from api.server import ApiServer, calm_collector
from benchmarks.history import Shape, events
from common.settings import load_settings
from db.pool import Pool, Pools, pool_of, reads_of
from db.writer import Writer
from indexer.commit import Batch, commit
from indexer.seen import Seen
from indexer.windows import Windows
from programs.events import Traded

PER_S = 200
"""Trades a second that are committed meanwhile, with everything derived from them."""
_BATCH_S = 0.1
_SHAPE = Shape(trades=2_000_000, tokens=2_000, wallets=100_000, seed=2)


async def serve(url: str) -> None:
    """The API until killed."""
    settings = load_settings(_env_file=None, websocket_port=0, data_dir=Path("/nonexistent"))
    size, timeout_ms = settings.api_pool_size, settings.api_statement_timeout_ms
    async with pool_of(url, 4) as pool, reads_of(url, size, timeout_ms) as reads:
        server = ApiServer(settings, Pools(pool, reads))
        await server.start()
        calm_collector()  # as every API that is served
        print(server.port, flush=True)
        await server.wait()


async def ingest(url: str) -> None:
    """Trades at a steady pace, and the windows and statistics that the indexer keeps."""
    async with pool_of(url, 4) as pool, asyncio.TaskGroup() as tasks:
        windows = Windows(pool)
        await windows.refresh(int(time.time()))
        while not windows.is_filled:
            await windows.fill(int(time.time()))
        print("filled", flush=True)
        tasks.create_task(windows.run())
        tasks.create_task(_trade(pool))


async def _trade(pool: Pool) -> None:
    slot = 1 + await pool.fetchval("SELECT max(state_slot) FROM tokens")
    coming = (seen for seen in events(_SHAPE) if isinstance(seen.event, Traded))
    began = time.monotonic()
    async with Writer(pool) as writer:
        while batch := list(islice(coming, int(PER_S * _BATCH_S))):
            slot += 1
            await commit(writer, Batch(events=[_now(seen, slot) for seen in batch]), "confirmed")
            began += _BATCH_S
            await asyncio.sleep(max(0, began - time.monotonic()))


def _now(seen: Seen, slot: int) -> Seen:
    event = msgspec.structs.replace(seen.event, timestamp=int(time.time()))
    return msgspec.structs.replace(seen, event=event, slot=slot, block_time=event.timestamp)


if __name__ == "__main__":
    uvloop.run({"serve": serve, "ingest": ingest}[sys.argv[1]](sys.argv[2]))
