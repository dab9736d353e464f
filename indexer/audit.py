"""`audit`: a range of slots against the node's own list, transaction by transaction.

It trusts nothing that was recorded: not the ledger, not the frontier. What the node lists and the
database lacks is fetched and decoded; what has no events lacks nothing. It repairs by itself, or,
while an indexer writes to the database, by asking that one. How far it is lies in a file below
DATA_DIR until it is through: the same audit, begun again, goes on there.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

import msgspec
import structlog

from common.errors import NodeError
from common.settings import Settings
from db import coverage
from db.coverage import Place
from db.pool import Pool
from db.requests import Landing
from db.writer import Writer, transient_errors
from indexer.backoff import Backoff, insist
from indexer.commit import Batch, commit
from indexer.decoding import Decoder
from indexer.delivered import Key
from indexer.fetching import fetch
from indexer.listing import Span, listed
from indexer.pace import Priority
from indexer.requests import ask_indexer
from indexer.rpc import Node, SignatureInfo
from indexer.run import find_pools_by, stored_by
from indexer.updates import Update
from programs.keys import signature_b58, signature_of
from programs.program import Program
from programs.registry import by_names

Report = Callable[[int], None]
"""Called with the number of slots that are done, over all programs."""
Repair = Callable[[Batch, Sequence[SignatureInfo]], Awaitable[int]]
"""Stores what was missing; returns how many transactions are stored now."""

_ATTEMPTS = 8
_PAUSE_S = 0.25

_log = structlog.get_logger(__name__)


class Findings(msgspec.Struct):
    """What came of it, in transactions. `events`: what was repaired."""

    listed: int = 0
    missing: int = 0
    """The node has them, with events, and the database had not."""
    undelivered: int = 0
    """Listed, and not delivered: nobody knows whether they are missing."""
    unlisted: int = 0
    """Stored as standing, and not listed."""
    repaired: int = 0
    """Were missing, and are stored now."""

    @property
    def is_whole(self) -> bool:
        """The database has what the node has, by now, and nothing else."""
        return not self.undelivered and not self.unlisted and self.repaired == self.missing


class Saved(msgspec.Struct):
    """What outlives the process."""

    done: dict[str, int] = {}
    findings: Findings = msgspec.field(default_factory=Findings)


class Bookmark:
    """How far an audit is: newest slot that is done by program, and what was found so far."""

    def __init__(self, settings: Settings, slots: range, *, is_repairing: bool) -> None:
        url = settings.database_url
        database = "" if url is None else url.get_secret_value()
        asked = f"{slots} {is_repairing} {settings.rpc_url} {database}"
        name = hashlib.sha256(asked.encode()).hexdigest()[:16]
        self._path = Path(settings.data_dir) / f"audit-{name}.json"
        self.saved = Saved()
        if self._path.exists():
            self.saved = msgspec.json.decode(self._path.read_bytes(), type=Saved)
            _log.info("audit_resumed", done=self.saved.done, file=str(self._path))

    def done(self, program: str, slot: int) -> None:
        """Everything up to this slot is compared, and repaired if that was asked for."""
        self.saved.done[program] = slot
        self._path.parent.mkdir(parents=True, exist_ok=True)
        half = self._path.with_suffix(".half")
        half.write_bytes(msgspec.json.encode(self.saved))
        half.replace(self._path)

    def close(self) -> None:
        """It is through: the next one begins anew."""
        self._path.unlink(missing_ok=True)


async def audit(
    settings: Settings, pool: Pool, slots: range, report: Report, *, is_repairing: bool = False
) -> Findings:
    """Compare these slots. Raises GiveUp for what the node refuses, and if it shall repair and the
    indexer that is writing does not help.
    """
    programs = by_names(settings.program_names)
    bookmark = Bookmark(settings, slots, is_repairing=is_repairing)
    rate = None if settings.is_localnet else settings.rpc_requests_per_second
    async with (
        Node(settings.rpc_url, settings.indexer_commitment, rate) as node,
        Writer(pool) as writer,
    ):
        repair: Repair | None = None
        if is_repairing and await writer.is_holding():
            repair = partial(_write, writer, settings.indexer_commitment)
        elif is_repairing:
            repair = partial(_ask, pool)
        decoder = Decoder(programs, None, find_pools_by(pool))
        auditor = Auditor(node, pool, decoder, repair, bookmark.saved.findings)
        for number, program in enumerate(programs.programs):
            before = number * len(slots) - slots.start + 1
            first = bookmark.saved.done.get(program.name, slots.start - 1) + 1
            told = partial(_report, report, before, bookmark, program.name)
            await auditor.audit(program, range(first, slots.stop), told)
    bookmark.close()
    _log.info("audited", **msgspec.structs.asdict(auditor.findings))
    return auditor.findings


def _report(report: Report, before: int, bookmark: Bookmark, program: str, slot: int) -> None:
    bookmark.done(program, slot)
    report(before + slot)


async def _write(
    writer: Writer, commitment: str, batch: Batch, infos: Sequence[SignatureInfo]
) -> int:
    """Store the batch, and of everything listed its place in the block."""
    places = tuple(
        Place(signature_of(info.signature), info.slot, info.transaction_index)
        for info in infos
        if info.transaction_index is not None
    )

    async def write() -> None:
        await commit(writer, batch, commitment)
        async with writer.transaction() as connection:
            await coverage.place(connection, places)

    await insist(Backoff("database"), write)
    return len(_landings(batch))


async def _ask(pool: Pool, batch: Batch, _: Sequence[SignatureInfo]) -> int:
    """Let the running indexer fetch and store them itself."""
    landings = _landings(batch)
    return len(landings) - len(await ask_indexer(pool, landings))


def _landings(batch: Batch) -> set[Landing]:
    return {(seen.signature, seen.slot) for seen in batch.events}


class Auditor:
    """Compares, and repairs if it is told how."""

    def __init__(
        self, node: Node, pool: Pool, decoder: Decoder, repair: Repair | None, findings: Findings
    ) -> None:
        self._node = node
        self._pool = pool
        self._stored = stored_by(pool)
        self._decoder = decoder
        self._repair = repair
        self.findings = findings

    async def audit(self, program: Program, slots: range, report: Report) -> None:
        """One program. `report` is told the newest slot that is done."""
        if not slots:
            return
        span = Span(
            address=program.address, first=slots.start, last=slots.stop - 1, anchor=None,
            priority=Priority.HISTORY,
        )  # fmt: skip
        done = slots.start - 1
        async for infos in listed(self._node, span):
            await self._compare(infos)
            await self._look_for_unlisted(program, range(done + 1, infos[-1].slot + 1), infos)
            done = infos[-1].slot
            report(done)
        await self._look_for_unlisted(program, range(done + 1, slots.stop), ())
        report(slots.stop - 1)

    async def _compare(self, infos: Sequence[SignatureInfo]) -> None:
        self.findings.listed += len(infos)
        succeeded = [info for info in infos if info.err is None]
        stored = await self._stored([(info.signature, info.slot) for info in succeeded])
        missing = [info for info in succeeded if (info.signature, info.slot) not in stored]
        fetched = await asyncio.gather(*(self._fetched(info) for info in missing))
        updates = [update for update in fetched if update is not None]
        self.findings.undelivered += len(fetched) - len(updates)
        batch = await self._decoder.decode(updates)
        self.findings.missing += len(_landings(batch))
        if self._repair is not None:
            self.findings.repaired += await self._repair(batch, infos)

    async def _fetched(self, info: SignatureInfo) -> Update | None:
        for attempt in range(_ATTEMPTS):
            try:
                return await fetch(
                    self._node, info, Priority.HISTORY, is_lenient=attempt == _ATTEMPTS - 1
                )
            except NodeError as error:
                reason = str(error)
            await asyncio.sleep(_PAUSE_S)
        _log.warning("transaction_missing", signature=info.signature, reason=reason)
        return None

    async def _look_for_unlisted(
        self, program: Program, slots: range, infos: Sequence[SignatureInfo]
    ) -> None:
        listed_keys: set[Key] = {(info.signature, info.slot) for info in infos}
        with transient_errors():
            async with self._pool.acquire(timeout=10) as connection:
                standing = await coverage.standing(
                    connection, program.name, slots.start, slots.stop - 1
                )
        for signature, slot in standing:
            if (signature_b58(signature), slot) not in listed_keys:
                self.findings.unlisted += 1
