"""`replay`: recorded notifications and transactions through the real pipeline."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import structlog

from common.errors import GiveUp, NodeError
from common.settings import Settings
from db.pool import Pool
from db.writer import Writer
from indexer import pipeline
from indexer.decoding import Decoder
from indexer.run import find_pools_by
from indexer.updates import Intake, Update, update_of
from programs.registry import by_names
from programs.rpc_json import parse_notification, parse_transaction

_log = structlog.get_logger(__name__)


async def replay(files: Sequence[Path], pool: Pool, settings: Settings) -> int:
    """Decode and store what the files hold; returns the number of events that were new.

    A file is one JSON value, a list of them, or one per line: logsNotification frames, answers or
    results of getTransaction. No node is asked: what logs cannot tell goes to the quarantine. No
    checkpoint moves. Raises GiveUp for what is none of these, or while an indexer is writing.
    """
    updates = await asyncio.to_thread(lambda: [update for file in files for update in read(file)])
    async with Writer(pool) as writer:
        if not await writer.is_holding():
            raise GiveUp("an indexer is writing to this database", hint="Stop it, then replay")
        worker = pipeline.Pipeline(
            Decoder(by_names(settings.program_names), None, find_pools_by(pool)),
            writer,
            pipeline.PipelineConfig(
                commitment=settings.indexer_commitment, batch_rows=settings.indexer_batch_rows
            ),
        )
        await pipeline.run(Recording(updates), worker, Intake(settings.indexer_batch_rows))
    _log.info("replayed", updates=len(updates), new_events=worker.committed)
    return worker.committed


class Recording:
    """A source of recorded updates."""

    def __init__(self, updates: Sequence[Update]) -> None:
        self._updates = updates

    async def run(self, intake: Intake) -> None:
        """See Source."""
        for update in self._updates:
            await intake.put(update)


def read(file: Path) -> Iterator[Update]:
    """The updates recorded in a file, in its order. Raises GiveUp naming the place."""
    for number, item in enumerate(_items(file), 1):
        try:
            yield _update(item)
        except (NodeError, ValueError) as error:
            raise GiveUp(
                "not a recorded logsNotification or getTransaction",
                file=file,
                item=number,
                reason=f'"{error}"',
            ) from None


def _items(file: Path) -> Iterator[Any]:
    raw = file.read_bytes()
    try:
        whole = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        yield from _lines(file, raw)
        return
    yield from whole if isinstance(whole, list) else [whole]


def _lines(file: Path, raw: bytes) -> Iterator[Any]:
    for number, line in enumerate(raw.splitlines(), 1):
        if not line.strip():
            continue
        try:
            yield msgspec.json.decode(line)
        except msgspec.DecodeError as error:
            raise GiveUp(
                "neither JSON nor JSON lines", file=file, line=number, reason=f'"{error}"'
            ) from None


def _update(item: Any) -> Update:
    if isinstance(item, dict) and item.get("method") == "logsNotification":
        notification = parse_notification(msgspec.json.encode(item))
        if notification is None:
            raise ValueError("a logsNotification of an unknown shape")
        return update_of(notification)
    transaction = parse_transaction(item)
    if transaction.slot is None:
        raise ValueError("the transaction has no slot")
    return Update(
        signature=transaction.signature,
        slot=transaction.slot,
        err=transaction.err,
        transaction=transaction,
        block_time=transaction.block_time,
    )
