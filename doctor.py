"""`./run doctor`: what works here and what does not, to paste into an issue. No secrets."""

from __future__ import annotations

import platform
import time
from collections.abc import Awaitable, Callable
from importlib.metadata import version

import typer
from solana.exceptions import SolanaRpcException
from solana.rpc.async_api import AsyncClient
from solana.rpc.commitment import Confirmed
from solana.rpc.core import RPCException

from common.errors import CurvefeedError, NodeError
from common.logging import redacted
from common.ports import require_free_port
from common.settings import Settings
from db.connect import database_url
from db.migrate import migrate
from db.pool import pool_of
from frontend.build import is_built, node_version

PACKAGES = ("solders", "solana", "fastapi", "uvicorn", "websockets", "asyncpg")
MOST_CLOCK_SKEW_S = 60
RPC_TIMEOUT_S = 10


async def versions(_: Settings) -> str:
    """Python, system and the packages that matter."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"Python {platform.python_version()} on {platform.platform()}; {packages}"


async def page_tools(_: Settings) -> str:
    """The built page, or Node from PyPI to build it."""
    return "the page is built" if is_built() else f"Node {node_version()}"


async def database(settings: Settings) -> str:
    """Version of the server, migrations applied, size."""
    async with database_url(settings) as url, pool_of(url, 2) as pool:
        await migrate(pool)
        server = await pool.fetchval("SHOW server_version")
        trades = await pool.fetchval("SELECT count(*) FROM trades")
        head = await pool.fetchval("SELECT seq FROM feed_head")
    kind = "your Postgres" if settings.database_url else "embedded Postgres"
    return f"{kind} {server}, {trades} trades, feed at {head}"


async def node(settings: Settings) -> str:
    """Version, slot, and how far its clock is from ours."""
    if settings.is_localnet:
        return "none configured (SOLANA_RPC_URL): ./run starts a localnet"
    try:
        async with AsyncClient(settings.rpc_url, timeout=RPC_TIMEOUT_S) as client:
            about = (await client.get_version()).value.solana_core
            slot = (await client.get_slot(Confirmed)).value
            block_time = (await client.get_block_time(slot)).value
    except (SolanaRpcException, RPCException) as error:
        raise NodeError(
            "the node does not answer as it should",
            hint="Check SOLANA_RPC_URL: scheme, host, key. Does curl reach it?",
            cause=type(error.__cause__ or error).__name__,
        ) from error
    if block_time is None:
        return f"{about}, slot {slot}, no block time"
    skew = time.time() - block_time
    remark = "" if abs(skew) < MOST_CLOCK_SKEW_S else "; check this machine's clock"
    return f"{about}, slot {slot}, {skew:.0f} s old{remark}"


async def ports(settings: Settings) -> str:
    """The ports `./run` listens on are free."""
    require_free_port(settings.websocket_host, settings.websocket_port, option="--port")
    if settings.is_localnet:
        require_free_port("127.0.0.1", settings.localnet_port, option="LOCALNET_PORT")
    return f"{settings.websocket_port} is free"


CHECKS: tuple[Callable[[Settings], Awaitable[str]], ...] = (
    versions, page_tools, database, node, ports,
)  # fmt: skip


async def examine(settings: Settings) -> None:
    """Run every check; the exit status is 1 if one fails."""
    is_well = True
    for check in CHECKS:
        name = check.__name__.replace("_", " ")
        try:
            typer.echo(f"ok      {name}: {redacted(await check(settings))}")
        except CurvefeedError as error:
            is_well = False
            typer.echo(f"FAILED  {name}: {redacted(str(error))}")
    if not is_well:
        raise typer.Exit(1)
