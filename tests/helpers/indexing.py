"""The indexer as a task, and comparisons with the chain's own history."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from chaos.readings import stored_facts as placed_facts
from chaos.truth import Fact, node_facts
from chaos.verdict import judge
from common.settings import Settings
from db.pool import Pool
from indexer.run import index
from localnet.node import Localnet
from programs.keys import b58, signature_b58
from tests.conftest import SettingsFactory

ROOT = Path(__file__).resolve().parents[2]
_DEADLINE_S = 30


def settings_for(net: Localnet, settings: SettingsFactory, **values: object) -> Settings:
    """Settings of an indexer on this chain, from its first slot."""
    defaults: dict[str, object] = {
        "solana_rpc_url": net.rpc_url,
        "solana_ws_url": net.ws_url,
        "indexer_start_slot": 0,
        "rpc_requests_per_second": 10_000,
    }
    return settings(**(defaults | values))


@asynccontextmanager
async def indexing(settings: Settings, pool: Pool) -> AsyncIterator[asyncio.Task[None]]:
    """An indexer for as long as the context is open; its failure fails the test."""
    task = asyncio.create_task(index(settings, pool))
    try:
        yield task
    finally:
        task.cancel()
        (result,) = await asyncio.gather(task, return_exceptions=True)
        if isinstance(result, Exception):
            raise result


async def until(condition: Callable[[], Awaitable[object]], what: str) -> None:
    """Wait for a condition; says `what` never came true."""
    try:
        async with asyncio.timeout(_DEADLINE_S):
            while not await condition():  # noqa: ASYNC110 - what happens in a database is polled
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"never came true: {what}") from None


async def stored_facts(pool: Pool) -> list[Fact]:
    """Every event in the database that stands, in the order of the feed."""
    trades = await pool.fetch("SELECT * FROM trades WHERE NOT retracted")
    others = await pool.fetch("SELECT * FROM token_events WHERE NOT retracted")
    facts = [
        (
            row["seq"],
            Fact(
                "trade", signature_b58(row["signature"]), row["slot"], b58(row["mint"]),
                row["ordinal"], b58(row["wallet"]), "buy" if row["is_buy"] else "sell",
                row["base_amount"], row["quote_amount"],
            ),
        )
        for row in trades
    ] + [
        (
            row["seq"],
            Fact(row["kind"], signature_b58(row["signature"]), row["slot"], b58(row["mint"])),
        )
        for row in others
    ]  # fmt: skip
    return [fact for _, fact in sorted(facts)]


async def equals_history(pool: Pool, net: Localnet) -> None:
    """Wait until the chain's history is stored: each event once, each token's in its order, and the
    feed without a hole.
    """
    await is_stored(pool, net.rpc_url)


async def is_stored(pool: Pool, rpc_url: str) -> None:
    """The same of any node."""
    truth = await node_facts(rpc_url)

    async def is_exact() -> bool:
        try:
            async with pool.acquire() as connection:
                return judge(truth, (), await placed_facts(connection)).is_clean
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False  # Postgres may be away

    await until(is_exact, f"exactly these {len(truth)} events stored, in order")
    await feed_is_whole(pool)


async def feed_is_whole(pool: Pool) -> None:
    """Numbers from 1 to the head without a hole; one for each stored event, the others for each
    retraction.
    """
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read"):
        feed = await connection.fetch("SELECT seq, event FROM feed ORDER BY seq")
        rows = await connection.fetch(
            "SELECT seq FROM trades UNION ALL SELECT seq FROM token_events ORDER BY seq"
        )
        head = await connection.fetchval("SELECT seq FROM feed_head")
    assert [row["seq"] for row in feed] == list(range(1, head + 1))
    assert [row["seq"] for row in feed if row["event"] != "retracted"] == [
        row["seq"] for row in rows
    ]


@asynccontextmanager
async def index_process(settings: Settings, url: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """An indexer in a process of its own; killed without a word at the end."""
    assert settings.solana_rpc_url is not None
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.helpers.index_process",
        url, settings.rpc_url, settings.ws_url, cwd=ROOT,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
