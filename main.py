"""The command line, and the only place where the parts are put together."""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from api.server import serve as serve_api
from common.errors import CurvefeedError, GiveUp, SettingsError, VerdictFailed
from common.lifecycle import run_until_stopped
from common.logging import configure_logging
from common.ports import require_free_port
from common.settings import Settings, load_settings
from db import api_keys
from db.api_keys import NewKey
from db.connect import database_url
from db.jetstream import place_of
from db.migrate import migrate as migrate_database
from db.pool import Pool, Pools, pool_of, reads_of
from db.relay import Relay
from frontend.build import build_page
from indexer.audit import audit as audit_slots
from indexer.market.run import run_market
from indexer.replay import replay as replay_files
from indexer.requeue import requeue as requeue_all
from indexer.run import index as run_indexer
from localnet.node import Localnet, run_localnet
from localnet.surfpool import run_surfpool
from localnet.traders import Traders
from programs.decode_file import decode_file

app = typer.Typer(
    help="curvefeed: Solana's bonding curves, decoded, stored and pushed to the browser.",
    pretty_exceptions_enable=False,
    add_completion=False,
)


class NodeKind(StrEnum):
    """What runs the localnet."""

    LITESVM = "litesvm"
    SURFPOOL = "surfpool"


class KeyAction(StrEnum):
    """What to do with an API key."""

    CREATE = "create"
    REVOKE = "revoke"
    LIST = "list"


Port = Annotated[int | None, typer.Option(help="Port of API, WebSocket and page.")]
DataDir = Annotated[Path | None, typer.Option(help="Folder of the embedded Postgres.")]
Pace = Annotated[float | None, typer.Option(help="Average trades per second of the demo traders.")]
NoPage = Annotated[bool, typer.Option("--no-page", help="Neither build nor serve the page.")]
Files = Annotated[list[Path], typer.Argument(exists=True, dir_okay=False)]


def configured(**options: object) -> Settings:
    """Settings with the options given on the command line above the environment's."""
    settings = load_settings(
        **{name: value for name, value in options.items() if value is not None}
    )
    configure_logging(settings.log_level, settings.log_format)
    return settings


def say(text: str) -> None:
    """One step, once."""
    typer.echo(f"· {text}")


# --- the parts, put together


@asynccontextmanager
async def database(settings: Settings) -> AsyncIterator[Pool]:
    """A pool on a database whose schema is this version's."""
    async with database_url(settings) as url, pool_of(url, settings.database_pool_size) as pool:
        await migrate_database(pool)
        yield pool


@asynccontextmanager
async def databases(settings: Settings) -> AsyncIterator[Pools]:
    """The same, with the connections that REST reads with."""
    async with database_url(settings) as url, pool_of(url, settings.database_pool_size) as pool:
        await migrate_database(pool)
        replica = settings.database_read_url
        read_url = url if replica is None else replica.get_secret_value()
        size, timeout_ms = settings.api_pool_size, settings.api_statement_timeout_ms
        async with reads_of(read_url, size, timeout_ms) as reads:
            yield Pools(pool, reads, is_replica=replica is not None)


async def page_or_reason(settings: Settings, is_wanted: bool) -> tuple[Path | None, str | None]:
    """The built page, or why there is none: the API starts either way."""
    if not is_wanted:
        return None, "the API was started with --no-page"
    try:
        return await build_page(say, for_localnet=settings.is_localnet), None
    except GiveUp as error:
        say(f"no page: {error}")
        return None, str(error)


async def run_up(settings: Settings, with_page: bool) -> None:
    """Database, then the chain where none is given, the indexer, the page, and the API in front."""
    require_free_port(settings.websocket_host, settings.websocket_port, option="--port")
    async with AsyncExitStack() as stack:
        say(f"database: {'DATABASE_URL' if settings.database_url else 'embedded Postgres'}")
        pools = await stack.enter_async_context(databases(settings))
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        if settings.is_localnet:
            say(f"localnet: a slot each {settings.localnet_slot_ms} ms")
            await stack.enter_async_context(
                Localnet(port=settings.localnet_port, slot_ms=settings.localnet_slot_ms)
            )
            if settings.localnet_trades_per_second:
                say(f"demo traders: {settings.localnet_trades_per_second:g} trades/s")
                tasks.create_task(run_traders(settings))
        say(f"indexer: {settings.indexer_programs} at {settings.indexer_commitment}")
        tasks.create_task(run_indexer(settings, pools.main))
        tasks.create_task(run_market(settings, pools.main))
        if settings.feed_url is not None:
            say("feed: over NATS")
            tasks.create_task(run_relay(settings, pools.main))
        page, reason = await page_or_reason(settings, with_page)
        await serve_api(settings, pools, page, reason, on_started=lambda: announce(settings))


