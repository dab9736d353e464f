"""`./run doctor`: what works here and what does not, to paste into an issue. No secrets."""

from __future__ import annotations

import platform
import time
from collections.abc import Awaitable, Callable
from importlib.metadata import version

import typer

from common.errors import CurvefeedError
from common.logging import redacted
from common.ports import require_free_port
from common.settings import Settings
from db.connect import database_url
from db.migrate import migrate
from db.pool import pool_of
from frontend.build import node_version
from indexer.rpc_http import RpcClient

PACKAGES = ("solders", "solana", "fastapi", "uvicorn", "websockets", "asyncpg")
MOST_CLOCK_SKEW_S = 60


async def versions(_: Settings) -> str:
    """Python, system and the packages that matter."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"Python {platform.python_version()} on {platform.platform()}; {packages}"


async def page_tools(_: Settings) -> str:
    """Node, from PyPI."""
    return f"Node {node_version()}"


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
    async with RpcClient(settings) as rpc:
        about, slot = await rpc.call("getVersion"), await rpc.call("getSlot")
        block_time = await rpc.call("getBlockTime", slot - 32)
    skew = time.time() - block_time
    remark = "" if abs(skew) < MOST_CLOCK_SKEW_S else "; check this machine's clock"
    return f"{about['solana-core']}, slot {slot}, its time {skew:.0f} s behind ours{remark}"


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
