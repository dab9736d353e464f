"""`./run doctor`: what works here and what does not, to paste into an issue. No secrets, and no
change: an embedded server is started and stopped, a database is only read.
"""

from __future__ import annotations

import platform
import time
from collections.abc import AsyncIterator, Callable
from importlib.metadata import version

import asyncpg
import typer
from dotenv import dotenv_values

from common.errors import CurvefeedError, DatabaseUnavailable, GiveUp, NodeError
from common.logging import redacted
from common.ports import require_free_port
from common.settings import Settings
from common.wrong_settings import shown
from db.connect import database_url
from db.migrate import applied
from db.pool import Pool, pool_of
from frontend.build import is_built, node_version
from indexer.probe import Probed, listen, probe
from programs.registry import by_names

PACKAGES = ("curvefeed", "solders", "fastapi", "uvicorn", "websockets", "asyncpg")
MOST_CLOCK_SKEW_S = 60
MOST_DATABASE_SKEW_S = 5
LEAST_POSTGRES = 15
MOST_LAG_SLOTS = 50
_MILLION = 10_000

Findings = AsyncIterator[str]


async def versions(_: Settings) -> Findings:
    """Python, system and the packages that matter."""
    packages = ", ".join(f"{name} {found}" for name in PACKAGES if (found := _version(name)))
    yield f"Python {platform.python_version()} on {platform.platform()}; {packages}"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except ImportError:
        return None  # a clone is not installed


async def settings_made(settings: Settings) -> Findings:
    """Those that are not the default; names in .env that mean nothing."""
    fields = type(settings).model_fields
    made = [
        f"{name.upper()}={shown(getattr(settings, name), fields[name])}"
        for name in sorted(settings.model_fields_set)
    ]
    yield ", ".join(made) or "all defaults"
    known = {name.upper() for name in fields}
    known |= {f"{name}_FILE" for name in known}
    known |= {"NEXT_PUBLIC_WEBSOCKET_URL"}
    strange = sorted(name for name in dotenv_values(".env") if name.upper() not in known)
    if strange:
        raise GiveUp(f".env names what is no setting: {', '.join(strange)}", hint="A slip?")


async def page_tools(_: Settings) -> Findings:
    """The built page, or Node from PyPI to build it."""
    yield "the page is built" if is_built() else f"Node {node_version()}"


async def database(settings: Settings) -> Findings:
    """Version of the server, clock, migrations, size."""
    try:
        async with database_url(settings) as url, pool_of(url, 2) as pool:
            kind = "your Postgres" if settings.database_url else "embedded Postgres"
            yield f"{kind} {await pool.fetchval('SHOW server_version')}"
            async for finding in _inside(pool):
                yield finding
    except (OSError, asyncpg.PostgresError, TimeoutError) as error:
        raise DatabaseUnavailable(
            "Postgres does not answer", hint="Check DATABASE_URL", reason=type(error).__name__
        ) from error


async def _inside(pool: Pool) -> Findings:
    number = int(await pool.fetchval("SHOW server_version_num")) // _MILLION
    if number < LEAST_POSTGRES:
        raise GiveUp(f"Postgres {number} is too old", hint=f"{LEAST_POSTGRES} or newer is needed")
    has, known = await applied(pool)
    if has > known:
        raise GiveUp(
            f"the database is newer than this version: {has} migrations, {known} known",
            hint="Update curvefeed",
        )
    pending = f"; {known - has} pending: ./run migrate applies them" if has < known else ""
    yield f"{has} of {known} migrations applied{pending}"
    if has == known:
        rows = await pool.fetchval(
            "SELECT greatest(sum(reltuples), 0)::bigint FROM pg_class "
            "WHERE relname LIKE 'trade\\_rows\\_p%' AND relkind = 'r'"
        )
        size = await pool.fetchval("SELECT pg_size_pretty(pg_database_size(current_database()))")
        head = await pool.fetchrow("SELECT epoch, seq FROM feed_head")
        epoch, seq = ("?", "?") if head is None else (head["epoch"], head["seq"])
        yield f"about {rows} trades in {size}, feed at {epoch}:{seq}"
    began = time.time()
    theirs = float(await pool.fetchval("SELECT extract(epoch FROM clock_timestamp())"))
    skew = theirs - (began + time.time()) / 2
    if abs(skew) > MOST_DATABASE_SKEW_S:
        raise GiveUp(
            f"Postgres' clock and this machine's differ by {skew:+.0f} s",
            hint="Synchronise both (NTP)",
        )
    yield f"its clock differs by {abs(skew):.1f} s"


