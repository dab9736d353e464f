"""From logs, or from a whole transaction, to the canonical events of the launchpads one knows.

Pure, linear, and it never raises: what can't be decoded comes back as `Undecoded` with its bytes,
what logs can't tell as `needs_transaction`, and what looks like an upgrade of a program as
observations for `drift.py`.
"""

from __future__ import annotations

import re
from binascii import a2b_base64
from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from programs.channels import events_of
from programs.events import AnyEvent, Traded
from programs.instructions import ProgramCalls, calls_of
from programs.layout import DISCRIMINATOR_BYTES
from programs.logs import (
    TRUNCATED,
    Walk,
    before_truncation,
    compact_json,
    instructions_logged,
    is_any_invoked,
    is_compact,
    line_number,
    owned_data,
    walk,
)
from programs.program import MISFITS, Call, Emitted, News, Pool, Program
from programs.registry import ProgramSet
from programs.rpc_json import LogsNotification, Transaction


class Undecoded(msgspec.Struct, frozen=True):
    """Bytes of a known program that could not be decoded: for the quarantine."""

    program: str
    path: str
    """Where in the transaction: "log:17" (line number) or "inner:2.14" (instruction)."""
    reason: str
    payload: bytes


class Unknown(msgspec.Struct, frozen=True):
    """A discriminator that a known program used and its interface does not have."""

    program: str
    what: Literal["event", "instruction"]
    discriminator: bytes


class Share(msgspec.Struct, frozen=True):
    """How many trade instructions of a program there were, and how many trades they gave."""

    program: str
    instructions: int
    trades: int


class Decoded(msgspec.Struct, frozen=True, gc=False):
    """All that a transaction says."""

    events: tuple[AnyEvent, ...] = ()
    """Canonical events in execution order."""
    needs_transaction: bool = False
    """Logs do not suffice: fetch the transaction and use `decode_transaction` in place of this."""
    is_truncated: bool = False
    undecoded: tuple[Undecoded, ...] = ()
    pools: tuple[Pool, ...] = ()
    """Mints of pools, learnt from events and accounts: what events without a mint look up."""
    unknown: tuple[Unknown, ...] = ()
    shares: tuple[Share, ...] = ()


NOTHING = Decoded()

_FAILED = re.compile(rb'"Program [1-9A-HJ-NP-Za-km-z]{32,44} failed: ')
"""The runtime's line at the end of a program that failed."""

Found = tuple[Program, Emitted | Call, int]
"""Whose, what (an event's bytes or an instruction that tells something), and its order."""


class _Outcome:
    """What has been decoded so far, with the next ordinal of each program."""

    __slots__ = ("_ordinals", "_raw_logs", "events", "pools", "undecoded", "unknown")

    def __init__(self, raw_logs: bytes = b"") -> None:
        self.events: list[AnyEvent] = []
        self.undecoded: list[Undecoded] = []
        self.pools: list[Pool] = []
        self.unknown: list[Unknown] = []
        self._ordinals: dict[str, int] = {}
        self._raw_logs = raw_logs

    def all(self, found: list[Found]) -> None:
        """Decode in execution order, so that ordinals come out the same from every channel."""
        for program, what, _ in _in_order(found) if len(found) > 1 else found:
            if isinstance(what, Emitted):
                self.event(program, what)
            else:
                self.instruction(program, what)

    def event(self, program: Program, emitted: Emitted) -> None:
        """Decode an event's bytes and keep what they say."""
        payload = emitted.payload
        decoder = program.events.get(payload[:8])
        if decoder is None:
            if payload[:8] not in program.other_events:
                self.unknown.append(Unknown(program.name, "event", payload[:8]))
                self._set_aside(program, emitted, "an event the interface does not have")
            return
        ordinal = self._ordinals.get(program.name, 0)
        try:
            self._keep(program.name, decoder(payload, program.context(ordinal, emitted)))
        except MISFITS as error:
            self._set_aside(program, emitted, str(error))

    def instruction(self, program: Program, call: Call) -> None:
        """Decode an instruction of which no event tells."""
        emitted = Emitted(call.data, 0, f"inner:{call.path}", call)
        context = program.context(self._ordinals.get(program.name, 0), emitted)
        try:
            self._keep(program.name, program.instructions[call.data[:8]](call, context))
        except MISFITS as error:
            self.failed(program, emitted, str(error))

    def _set_aside(self, program: Program, emitted: Emitted, reason: str) -> None:
        """An event of this program that a later version may decode: its ordinal is kept for it.

        Otherwise the events after it would change their identity with that version.
        """
        self.failed(program, emitted, reason)
        self._ordinals[program.name] = self._ordinals.get(program.name, 0) + 1

    def failed(self, program: Program, emitted: Emitted, reason: str) -> None:
        """Bytes for the quarantine."""
        path = emitted.path or f"log:{line_number(self._raw_logs, emitted.order)}"
        self.undecoded.append(Undecoded(program.name, path, reason, emitted.payload))

    def _keep(self, program: str, news: News) -> None:
        if isinstance(news, Pool):
            self.pools.append(news)
        elif news is not None:
            events = news if isinstance(news, tuple) else (news,)
            self.events += events
            self._ordinals[program] = events[-1].ordinal + 1
            for event in events:
                if event.pool is not None and event.mint is not None:
                    self.pools.append(Pool(event.pool, event.mint, event.quote_mint))


