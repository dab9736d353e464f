"""Our side: the API as `./run serve` starts it, with a socket at which rows enter the hub.

    python -m benchmarks.fanout_peers.hub_app PORT FEED_PORT    (DATABASE_URL, DATA_DIR as always)

What a connection to FEED_PORT writes, a room's number of four digits and a JSON text a line, is
what the follower would have read from Postgres: everything that arrives in one read of the socket
is one batch for the hub's `fan_out`, numbered on from where the hub stands. The peers have no
database either.
"""

from __future__ import annotations

import asyncio
import sys
import time

from api.server import ApiServer, calm_collector
from api.services.hub import Hub
from common.lifecycle import run_until_stopped
from common.logging import configure_logging
from common.settings import Settings, load_settings
from db.connect import database_url
from db.feed import FeedRow
from db.migrate import migrate
from db.pool import pool_of
from programs.keys import b58

ROOMS = 256
WALLET = bytes([9]) * 32


def mint_of(room: int) -> bytes:
    """The token of the room with this number."""
    return bytes([7]) * 30 + room.to_bytes(2, "big")


def room_name(room: int) -> str:
    """As clients name it."""
    return f"token_{b58(mint_of(room))}"


class Feed(asyncio.Protocol):
    """Rows for the hub, out of a socket."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._rest = b""
        self._mints = [mint_of(room) for room in range(ROOMS)]

    def data_received(self, data: bytes) -> None:
        """One batch."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        seq, ts = self._hub.ring.position.seq, time.time_ns() // 1_000_000
        rows = [self._row(seq + number, line, ts) for number, line in enumerate(lines, 1)]
        if rows:
            self._hub.fan_out(rows)

    def _row(self, seq: int, line: bytes, ts: int) -> FeedRow:
        mint, data = self._mints[int(line[:4])], line[4:].decode()
        return FeedRow(seq, "new_trade", mint, WALLET, 1, data, None, None, ts)


async def serve(settings: Settings, feed_port: int) -> None:
    """Until stopped."""
    async with database_url(settings) as url, pool_of(url, settings.database_pool_size) as pool:
        await migrate(pool)
        server = ApiServer(settings, pool)
        loop = asyncio.get_running_loop()
        # First: once the API listens, the publisher comes.
        await loop.create_server(lambda: Feed(server.hub), "127.0.0.1", feed_port)
        await server.start()
        calm_collector()
        try:
            await server.wait()
        finally:
            await server.stop()


if __name__ == "__main__":
    configured = load_settings(
        websocket_port=int(sys.argv[1]), websocket_max_connections=50_000, websocket_drain_s=0
    )
    configure_logging("warning", "console")
    run_until_stopped(serve(configured, int(sys.argv[2])))
