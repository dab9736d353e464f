"""Ending a process: by itself, with status 0, with nothing lost."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import httpx2
import pytest

from chaos.nats import NatsServer, nats_program
from chaos.processes import Command
from chaos.readings import stored_facts
from chaos.scenario import cancelled
from chaos.subscriber import Subscriber
from chaos.system import free_port
from chaos.truth import LedgerTruth
from chaos.verdict import judge
from db.publish import Publication, append_event
from localnet.node import Localnet
from localnet.traders import Traders
from tests.helpers.pg import PostgresForTests

_WAIT_S = 120
_ROUNDS = 3


async def until(is_so: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait for it. Fails when it takes too long."""
    try:
        async with asyncio.timeout(_WAIT_S):
            while not await is_so():  # noqa: ASYNC110 - what other processes do is polled
                await asyncio.sleep(0.2)
    except TimeoutError:
        pytest.fail(f"waited in vain: {what}")


@pytest.mark.timeout(600)
async def test_stopping_under_load_loses_nothing(
    postgres: PostgresForTests, tmp_path: Path
) -> None:
    """Indexer and API are stopped in turns while trades go on: rows are the chain's, and a client
    that resumes has had every event once."""
    url, port = await postgres.create(), free_port()
    client = Subscriber([f"ws://127.0.0.1:{port}/api/v1/websocket/ws"], "global")

    async def more() -> None:
        wanted = len(client.events) + 20

        async def has_more() -> bool:
            return len(client.events) >= wanted

        await until(has_more, "events")

    async with Localnet(port=0, slot_ms=100) as net:
        env = {
            "DATABASE_URL": url, "SOLANA_RPC_URL": net.rpc_url, "SOLANA_WS_URL": net.ws_url,
            "INDEXER_START_SLOT": "0", "RPC_REQUESTS_PER_SECOND": "1000", "WEBSOCKET_DRAIN_S": "0",
        }  # fmt: skip
        index = Command("index", env=env, log=tmp_path / "index.log")
        serve = Command("serve", "--port", str(port), "--no-page", env=env, log=tmp_path / "serve")
        following = asyncio.create_task(client.run())
        trading = asyncio.create_task(Traders(net.rpc_url, 1).run(20))
        try:
            for _ in range(_ROUNDS):
                await index.start()
                await serve.start()
                await more()
                assert await index.stop() == 0
                assert await serve.stop() == 0
            await cancelled(trading)
            await index.start()
            await serve.start()

            async def is_right() -> bool:
                connection = await asyncpg.connect(url)
                try:
                    stored = await stored_facts(connection)
                    seq = await connection.fetchval("SELECT max(seq) FROM trades")
                finally:
                    await connection.close()
                is_told = (client.position or 0) >= seq
                facts = LedgerTruth(net.chain).facts()
                return is_told and judge(facts, (), stored).is_clean

            await until(is_right, "the chain's history in the database and at the client")
        finally:
            await cancelled(following)
            await cancelled(trading)
            await index.kill()
            await serve.kill()
    assert [hole.reason for hole in client.holes] == ["first"]
    seqs = [event.seq for event in client.events]
    assert seqs == sorted(set(seqs))
    assert not any("Traceback" in each.output for each in (index, serve))
    await postgres.drop(url)


@pytest.mark.timeout(300)
async def test_everything_in_one_process_ends(postgres_folder: Path, tmp_path: Path) -> None:
    """`./run` and `./run localnet` end with status 0, and leave no server behind."""
    port = free_port()
    env = {"WEBSOCKET_DRAIN_S": "0", "LOCALNET_PORT": "0", "LOCALNET_SLOT_MS": "100"}
    localnet = Command("localnet", env=env, log=tmp_path / "localnet.log")
    folder = postgres_folder / "data"
    up = Command(
        "up", "--port", str(port), "--no-page", "--data-dir", str(folder),
        env={**env, "LOCALNET_PORT": str(free_port())}, log=tmp_path / "up.log",
    )  # fmt: skip
    await localnet.start()
    await up.start()
    try:

        async def is_up() -> bool:
            return "Ctrl-C stops" in up.output and "localnet_started" in localnet.output

        await until(is_up, "both to be up")
        assert await up.stop() == 0
        assert await localnet.stop() == 0
    finally:
        await up.kill()
        await localnet.kill()
    assert not list(folder.rglob("postmaster.pid"))
    assert "Traceback" not in up.output + localnet.output


@pytest.mark.timeout(300)
@pytest.mark.skipif(nats_program() is None, reason="there is no nats-server")
async def test_a_relay_ends(postgres: PostgresForTests, tmp_path: Path) -> None:
    """SIGTERM ends it with status 0, after it has published something."""
    url = await postgres.create()
    server = NatsServer(tmp_path / "nats")
    await asyncio.to_thread(server.start)
    metrics_port = free_port()
    env = {"DATABASE_URL": url, "FEED_URL": server.url, "METRICS_PORT": str(metrics_port)}
    relay = Command("relay", env=env, log=tmp_path / "relay.log")
    await relay.start()
    try:

        async def has_published() -> bool:
            connection = await asyncpg.connect(url)
            await append_event(connection, Publication(event="market_stats", data="{}"))
            await connection.close()
            try:
                async with httpx2.AsyncClient() as http:
                    answer = await http.get(f"http://127.0.0.1:{metrics_port}/metrics")
            except httpx2.HTTPError:
                return False
            return re.search(r"^curvefeed_relay_rows_total [1-9]", answer.text, re.M) is not None

        await until(has_published, "the relay's first row")
        assert await relay.stop() == 0
        assert "Traceback" not in relay.output
    finally:
        await relay.kill()
        await asyncio.to_thread(server.kill)
    await postgres.drop(url)