def announce(settings: Settings) -> None:
    """Where everything is."""
    base = f"127.0.0.1:{settings.websocket_port}"
    chain = f"{settings.rpc_url}  (localnet)" if settings.is_localnet else "a live cluster"
    typer.echo(
        f"\n  page       http://{base}\n  REST       http://{base}/docs\n"
        f"  WebSocket  ws://{base}/api/v1/websocket/ws?room=global\n"
        f"  chain      {chain}\n\n  Ctrl-C stops everything.\n"
    )


async def run_traders(settings: Settings) -> None:
    """Demo traders on the configured chain."""
    await Traders(settings.rpc_url, settings.localnet_seed).run(settings.localnet_trades_per_second)


async def run_index(settings: Settings) -> None:
    """The indexer, and what comes from outside the chain."""
    async with database(settings) as pool, asyncio.TaskGroup() as tasks:
        market = tasks.create_task(run_market(settings, pool))
        await run_indexer(settings, pool)
        market.cancel()


async def run_serve(settings: Settings, with_page: bool) -> None:
    """The API alone."""
    require_free_port(settings.websocket_host, settings.websocket_port, option="--port")
    async with databases(settings) as pools:
        page, reason = await page_or_reason(settings, with_page)
        await serve_api(settings, pools, page, reason, on_started=lambda: announce(settings))


async def run_relay(settings: Settings, pool: Pool) -> None:
    """The feed from Postgres to NATS. Raises SettingsError."""
    if settings.feed_url is None:
        raise SettingsError("there is nowhere to relay to", hint="Set FEED_URL=nats://host:4222")
    await Relay(pool, place_of(settings.feed_url.get_secret_value())).run()


async def run_relay_alone(settings: Settings) -> None:
    """The relay alone."""
    async with database(settings) as pool:
        await run_relay(settings, pool)


async def run_migrate(settings: Settings) -> None:
    """Migrations only."""
    async with database_url(settings) as url, pool_of(url, 2) as pool:
        done = await migrate_database(pool)
    say(f"applied: {', '.join(done)}" if done else "the schema is up to date")


