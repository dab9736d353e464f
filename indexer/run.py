"""`index`: the indexer as one coroutine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import structlog

from common.errors import SettingsError
from common.settings import Settings
from db import writes
from db.pool import Pool
from db.rows import PoolRow
from db.writer import Writer, transient_errors
from indexer import catchup, pipeline
from indexer.backoff import Backoff, insist
from indexer.decoding import Decoder, Fetch, FindPools
from indexer.live import OVERLAP_SLOTS, LiveConfig, LiveSource
from indexer.rpc import Node, SignatureInfo
from indexer.updates import Intake, Update
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
        Node(settings.rpc_url, settings.indexer_commitment, rate) as node,
        Writer(pool) as writer,
    ):
        await insist(Backoff("database"), writer.wait)
        await _check_chain(settings, node, writer)
        starts = await _starts(settings, programs, writer)
        _log.info("indexing", programs=",".join(starts) or "from the tip", starts=starts)
        source = LiveSource(node, _live_config(settings, programs), starts)
        worker = pipeline.Pipeline(
            Decoder(programs, fetch_by(node), find_pools_by(pool)),
            writer,
            pipeline.PipelineConfig(
                commitment=settings.indexer_commitment,
                batch_rows=settings.indexer_batch_rows,
                checkpointed=[program.name for program in programs.programs],
            ),
        )
        await pipeline.run(source, worker, Intake(settings.indexer_batch_rows))


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


async def _starts(settings: Settings, programs: ProgramSet, writer: Writer) -> Mapping[str, int]:
    """Slot each program's history is read from: its checkpoint, less the overlap.

    Without one: INDEXER_START_SLOT, else the beginning of a localnet, else (not in the answer)
    the tip of a live cluster.
    """

    async def read() -> Mapping[str, int]:
        async with writer.transaction() as connection:
            return await writes.checkpoints(connection)

    stored = await insist(Backoff("database"), read)
    first = settings.indexer_start_slot
    if first is None and settings.is_localnet:
        first = 0
    names = [program.name for program in programs.programs]
    starts = {} if first is None else dict.fromkeys(names, first)
    return starts | {name: max(0, stored[name] - OVERLAP_SLOTS) for name in names if name in stored}


def _live_config(settings: Settings, programs: ProgramSet) -> LiveConfig:
    return LiveConfig(
        ws_url=settings.ws_url,
        addresses={program.name: program.address for program in programs.programs},
        max_pending=settings.indexer_max_pending,
        stall_s=settings.indexer_stall_seconds,
    )


def fetch_by(node: Node) -> Fetch:
    """Fetching of transactions that logs do not suffice for."""

    async def fetch(update: Update) -> Update:
        info = SignatureInfo(update.signature, update.slot, update.err, update.block_time)
        whole = await catchup.fetch(node, info)
        return update if whole.transaction is None else whole

    return fetch


def find_pools_by(pool: Pool) -> FindPools:
    """Looking up pools in the database."""

    async def find(keys: Sequence[bytes]) -> Mapping[bytes, PoolRow]:
        async def read() -> Mapping[bytes, PoolRow]:
            with transient_errors():
                async with pool.acquire(timeout=10) as connection:
                    return await writes.pools_of(connection, keys)

        return await insist(Backoff("database"), read)

    return find