def _in_order(found: list[Found]) -> list[Found]:
    """In execution order, without the events that say again what another one says."""
    for program in {program for program, _, _ in found if program.canonical is not None}:
        assert program.canonical is not None  # noqa: S101 (the line above)
        mine = [what for owner, what, _ in found if owner is program and isinstance(what, Emitted)]
        found = [item for item in found if item[0] is not program or isinstance(item[1], Call)]
        found += [(program, emitted, emitted.order) for emitted in program.canonical(mine)]
    return sorted(found, key=lambda item: item[2])


# --- from logs


def decode_notification(notification: LogsNotification, programs: ProgramSet) -> Decoded:
    """Events of a log notification, straight from its bytes: the fast way for a node's stream."""
    if notification.err is not None:
        return NOTHING
    raw = bytes(notification.raw_logs)
    return _from_json(raw if is_compact(raw) else compact_json(notification.logs), programs)


def decode_logs(logs: Sequence[str], err: object | None, programs: ProgramSet) -> Decoded:
    """Events of a transaction's log lines. `err`: its error; a failed transaction says nothing."""
    return NOTHING if err is not None else _from_json(compact_json(logs), programs)


def _from_json(raw: bytes, programs: ProgramSet) -> Decoded:
    if raw == b"[]":  # whatever ran, ran without a word: the node keeps no logs
        return Decoded(needs_transaction=True)
    raw, is_truncated = before_truncation(raw)
    lines, is_proven = owned_data(raw)
    outcome = _Outcome(raw)
    found: list[Found] = []
    for owner, start, end in lines:
        program = programs.by_address.get(owner)
        if program is not None:
            try:
                payload = a2b_base64(raw[start:end], strict_mode=True)
            except ValueError:
                text = Emitted(raw[start:end], start)
                outcome.failed(program, text, "not the base64 of one event")
            else:
                emitted = Emitted(payload, start)
                if programs.has_doubles:
                    found.append((program, emitted, start))
                else:
                    outcome.event(program, emitted)
    if found:
        outcome.all(found)
    needs, shares = _instructions(raw, programs, bool(outcome.events))
    return Decoded(
        events=tuple(outcome.events),
        needs_transaction=needs or is_truncated or not is_proven or _is_failing(raw),
        is_truncated=is_truncated,
        undecoded=tuple(outcome.undecoded),
        pools=tuple(outcome.pools),
        unknown=tuple(outcome.unknown),
        shares=shares,
    )


def _is_failing(raw: bytes) -> bool:
    """Whether the runtime says that an instruction failed, and with it the whole transaction: then
    that is its last line.

    Surfpool 1.5 notifies failed transactions with `err: null`: the transaction itself must tell.
    """
    return _FAILED.match(raw, raw.rfind(b',"') + 1) is not None


