"""The promise as a whole: chain's history == Postgres == what a WebSocket client was told.

500 seeded transactions of all kinds run through real processes, which are killed in the middle.
"""

from __future__ import annotations

import asyncio
import socket
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from db.pool import Pool
from localnet.node import Localnet
from localnet.traders import Traders
from programs.keys import b58, signature_b58
from tests.helpers.feed_client import FeedClient
from tests.helpers.processes import Command
from tests.helpers.truth import Trade, Truth, read_truth

TRANSACTIONS = 500
SLOT_MS = 50


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class System:
    """Indexer and API as processes of their own, on one database and one chain."""

    def __init__(self, database_url: str, net: Localnet, folder: Path) -> None:
        port = free_port()
        env = {
            "DATABASE_URL": database_url,
            "SOLANA_RPC_URL": net.rpc_url,
            "SOLANA_WS_URL": net.ws_url,
            "INDEXER_START_SLOT": "0",
            "RPC_REQUESTS_PER_SECOND": "1000",
        }
        self.indexer = Command("index", env=env, log=folder / "index.log")
        self.api = Command(
            "serve", "--port", str(port), "--no-page", env=env, log=folder / "serve.log"
        )
        self.ws_url = f"ws://127.0.0.1:{port}/api/v1/websocket/ws"


@asynccontextmanager
async def running(system: System, client: FeedClient) -> AsyncIterator[None]:
    """Both processes up and a client following; everything stopped at the end."""
    await system.indexer.start()
    await system.api.start()
    follower = asyncio.create_task(client.run())
    try:
        await client.connected()
        yield
    except (TimeoutError, AssertionError) as error:
        error.add_note(f"indexer: {system.indexer.output}\napi: {system.api.output}")
        raise
    finally:
        follower.cancel()
        with suppress(asyncio.CancelledError):
            await follower
        await system.indexer.stop()
        await system.api.stop()


async def stored(pool: Pool) -> list[Trade]:
    """Trades in Postgres, in the order of the feed."""
    rows = await pool.fetch("SELECT * FROM trades WHERE NOT retracted ORDER BY seq")
    return [
        Trade(
            signature_b58(row["signature"]), row["ordinal"], b58(row["mint"]), b58(row["wallet"]),
            "buy" if row["is_buy"] else "sell", int(row["base_amount"]), int(row["quote_amount"]),
        )
        for row in rows
    ]  # fmt: skip


def told(client: FeedClient) -> list[Trade]:
    """Trades as the client got them, in order."""
    trades = [event["data"] for event in client.events if event["type"] == "new_trade"]
    return [
        Trade(
            data["signature"], data["ordinal"], data["mint"], data["wallet"], data["side"],
            int(data["base_amount"]), int(data["quote_amount"]),
        )
        for data in trades
    ]  # fmt: skip


def by_token(trades: Iterable[Trade]) -> dict[str, list[Trade]]:
    """The same trades, per token, in order."""
    found: dict[str, list[Trade]] = defaultdict(list)
    for trade in trades:
        found[trade.mint].append(trade)
    return dict(found)


async def settled(client: FeedClient, rpc_url: str) -> Truth:
    """The chain's history, once the client has been told of as much (or time is up)."""
    truth = await read_truth(rpc_url)
    with suppress(TimeoutError):  # the comparison says what is missing better than a timeout
        await client.until(len(truth.trades), 45)
    return truth


@pytest.mark.timeout(240)
@pytest.mark.parametrize("is_killed", [False, True], ids=["undisturbed", "killed in the middle"])
async def test_chain_postgres_and_client_agree(
    database_url: str, pool: Pool, tmp_path: Path, is_killed: bool
) -> None:
    """Rows == events at a client of `global` == the chain's own history, in order per token."""
    async with Localnet(port=0, slot_ms=SLOT_MS) as net:
        system = System(database_url, net, tmp_path)
        client = FeedClient(system.ws_url)
        async with running(system, client):
            play = asyncio.create_task(Traders(net.rpc_url, seed=7).play(TRANSACTIONS))
            if is_killed:
                await kill_in_the_middle(system, client)
            await play
            net_slots_to_confirm = 5
            await asyncio.sleep(net_slots_to_confirm * SLOT_MS / 1000)
            truth = await settled(client, net.rpc_url)
            rows, events = await stored(pool), told(client)
    assert len(truth.trades) > TRANSACTIONS // 2
    assert truth.created
    assert truth.completed
    assert by_token(rows) == by_token(truth.trades)
    assert by_token(events) == by_token(truth.trades)
    assert client.lost == 0
    kinds = [event["type"] for event in client.events]
    assert kinds.count("token_created") == len(truth.created)
    assert kinds.count("curve_completed") == len(truth.completed)
    assert kinds.count("token_migrated") == len(truth.migrated)


async def kill_in_the_middle(system: System, client: FeedClient) -> None:
    """The indexer dies and comes back, then the API does, then both at once."""
    await client.until(40)
    await system.indexer.kill()
    await system.indexer.start()
    await client.until(90)
    await system.api.kill()
    await system.api.start()
    await client.until(140)
    await asyncio.gather(system.indexer.kill(), system.api.kill())
    await asyncio.gather(system.indexer.start(), system.api.start())
