"""Commit → WebSocket client, on everything `./run` starts, with demo traders at 20 trades/s.

Measured from `feed.committed_at` (taken by Postgres as the row is written, just before its commit)
to the moment a client of `global` has the frame in hand, by one clock. The peer is the goal.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import websockets
from websockets.asyncio.client import ClientConnection

from benchmarks.figure import Figure
from common.settings import load_settings
from db.connect import database_url
from db.pool import pool_of

ROOT = Path(__file__).resolve().parent.parent
TRADES_PER_SECOND = 20
SECONDS = 30
PORT, CHAIN_PORT = 18_001, 18_899
GOALS_MS = {"p50": 20.0, "p99": 100.0}


async def connected(url: str) -> ClientConnection:
    """A client of `url`, as soon as something listens there (the first start builds the page)."""
    deadline = time.monotonic() + 180
    while True:
        try:
            return await websockets.connect(url)
        except OSError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.2)


async def received() -> dict[int, float]:
    """seq → unix time at which a client had the frame, over SECONDS, the first 5 s left out."""
    arrived: dict[int, float] = {}
    async with await connected(f"ws://127.0.0.1:{PORT}/api/v1/websocket/ws?room=global") as client:
        began = time.monotonic()
        async for frame in client:
            now = time.time()
            message = json.loads(frame)
            if message["type"] == "new_trade" and time.monotonic() - began > 5:
                arrived[message["seq"]] = now
            if time.monotonic() - began > SECONDS + 5:
                break
    return arrived


async def latencies_ms(data_dir: Path) -> list[float]:
    """One latency per trade seen, ascending."""
    arrived = await received()
    async with database_url(load_settings(data_dir=data_dir)) as url, pool_of(url, 2) as pool:
        rows = await pool.fetch(
            "SELECT seq, extract(epoch FROM committed_at)::float8 AS at FROM feed "
            "WHERE seq = ANY($1::bigint[])",
            list(arrived),
        )
    return sorted((arrived[row["seq"]] - row["at"]) * 1000 for row in rows)


def run() -> Iterator[Figure]:
    """p50 and p99 in milliseconds."""
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder)
        command = [sys.executable, str(ROOT / "main.py"), "up", "--port", str(PORT)]
        command += ["--data-dir", folder, "--trades-per-second", str(TRADES_PER_SECOND)]
        # Only what this run sets: a DATABASE_URL or a live cluster of the caller is left alone.
        kept = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "SOLANA_RPC_URL")}
        env = {**kept, "LOCALNET_PORT": str(CHAIN_PORT), "LOG_LEVEL": "warning"}
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL)
        try:
            found = asyncio.run(latencies_ms(data_dir))
        finally:
            process.terminate()
            process.wait(30)
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        yield Figure(
            name=f"latency_commit_to_client_{name}",
            value=found[int(len(found) * share)],
            unit="ms",
            peer="goal",
            peer_value=GOALS_MS[name],
            higher_is_better=False,
        )
