"""The only place where the parts are put together: what each command runs."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from enum import StrEnum
from pathlib import Path

import typer

from api.server import serve as serve_api
from common.errors import GiveUp, SettingsError, VerdictFailed
from common.metrics import exposed
from common.ports import require_free_port
from common.settings import Settings
from common.tracing import tracing
from db import api_keys, backup
from db.api_keys import NewKey
from db.connect import database_url
from db.jetstream import place_of
from db.migrate import migrate as migrate_database
from db.observed import keep_observing
from db.pool import Pool, Pools, pool_of, reads_of
from db.relay import Relay
from db.retention import Ages, drop_old
from frontend.build import build_page
from indexer.audit import audit as audit_slots
from indexer.market.run import run_market
from indexer.rebuild import rebuild as rebuild_all
from indexer.replay import replay as replay_files
from indexer.requeue import requeue as requeue_all
from indexer.run import index as run_indexer
from localnet.node import localnet_of
from localnet.traders import Traders


class KeyAction(StrEnum):
    """What to do with an API key."""

    CREATE = "create"
    REVOKE = "revoke"
    LIST = "list"


def say(text: str) -> None:
    """One step, once."""
    typer.echo(f"· {text}")


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
        stack.enter_context(tracing(settings, "all"))
        say(f"database: {'DATABASE_URL' if settings.database_url else 'embedded Postgres'}")
        pools = await stack.enter_async_context(databases(settings))
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        if settings.is_localnet:
            say(f"localnet: a slot each {settings.localnet_slot_ms} ms")
            await stack.enter_async_context(localnet_of(settings))
            if settings.localnet_trades_per_second:
                say(f"demo traders: {settings.localnet_trades_per_second:g} trades/s")
                tasks.create_task(run_traders(settings))
        say(f"indexer: {settings.indexer_programs} at {settings.indexer_commitment}")
        tasks.create_task(run_indexer(settings, pools.main))
        tasks.create_task(run_market(settings, pools.main))
        tasks.create_task(keep_observing(pools.main))
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
    with exposed(settings.websocket_host, settings.metrics_port), tracing(settings, "indexer"):
        async with database(settings) as pool, asyncio.TaskGroup() as tasks:
            beside = [
                tasks.create_task(run_market(settings, pool)),
                tasks.create_task(keep_observing(pool)),
            ]
            await run_indexer(settings, pool)
            for task in beside:
                task.cancel()


async def run_serve(settings: Settings, with_page: bool) -> None:
    """The API alone."""
    require_free_port(settings.websocket_host, settings.websocket_port, option="--port")
    with tracing(settings, "api"):
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
    with exposed(settings.websocket_host, settings.metrics_port):
        async with database(settings) as pool:
            await run_relay(settings, pool)


async def run_migrate(settings: Settings) -> None:
    """Migrations only."""
    async with database_url(settings) as url, pool_of(url, 2) as pool:
        done = await migrate_database(pool)
    say(f"applied: {', '.join(done)}" if done else "the schema is up to date")


async def run_backup(settings: Settings, file: Path) -> None:
    """The database into a file."""
    async with database_url(settings) as url:
        await backup.dump(url, file)
    say(f"{file} holds all of it")


async def run_restore(settings: Settings, file: Path) -> None:
    """A file into an empty database. Raises GiveUp if it is not empty."""
    async with database_url(settings) as url, pool_of(url, 2) as pool:
        if not await backup.is_empty(pool):
            raise GiveUp(
                "the database is not empty", hint="Name a new one: DATABASE_URL, or --data-dir"
            )
        await backup.restore(url, file)
        await migrate_database(pool)
        made = await backup.new_epoch(pool)
    say(f"restored; the feed's epoch is {made} now, what lacks is read again from the chain")


async def run_epoch(settings: Settings) -> None:
    """Another epoch for the feed."""
    async with database(settings) as pool:
        made = await backup.new_epoch(pool)
    say(f"the feed's epoch is {made} now: clients start afresh")


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


async def run_rebuild(settings: Settings) -> None:
    """All that is folded, made anew of the stored events."""
    async with database(settings) as pool:
        with typer.progressbar(length=1000, label="rebuild", file=sys.stderr) as bar:
            changed = await rebuild_all(
                pool, lambda done, total: bar.update(1000 * done // max(total, 1) - bar.pos)
            )
    say(f"{changed} rows were not what the events make" if changed else "all of it was right")


async def run_retention(settings: Settings) -> None:
    """What is older than the settings say goes."""
    ages = Ages(
        trades_s=settings.retention_trades_days * 86_400 or None,
        second_bars_s=settings.retention_second_candles_days * 86_400 or None,
        feed_s=settings.retention_feed_hours * 3_600 or None,
        prices_s=settings.retention_prices_days * 86_400 or None,
    )
    async with database(settings) as pool:
        with typer.progressbar(length=4, label="retention", file=sys.stderr) as bar:
            dropped = await drop_old(
                pool, ages, int(time.time()), lambda done, _: bar.update(done - bar.pos)
            )
    say(
        f"dropped {dropped.partitions} partitions of trades, {dropped.bars} candles of a second, "
        f"{dropped.feed_rows} rows of the feed, {dropped.prices} prices of quotes"
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
