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
WHILE_DEAD = 120


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
                await kill_in_the_middle(system, client, pace)
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
    """Lets traders go on while a process is dead, but not past what a hub promises to replay."""

    def __init__(self) -> None:
        self._is_free = asyncio.Event()
        self._is_free.set()
        self._left = 0

    async def step(self) -> None:
        """Called after each transaction; waits once the allowance is used up."""
        if self._left > 0:
            self._left -= 1
        else:
            await self._is_free.wait()

    def hold_after(self, transactions: int) -> None:
        """So many more, then wait."""
        self._left = transactions
        self._is_free.clear()

    def go(self) -> None:
        """On, without limit."""
        self._is_free.set()


async def kill_in_the_middle(system: System, client: FeedClient, pace: Pace) -> None:
    """The indexer dies and comes back, then the API does, then both at once."""
    seen = 40
    for victims in ([system.indexer], [system.api], [system.indexer, system.api]):
        await client.until(seen)
        seen = client.trades + WHILE_DEAD // 3  # before they are up: they may tell all at once
        pace.hold_after(WHILE_DEAD)
        await asyncio.gather(*[victim.kill() for victim in victims])
        await asyncio.gather(*[victim.start() for victim in victims])
        await client.until(seen)
        pace.go()
