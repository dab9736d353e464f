"""The history that `./run bench rest` reads, kept in .cache/ from run to run.

    python -m benchmarks.rest_history     loads it and measures nothing

What is there is brought to the newest schema by migrations. It is made anew when what makes it has
changed; an older one stays until .cache/bench/ is emptied. A history that is kept grows old: after
a day its windows hold only what is committed while it is measured.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks import history as made_like
from benchmarks import rest_data
from benchmarks.history import Shape
from benchmarks.rest_data import Loader
from db.embedded import embedded_postgres
from db.migrate import migrate
from db.pool import pool_of

TRADES = int(os.environ.get("CURVEFEED_BENCH_TRADES", "10000000"))
SHAPE = Shape(trades=TRADES, tokens=max(100, TRADES // 100), wallets=max(300, TRADES * 3 // 100))
_KEPT = Path(__file__).resolve().parent.parent / ".cache" / "bench"
_OPTIONS = {"shared_buffers": "2GB", "max_wal_size": "8GB", "work_mem": "32MB"}
_LOADING = {
    "shared_buffers": "2GB", "work_mem": "768MB", "maintenance_work_mem": "1GB",
    "wal_level": "minimal", "max_wal_senders": "0", "max_wal_size": "32GB", "fsync": "off",
    "autovacuum": "off", "hash_mem_multiplier": "2",
}  # fmt: skip
"""A table that is filled in the transaction that made or emptied it writes no log then. What is
half loaded is thrown away, so nothing need be safe."""


def _folder(shape: Shape) -> Path:
    source = b"".join(Path(str(each.__file__)).read_bytes() for each in (rest_data, made_like))
    digest = hashlib.sha256(source + repr(shape).encode()).hexdigest()[:12]
    return _KEPT / f"rest-{shape.trades}-{digest}"


async def loaded(shape: Shape) -> Path:
    """The folder with the whole history in it."""
    folder = _folder(shape)
    mark = folder / "loaded"
    if mark.exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    _say(f"loading {shape.trades:,} trades into {folder}")
    async with (
        embedded_postgres(folder, _LOADING) as url,
        pool_of(url, rest_data.LANES + 1) as pool,
    ):
        await migrate(pool)
        await Loader(pool, shape, _say).load()
    mark.touch()
    return folder


@asynccontextmanager
async def history(shape: Shape) -> AsyncIterator[str]:
    """URL of a database with the whole history in it."""
    folder = await loaded(shape)
    async with embedded_postgres(folder, _OPTIONS) as url:
        async with pool_of(url, 2) as pool:
            await migrate(pool)
        yield url


def _say(text: str) -> None:
    print(f"· {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    asyncio.run(loaded(SHAPE))