async def run_requeue(settings: Settings) -> None:
    """The quarantine through today's decoders."""
    async with database(settings) as pool:
        with typer.progressbar(length=100, label="requeue", file=sys.stderr) as bar:
            outcome = await requeue_all(
                settings, pool, lambda done, total: bar.update(100 * done // total - bar.pos)
            )
    say(
        f"{outcome.released} of {outcome.total} transactions left the quarantine with "
        f"{outcome.events} new events; {outcome.still_undecodable} still can't be decoded, "
        f"{outcome.not_at_the_node} the node no longer has"
    )


async def run_audit(settings: Settings, first: int, last: int, *, is_repairing: bool) -> None:
    """A range of slots against the node. Raises VerdictFailed unless the database has all of it."""
    total = (last - first + 1) * len(settings.program_names)
    async with database(settings) as pool:
        with typer.progressbar(length=total, label="audit", file=sys.stderr) as bar:
            found = await audit_slots(
                settings, pool, range(first, last + 1), lambda done: bar.update(done - bar.pos),
                is_repairing=is_repairing,
            )  # fmt: skip
    say(
        f"{found.listed} transactions listed; {found.missing} were missing, {found.repaired} of "
        f"them stored now; {found.undelivered} not delivered by the node; {found.unlisted} stored "
        "and not listed"
    )
    if not found.is_whole:
        raise VerdictFailed("the database is not what the node says", hint="Try --repair")


async def run_replay(settings: Settings, files: list[Path]) -> None:
    """Recorded notifications through the real pipeline."""
    async with database(settings) as pool:
        await replay_files(files, pool, settings)


async def run_apikey(settings: Settings, action: KeyAction, key: NewKey) -> None:
    """Make, revoke or list keys of the REST API."""
    async with database(settings) as pool:
        if action is KeyAction.CREATE:
            made = await api_keys.create(pool, key)
            say(f"the key of {key.name}, shown this once:")
            typer.echo(made)
        elif action is KeyAction.REVOKE:
            await api_keys.revoke(pool, key.name)
            say(f"the key of {key.name} is refused from now on")
        else:
            for line in await api_keys.listed(pool):
                typer.echo(str(line))


# --- the commands


@app.command()
def up(
    port: Port = None,
    data_dir: DataDir = None,
    no_traders: Annotated[bool, typer.Option(help="A localnet without demo traders.")] = False,
    no_page: NoPage = False,
    trades_per_second: Pace = None,
) -> None:
    """Everything on this machine: database, localnet, demo traders, indexer, API and page."""
    pace = 0 if no_traders else trades_per_second
    settings = configured(websocket_port=port, data_dir=data_dir, localnet_trades_per_second=pace)
    run_until_stopped(run_up(settings, with_page=not no_page))


@app.command()
def localnet(
    port: Annotated[int | None, typer.Option(help="RPC port; PubSub is at port + 1.")] = None,
    slot_ms: Annotated[int | None, typer.Option(help="Length of a slot.")] = None,
    node: Annotated[NodeKind, typer.Option(help="Ours, or Surfpool from npm.")] = NodeKind.LITESVM,
) -> None:
    """A Solana chain on this machine, with the launchpad's program, without traders."""
    settings = configured(localnet_port=port, localnet_slot_ms=slot_ms)
    work = run_surfpool if node is NodeKind.SURFPOOL else run_localnet
    run_until_stopped(work(settings))


@app.command()
def traders(
    trades_per_second: Pace = None,
    seed: Annotated[int | None, typer.Option(help="Seed of their choices.")] = None,
) -> None:
    """Demo traders on SOLANA_RPC_URL: for Surfpool, solana-test-validator or `./run localnet`."""
    settings = configured(localnet_trades_per_second=trades_per_second, localnet_seed=seed)
    run_until_stopped(run_traders(settings))


@app.command()
def index(data_dir: DataDir = None) -> None:
    """The indexer alone: from the node into Postgres."""
    run_until_stopped(run_index(configured(data_dir=data_dir)))


@app.command()
def serve(port: Port = None, data_dir: DataDir = None, no_page: NoPage = False) -> None:
    """The API alone: REST, WebSocket and page, from Postgres."""
    settings = configured(websocket_port=port, data_dir=data_dir)
    run_until_stopped(run_serve(settings, with_page=not no_page))


@app.command()
def relay(data_dir: DataDir = None) -> None:
    """The feed from Postgres to NATS (FEED_URL), for many hubs; of several one works."""
    run_until_stopped(run_relay_alone(configured(data_dir=data_dir)))


@app.command()
def migrate(data_dir: DataDir = None) -> None:
    """Bring the database's schema to this version's."""
    run_until_stopped(run_migrate(configured(data_dir=data_dir)))


@app.command()
def replay(files: Files, data_dir: DataDir = None) -> None:
    """Recorded notifications or transactions through the real pipeline, into the database."""
    run_until_stopped(run_replay(configured(data_dir=data_dir), files))


@app.command()
def requeue(data_dir: DataDir = None) -> None:
    """Decode what lies in quarantine again, after an upgrade, each transaction once."""
    run_until_stopped(run_requeue(configured(data_dir=data_dir)))


@app.command()
def audit(
    from_slot: Annotated[int, typer.Option(help="First slot.", min=0)],
    to_slot: Annotated[int, typer.Option(help="Last slot.", min=0)],
    repair: Annotated[bool, typer.Option("--repair", help="Store what is missing.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Slots against the node's own list, whatever the ledger says; --repair stores what lacks."""
    settings = configured(data_dir=data_dir)
    run_until_stopped(run_audit(settings, from_slot, to_slot, is_repairing=repair))


@app.command()
def apikey(
    action: KeyAction,
    name: Annotated[str, typer.Argument(help="Whose key it is; for create and revoke.")] = "",
    per_minute: Annotated[int, typer.Option(help="Requests a minute.", min=1)] = 600,
    per_day: Annotated[int | None, typer.Option(help="Requests a day (UTC).", min=1)] = None,
    data_dir: DataDir = None,
) -> None:
    """Keys of the REST API (see API_KEYS): create NAME prints one, revoke NAME, list."""
    if not name and action is not KeyAction.LIST:
        raise GiveUp("a key has a name", hint=f"./run apikey {action} NAME")
    key = NewKey(name=name, per_minute=per_minute, per_day=per_day)
    run_until_stopped(run_apikey(configured(data_dir=data_dir), action, key))


@app.command()
def doctor(data_dir: DataDir = None) -> None:
    """Check versions, database, node and ports; prints what to paste into an issue."""
    from doctor import examine

    run_until_stopped(examine(configured(data_dir=data_dir)))


@app.command()
def decode(files: Files) -> None:
    """Recorded transactions or notifications to events: one JSON line per file on stdout."""
    is_whole = True
    for path in files:
        try:
            # The standard library's: sqrt prices pass 64 bits, which msgspec refuses.
            typer.echo(json.dumps(decode_file(str(path), path.read_bytes())))
        except GiveUp as error:
            is_whole = False
            typer.echo(f"{path}: {error}", err=True)
    if not is_whole:
        raise typer.Exit(1)


@app.command()
def bench(name: Annotated[str, typer.Argument(help="A benchmark, or all.")]) -> None:
    """Measure: one JSON line per figure on stdout, a table on stderr."""
    importlib.import_module("benchmarks.__main__").main(name)


@app.command()
def chaos(
    seeds: Annotated[int, typer.Option(help="How many scenarios.", min=1)] = 10,
    first_seed: Annotated[int, typer.Option(help="The first one's seed.")] = 1,
    time_scale: Annotated[float, typer.Option(help="Of outages of 2 to 60 s.", min=0.01)] = 0.1,
    only: Annotated[str, typer.Option(help="Comma-separated faults; others stay away.")] = "",
    without: Annotated[str, typer.Option(help="Comma-separated faults to leave out.")] = "",
    bound: Annotated[float, typer.Option(help="Seconds to be right after the last fault.")] = 10,
    plan: Annotated[Path | None, typer.Option(help="A plan.json instead of seeds.")] = None,
    sustained: Annotated[bool, typer.Option("--sustained", help="A steady loss instead.")] = False,
    drop: Annotated[float, typer.Option(help="Sustained: share lost.", min=0, max=1)] = 0.05,
    trades_per_second: Annotated[float, typer.Option(help="Sustained: pace.")] = 300,
    seconds: Annotated[float, typer.Option(help="Sustained: how long.")] = 300,
) -> None:
    """Seeded faults against real processes; exit status 0 only if the chain's ledger agrees."""
    from chaos.run import ChaosOptions
    from chaos.run import chaos as run_chaos
    from chaos.sustained import SustainedOptions
    from chaos.sustained import sustained as run_sustained

    configure_logging("error", "console")
    if sustained:
        steady = SustainedOptions(drop=drop, trades_per_second=trades_per_second, seconds=seconds)
        run_until_stopped(run_sustained(steady, typer.echo))
        return
    options = ChaosOptions(
        seeds=seeds, first_seed=first_seed, time_scale=time_scale,
        only=names_in(only), without=names_in(without), bound_s=bound, plan=plan,
    )  # fmt: skip
    run_until_stopped(run_chaos(options, typer.echo))


def names_in(text: str) -> tuple[str, ...]:
    """The names of a comma-separated list."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def test(context: typer.Context) -> None:
    """Every check and every test; with arguments, only pytest, with those."""
    raise typer.Exit(importlib.import_module("tests.__main__").main(context.args))


@app.command()
def lint() -> None:
    """Formatting, types, layers and the page's own checks."""
    raise typer.Exit(importlib.import_module("tests.lint").main())


def main() -> None:
    """Run a command; an error of ours is one line that says what to do."""
    if len(sys.argv) == 1:
        sys.argv.append("up")
    try:
        app()
    except CurvefeedError as error:
        typer.echo(f"curvefeed: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
