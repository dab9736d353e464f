"""`requeue`: the quarantine through the decoders of today, each transaction once.

The transactions are asked for again, whole: an event's place among its siblings, and the accounts
of its instruction, are not in its bytes. What a node no longer has stays in quarantine, and so
does what still can't be decoded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec
import structlog

from common.errors import NodeError
from common.settings import Settings
from db import quarantine
from db.pool import Pool
from db.quarantine import Kept
from db.requests import count_events
from db.writer import Writer
from indexer.commit import commit
from indexer.decoding import Decoder
from indexer.requests import ask_indexer
from indexer.rpc import Node
from indexer.run import find_pools_by
from indexer.updates import Update
from programs.keys import signature_b58, signature_of
from programs.registry import by_names
from programs.rpc_json import parse_transaction

Report = Callable[[int, int], None]
"""Called with (done, total) transactions."""

_PAGE = 100

_log = structlog.get_logger(__name__)


class Outcome(msgspec.Struct):
    """What became of the quarantine, in transactions, and how many events came out of it."""

    total: int = 0
    released: int = 0
    still_undecodable: int = 0
    not_at_the_node: int = 0
    events: int = 0


async def requeue(settings: Settings, pool: Pool, report: Report) -> Outcome:
    """Decode everything in quarantine again; where an indexer is writing, by asking it.

    Raises GiveUp if that one does not help.
    """
    outcome = Outcome(total=await quarantine.count(pool))
    programs = by_names(settings.program_names)
    rate = None if settings.is_localnet else settings.rpc_requests_per_second
    async with (
        Node(settings.rpc_url, settings.indexer_commitment, rate) as node,
        Writer(pool) as writer,
    ):
        is_writing = await writer.is_holding()
        decoder = Decoder(programs, None, find_pools_by(pool))
        after: Kept | None = None
        while kept := await quarantine.page(pool, after, _PAGE):
            if is_writing:
                updates = await _fetched(node, kept)
                await _decode_again(writer, decoder, updates, outcome, settings.indexer_commitment)
                outcome.not_at_the_node += len(kept) - len(updates)
            else:
                await _ask(pool, kept, outcome)
            after = kept[-1]
            report(
                outcome.released + outcome.still_undecodable + outcome.not_at_the_node,
                outcome.total,
            )
    _log.info("requeued", **msgspec.structs.asdict(outcome))
    return outcome


async def _ask(pool: Pool, kept: Sequence[Kept], outcome: Outcome) -> None:
    """Let the running indexer do it, with its decoders."""
    landings = {one.landing for one in kept}
    before = await count_events(pool, landings)
    failed = await ask_indexer(pool, landings)
    still = await quarantine.among(pool, landings)
    outcome.not_at_the_node += len(failed)
    outcome.still_undecodable += len(still - failed)
    outcome.released += len(landings - still)
    outcome.events += await count_events(pool, landings) - before


async def _fetched(node: Node, kept: Sequence[Kept]) -> list[Update]:
    """Those the node still has, in the slot we know them from."""
    found = await asyncio.gather(*(_fetch(node, one) for one in kept))
    return [update for update in found if update is not None]


async def _fetch(node: Node, kept: Kept) -> Update | None:
    raw = await node.transaction(signature_b58(kept.signature))
    if raw is None:
        return None
    try:
        transaction = parse_transaction(raw)
    except (NodeError, ValueError):
        return None
    if transaction.slot != kept.slot:
        return None  # it landed again elsewhere: the sweep's business
    return Update(
        signature=transaction.signature,
        slot=kept.slot,
        err=transaction.err,
        transaction=transaction,
        block_time=transaction.block_time,
    )


async def _decode_again(
    writer: Writer, decoder: Decoder, updates: Sequence[Update], outcome: Outcome, commitment: str
) -> None:
    """Events stored and rows taken out in one transaction: killed here, nothing counts twice."""
    if not updates:
        return
    batch = await decoder.decode(updates)
    batch.released = [(signature_of(update.signature), update.slot) for update in updates]
    changes = await commit(writer, batch, commitment)
    failing = {(row.signature, row.slot) for row in batch.quarantine}
    outcome.still_undecodable += len(failing)
    outcome.released += len(updates) - len(failing)
    outcome.events += len(changes.feed)
