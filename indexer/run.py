"""`index`: the indexer as one coroutine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import structlog

from common.errors import SettingsError
from common.settings import Settings
from db import coverage, writes
from db.pool import Pool
from db.rows import PoolRow
from db.writer import Writer, transient_errors
from indexer import pipeline
from indexer.backoff import Backoff, insist
from indexer.continuity import Continuity
from indexer.crosscheck import CrossCheck
from indexer.decoding import Decoder, FindPools
from indexer.delivered import Delivered, Key
from indexer.endpoints import Endpoints
from indexer.finality import Watcher, strategy_of
from indexer.live import LiveConfig, LiveSource
from indexer.progress import Start
from indexer.requests import Requests
from indexer.resolving import Stored
from indexer.rpc import Node
from indexer.sweep import Sweep, SweepConfig
from indexer.updates import Intake
from indexer.windows import Windows
from programs.keys import signature_b58, signature_of
from programs.registry import ProgramSet, by_names

_log = structlog.get_logger(__name__)


async def index(settings: Settings, pool: Pool) -> None:
    """Index the configured cluster until cancelled; then commit what was received and return.

    Reconnects for ever. Raises GiveUp only: unknown launchpads, a node that refuses us, a database
    of another chain.
    """
    programs = by_names(settings.program_names)
    rate = None if settings.is_localnet else settings.rpc_requests_per_second
    async with (
        Endpoints(settings.endpoints, settings.indexer_commitment, rate) as node,
        Writer(pool) as writer,
        _watching(node),
    ):
        await insist(Backoff("database"), writer.wait)
        await _check_chain(settings, node, writer)
        starts = await _starts(settings, programs, writer)
        frontiers = {name: start.frontier for name, start in starts.items()}
        _log.info("indexing", programs=settings.indexer_programs, frontiers=frontiers or "tip")
        delivered = Delivered()
        addresses = {program.name: program.address for program in programs.programs}
        sweep = Sweep(
            node,
            SweepConfig(
                addresses=addresses,
                every_s=settings.indexer_sweep_seconds,
                block_density=settings.indexer_block_density,
            ),
            starts,
            delivered,
            stored_by(pool),
        )
        live = LiveSource(node, _live_config(settings, addresses), delivered, sweep.caught_up)
        sweep.is_live = lambda: live.is_flowing
        live.has_room = sweep.room
        watcher = Watcher(node, writer, delivered, strategy_of(settings.indexer_finality))
        sweep.observer = watcher.observe
        sweep.finalized = lambda: watcher.finalized_slot
        live.on_slot = lambda notice: watcher.saw(notice.slot, notice.parent)
        beside = [watcher.run, Continuity(node, pool, sweep.want).run, Windows(pool).run]
        worker = pipeline.Pipeline(
            Decoder(programs, None, find_pools_by(pool), is_deferring=True),
            writer,
            pipeline.PipelineConfig(
                commitment=settings.indexer_commitment,
                batch_rows=settings.indexer_batch_rows,
                usd_fresh_s=settings.usd_stale_s,
                want=sweep.want,
                stored=watcher.stored,
            ),
        )
        compare = CrossCheck(node, addresses, stored_by(pool), settings.indexer_cross_check_seconds)
        sources = (
            live.run,
            sweep.run,
            sweep.run_urgent,
            compare.run,
            Requests(node, pool).run,
        )
        await pipeline.run(Cluster(sources, beside), worker, Intake(settings.indexer_batch_rows))


@asynccontextmanager
async def _watching(endpoints: Endpoints) -> AsyncIterator[None]:
    """Endpoints are watched for as long as the context is open."""
    watching = asyncio.create_task(endpoints.run())
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


Feeding = Callable[[Intake], Coroutine[Any, Any, None]]
Beside = Callable[[], Coroutine[Any, Any, None]]


class Cluster:
    """The source of everything that happens: subscription, sweep and what checks them, into one
    intake. What runs beside them corrects what they stored.
    """

    def __init__(self, sources: Sequence[Feeding], beside: Sequence[Beside]) -> None:
        self._sources = sources
        self._beside = beside

    async def run(self, intake: Intake) -> None:
        """See Source."""
        tasks = [asyncio.create_task(run(intake)) for run in self._sources]
        tasks += [asyncio.create_task(run()) for run in self._beside]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result


async def _check_chain(settings: Settings, node: Node, writer: Writer) -> None:
    """One database holds one chain: two would mix slots and checkpoints.

    A localnet is a new chain each time it starts: its database starts over with it.
    """
    genesis = await insist(Backoff("node"), node.genesis_hash)

    async def claim() -> str:
        async with writer.transaction() as connection:
            return await writes.claim_chain(connection, genesis)

    stored = await insist(Backoff("database"), claim)
    if stored == genesis:
        return
    if not settings.is_localnet:
        raise SettingsError(
            "the database holds another chain than the node's",
            hint="Use a database of its own for each cluster (DATABASE_URL)",
            database=stored,
            node=genesis,
        )

    async def start_over() -> None:
        async with writer.transaction() as connection:
            await writes.start_over(connection, genesis)

    await insist(Backoff("database"), start_over)
    _log.info("database_started_over", reason="the localnet is a new chain")


async def _starts(settings: Settings, programs: ProgramSet, writer: Writer) -> Mapping[str, Start]:
    """Where each program's verified history stands: its checkpoint.

    Without one: INDEXER_START_SLOT, else the beginning of a localnet, else (not in the answer)
    the tip of a live cluster.
    """

    async def read() -> Mapping[str, coverage.Checkpoint]:
        async with writer.transaction() as connection:
            return await coverage.checkpoints(connection)

    stored = await insist(Backoff("database"), read)
    first = settings.indexer_start_slot
    if first is None and settings.is_localnet:
        first = 0
    starts = {}
    for program in programs.programs:
        known = stored.get(program.name)
        if known is not None:
            starts[program.name] = Start(known.first_slot, known.slot, _anchor(known))
        elif first is not None:
            starts[program.name] = Start(first, first - 1)
    return starts


def _anchor(known: coverage.Checkpoint) -> Key | None:
    if known.signature is None or known.signature_slot is None:
        return None
    return signature_b58(known.signature), known.signature_slot


def _live_config(settings: Settings, addresses: Mapping[str, str]) -> LiveConfig:
    return LiveConfig(
        addresses=addresses,
        commitment=settings.indexer_commitment,
        max_pending=settings.indexer_max_pending,
        stall_s=settings.indexer_stall_seconds,
    )


def stored_by(pool: Pool) -> Stored:
    """Looking up transactions in the database."""

    async def stored(keys: Collection[Key]) -> set[Key]:
        raw = {(signature_of(signature), slot): (signature, slot) for signature, slot in keys}

        async def read() -> set[bytes]:
            with transient_errors():
                async with pool.acquire(timeout=10) as connection:
                    return await coverage.stored(connection, raw)

        found = await insist(Backoff("database"), read)
        return {key for (signature, _), key in raw.items() if signature in found}

    return stored


def find_pools_by(pool: Pool) -> FindPools:
    """Looking up pools in the database."""

    async def find(keys: Sequence[bytes]) -> Mapping[bytes, PoolRow]:
        async def read() -> Mapping[bytes, PoolRow]:
            with transient_errors():
                async with pool.acquire(timeout=10) as connection:
                    return await writes.pools_of(connection, keys)

        return await insist(Backoff("database"), read)

    return find