def _instructions(
    raw: bytes, programs: ProgramSet, has_events: bool
) -> tuple[bool, tuple[Share, ...]]:
    """Whether a program ran an instruction whose news is not in the logs (or one we do not know),
    and trade instructions without a trade.

    Where there are events, only programs that may have to be fetched are looked at: an upgrade
    that silences a program shows where there are none.
    """
    suspects = programs.fetching if has_events else programs.programs
    if has_events and suspects and not is_any_invoked(raw, programs.fetching_tails):
        return False, ()
    needs = False
    shares: list[Share] = []
    for program in suspects:
        trades = 0
        for name in instructions_logged(raw, program.address_bytes):
            needs = needs or (program.needs_transaction and name not in program.quiet_names)
            trades += name in program.trade_names
        if trades and not has_events and not program.needs_transaction:
            shares.append(Share(program.name, trades, 0))
    return needs, tuple(shares)


def decode_payload(program: Program, payload: bytes, call: Call | None = None) -> Decoded:
    """One event's bytes, as kept in the quarantine. `call`: the instruction that emitted them."""
    outcome = _Outcome()
    outcome.event(program, Emitted(payload, 0, "payload", call))
    return Decoded(
        events=tuple(outcome.events),
        undecoded=tuple(outcome.undecoded),
        pools=tuple(outcome.pools),
        unknown=tuple(outcome.unknown),
    )


# --- from a transaction


def decode_transaction(tx: Transaction, programs: ProgramSet) -> Decoded:
    """Events of a whole transaction: log lines, event calls and telling instructions, each once.

    `needs_transaction` is then true only if this recording of it is not whole.
    """
    if tx.err is not None:
        return NOTHING
    walked = walk(tx.logs)
    outcome = _Outcome()
    found: list[Found] = []
    ran: list[tuple[Program, ProgramCalls]] = []
    for program in programs.programs:
        calls = calls_of(program.id, tx.calls)
        events, refused = events_of(program, calls, walked)
        found += [(program, emitted, emitted.order) for emitted in events]
        found += [
            (program, call, 2 * position)
            for position, call in calls.calls
            if call.data[:8] in program.instructions
        ]
        for emitted in refused:
            outcome.failed(program, emitted, "not an event of this program")
        if calls.positions:
            ran.append((program, calls))
    outcome.all(found)
    shares = tuple(_shares(outcome.events, ran))
    return Decoded(
        events=tuple(outcome.events),
        needs_transaction=not _is_whole(tx, walked, shares),
        is_truncated=TRUNCATED in tx.logs,
        undecoded=tuple(outcome.undecoded),
        pools=tuple(outcome.pools),
        unknown=(*outcome.unknown, *_unknown_instructions(ran)),
        shares=shares,
    )


def _is_whole(tx: Transaction, walked: Walk, shares: Sequence[Share]) -> bool:
    """Whether nothing can be missing: logs are complete, or what they lack is in the calls."""
    if walked.is_whole and tx.has_logs:
        return tx.has_inner
    has_calls = any(call.inner is not None for call in tx.calls)
    return has_calls and all(share.trades >= share.instructions for share in shares)


def _shares(
    events: Sequence[AnyEvent], ran: Sequence[tuple[Program, ProgramCalls]]
) -> Iterator[Share]:
    for program, calls in ran:
        facts = [program.facts.get(call.data[:8]) for _, call in calls.calls]
        instructions = sum(fact is not None and fact.is_trade for fact in facts)
        if instructions:
            trades = sum(isinstance(e, Traded) and e.program == program.name for e in events)
            yield Share(program.name, instructions, trades)


def _unknown_instructions(ran: Sequence[tuple[Program, ProgramCalls]]) -> Iterator[Unknown]:
    for program, calls in ran:
        for _, call in calls.calls:
            first = call.data[:8]
            is_known = first in program.facts or first in program.other_instructions
            if len(first) == DISCRIMINATOR_BYTES and not is_known:
                yield Unknown(program.name, "instruction", first)
