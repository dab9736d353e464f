"""The promise as a whole: chain's history == Postgres == what a WebSocket client was told.

500 seeded transactions of all kinds run through real processes, which are killed in the middle.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from chaos.client import FeedClient
from chaos.processes import Command
from chaos.readings import stored_facts, told_facts
from chaos.truth import Fact, node_facts
from chaos.verdict import Counts, judge
from db.pool import Pool
from localnet.node import Localnet
from localnet.traders import Traders

TRANSACTIONS = 500
SLOT_MS = 50
BETWEEN_DEATHS, WHILE_DEAD, NO_LIMIT = 40, 110, 10**9


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
        error.add_note(f"indexer: {system.indexer.output}\napi: {system.api.output}\n{client}")
        raise
    finally:
        follower.cancel()
        with suppress(asyncio.CancelledError):
            await follower
        await system.indexer.stop()
        await system.api.stop()


async def settled(client: FeedClient, rpc_url: str) -> list[Fact]:
    """The chain's history, once the client has been told of as much (or time is up)."""
    truth = await node_facts(rpc_url)
    with suppress(TimeoutError):  # the comparison says what is missing better than a timeout
        await client.until(sum(fact.kind == "trade" for fact in truth), 45)
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
            pace = Pace()
            traders = Traders(net.rpc_url, seed=7)
            play = asyncio.create_task(traders.play(TRANSACTIONS, between=pace.step))
            if is_killed:
                await kill_in_the_middle(system, client, pace, net.rpc_url)
            await pace.allow(NO_LIMIT)
            await play
            truth = await settled(client, net.rpc_url)
            async with pool.acquire() as connection:
                rows = await stored_facts(connection)
    kinds = Counter(fact.kind for fact in truth)
    assert kinds["trade"] > TRANSACTIONS // 2
    assert set(kinds) == {"trade", "create", "complete", "migrate"}
    assert judge(truth, (), rows) == Counts()
    assert judge(truth, (), told_facts(client.standing())) == Counts()
    assert (client.lost, client.holes) == (0, 0)


class Pace:
    """Lets the traders send so many transactions, then wait: a hub promises to replay 512 events,
    so no more than that may happen while it is dead.
    """

    def __init__(self) -> None:
        self._left = 0
        self._is_used_up = False
        self._changed = asyncio.Condition()

    async def step(self) -> None:
        """Called after each transaction."""
        async with self._changed:
            while not self._left:
                self._is_used_up = True
                self._changed.notify_all()
                await self._changed.wait()
            self._left -= 1

    async def allow(self, transactions: int) -> None:
        """So many more."""
        async with self._changed:
            self._left += transactions
            self._is_used_up = False
            self._changed.notify_all()

    async def used_up(self) -> None:
        """Wait until the traders wait."""
        async with self._changed, asyncio.timeout(60):
            await self._changed.wait_for(lambda: self._is_used_up)


async def kill_in_the_middle(system: System, client: FeedClient, pace: Pace, rpc_url: str) -> None:
    """The indexer dies and comes back, then the API does, then both at once; trading goes on."""
    for victims in ([system.indexer], [system.api], [system.indexer, system.api]):
        await pace.allow(BETWEEN_DEATHS)
        await pace.used_up()
        await settled(client, rpc_url)
        await pace.allow(WHILE_DEAD)
        await asyncio.gather(*[victim.kill() for victim in victims])
        await pace.used_up()
        await asyncio.gather(*[victim.start() for victim in victims])
        await settled(client, rpc_url)