async def nodes(settings: Settings) -> Findings:
    """Each endpoint: version, methods, limits, lag, clock, and its stream."""
    if settings.is_localnet:
        yield "none configured (SOLANA_RPC_URL): ./run starts a localnet"
        return
    address = by_names(settings.program_names).programs[0].address
    ill: list[str] = []
    tips: dict[int, int] = {}
    chains: set[str] = set()
    for number, (rpc_url, ws_url) in enumerate(settings.endpoints, 1):
        try:
            found = await probe(rpc_url, settings.indexer_commitment, address)
            yield f"endpoint {number}: {described(found)}"
            chains.add(found.genesis)
            tips[number] = found.slot or 0
            yield f"endpoint {number}: {await listen(ws_url, settings.indexer_commitment, address)}"
            require_whole(found)
        except CurvefeedError as error:
            ill.append(f"endpoint {number}: {error}")
    for number, tip in tips.items():
        if max(tips.values()) - tip > MOST_LAG_SLOTS:
            raise NodeError(f"endpoint {number} is {max(tips.values()) - tip} slots behind")
    if len(chains) > 1:
        raise GiveUp("the endpoints are of different chains", hint="Mainnet beside devnet?")
    if ill:
        raise NodeError(" | ".join(ill))


def described(found: Probed) -> str:
    """One line."""
    parts = [f"version {found.version}", f"slot {found.slot}", f"chain {found.genesis[:8]}…"]
    if found.oldest_slot is not None:
        parts.append(f"history from slot {found.oldest_slot}")
    if found.block_age_s is not None:
        parts.append(f"newest block {found.block_age_s:.0f} s old")
    parts.append(f"answers in {1000 * found.answer_s:.0f} ms")
    if found.limited:
        parts.append(f"{found.limited} of 10 calls at once were refused")
    return ", ".join(parts)


def require_whole(found: Probed) -> None:
    """Raises GiveUp for an endpoint that an indexer can't work with."""
    if found.lacks:
        raise GiveUp(f"it lacks {'; '.join(found.lacks)}", hint="Choose another endpoint")
    if found.block_age_s is not None and abs(found.block_age_s) > MOST_CLOCK_SKEW_S:
        raise GiveUp(
            f"its newest block is {found.block_age_s:.0f} s old",
            hint="Either it is behind, or this machine's clock is wrong: check NTP",
        )


async def ports(settings: Settings) -> Findings:
    """The ports `./run` listens on are free."""
    free = [settings.websocket_port]
    require_free_port(settings.websocket_host, settings.websocket_port, option="--port")
    if settings.is_localnet:
        for port in (settings.localnet_port, settings.localnet_port + 1):
            require_free_port("127.0.0.1", port, option="LOCALNET_PORT")
            free.append(port)
    if settings.metrics_port is not None:
        require_free_port(settings.websocket_host, settings.metrics_port, option="METRICS_PORT")
        free.append(settings.metrics_port)
    yield f"{', '.join(map(str, free))} free"


CHECKS: tuple[Callable[[Settings], Findings], ...] = (
    versions, settings_made, page_tools, database, nodes, ports,
)  # fmt: skip


async def examine(settings: Settings) -> None:
    """Run every check; the exit status is 1 if one fails."""
    typer.echo("Paste this into an issue; passwords and keys are cut out.\n")
    is_well = True
    for check in CHECKS:
        name = check.__name__.replace("_", " ")
        try:
            async for finding in check(settings):
                typer.echo(f"ok      {name}: {redacted(finding)}")
        except CurvefeedError as error:
            is_well = False
            typer.echo(f"FAILED  {name}: {redacted(str(error))}")
    if not is_well:
        raise typer.Exit(1)
