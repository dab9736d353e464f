"""From logs, or from a whole transaction, to the canonical events of the launchpads one knows.

Pure, linear, and it never raises: what can't be decoded comes back as `Undecoded` with its bytes,
what logs can't tell as `needs_transaction`, and what looks like an upgrade of a program as
observations.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from programs.channels import events_of, payload_of
from programs.events import AnyEvent, Completed, Traded
from programs.instructions import ProgramCalls, calls_of
from programs.logs import (
    TRUNCATED,
    Walk,
    before_truncation,
    instructions_logged,
    joined,
    owned_data,
    walk,
)
from programs.program import Call, Emitted, News, Pool, Program
from programs.registry import ProgramSet
from programs.rpc_json import Transaction


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


class Decoded(msgspec.Struct, frozen=True):
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


class _Outcome:
    """What has been decoded so far, with the next ordinal of each program."""

    def __init__(self, text: str = "") -> None:
        self.events: list[AnyEvent] = []
        self.undecoded: list[Undecoded] = []
        self.pools: list[Pool] = []
        self.unknown: list[Unknown] = []
        self._ordinals: dict[str, int] = {}
        self._text = text

    def all(self, found: list[Found]) -> None:
        """Decode in execution order, so that ordinals come out the same from every channel."""
        for program, what, _ in _in_order(found) if len(found) > 1 else found:
            if isinstance(what, Call):
                self.instruction(program, what)
            else:
                self.event(program, what)

    def event(self, program: Program, emitted: Emitted) -> None:
        """Decode an event's bytes and keep what they say."""
        payload = emitted.payload
        discriminator = payload[:8]
        if discriminator not in program.events:
            if discriminator not in program.other_events:
                self.unknown.append(Unknown(program.name, "event", discriminator))
                self.failed(program, emitted, "an event the interface does not have")
            return
        ordinal = self._ordinals.get(program.name, 0)
        try:
            context = program.context(ordinal, emitted.call, emitted.also)
            self._keep(program, program.decode(payload, context))
        except ValueError as error:
            self.failed(program, emitted, str(error))

    def instruction(self, program: Program, call: Call) -> None:
        """Decode an instruction of which no event tells."""
        decoder = program.instructions[call.data[:8]]
        context = program.context(self._ordinals.get(program.name, 0), call)
        try:
            self._keep(program, decoder(call, context))
        except (ValueError, IndexError) as error:
            path = f"inner:{call.path}"
            self.undecoded.append(Undecoded(program.name, path, str(error), call.data))

    def failed(self, program: Program, emitted: Emitted, reason: str) -> None:
        """Bytes for the quarantine."""
        path = emitted.path or f"log:{self._text.count(chr(10), 0, emitted.order) - 1}"
        self.undecoded.append(Undecoded(program.name, path, reason, emitted.payload))

    def _keep(self, program: Program, news: News) -> None:
        if isinstance(news, Pool):
            self.pools.append(news)
        elif isinstance(news, tuple):
            self.events += news
            self._ordinals[program.name] = news[-1].ordinal + 1
        elif news is not None:
            self.events.append(news)
            self._ordinals[program.name] = news.ordinal + 1


Found = tuple[Program, Emitted | Call, int]
"""Whose, what (an event's bytes or an instruction that tells something), and its order."""


def _in_order(found: list[Found]) -> list[Found]:
    """In execution order, without the events that say again what another one says."""
    for program in {program for program, _, _ in found if program.canonical is not None}:
        assert program.canonical is not None  # noqa: S101 (the line above)
        mine = [what for owner, what, _ in found if owner is program and isinstance(what, Emitted)]
        found = [item for item in found if item[0] is not program or isinstance(item[1], Call)]
        found += [(program, emitted, emitted.order) for emitted in program.canonical(mine)]
    return sorted(found, key=lambda item: item[2])


# --- from logs


def decode_logs(logs: Sequence[str], err: object | None, programs: ProgramSet) -> Decoded:
    """Events of a log notification. `err`: the transaction's error; a failed one says nothing."""
    if err is not None:
        return NOTHING
    text, is_truncated = before_truncation(joined(logs))
    lines, is_proven = owned_data(text)
    outcome = _Outcome(text)
    found: list[Found] = []
    for owner, start, end in lines:
        program = programs.by_address.get(owner)
        if program is not None:
            payload = payload_of(text[start:end])
            if payload is None:
                raw = Emitted(text[start:end].encode(), start)
                outcome.failed(program, raw, "not the base64 of one event")
            else:
                found.append((program, Emitted(payload, start), start))
    outcome.all(found)
    needs, shares = _instructions_logged(text, outcome.events, programs)
    return Decoded(
        events=tuple(outcome.events),
        needs_transaction=needs or is_truncated or not is_proven,
        is_truncated=is_truncated,
        undecoded=tuple(outcome.undecoded),
        pools=(*outcome.pools, *_pools(outcome.events)),
        unknown=tuple(outcome.unknown),
        shares=shares,
    )


def _instructions_logged(
    text: str, events: Sequence[AnyEvent], programs: ProgramSet
) -> tuple[bool, tuple[Share, ...]]:
    """Whether a program ran an instruction whose news is not in the logs (or one we do not know),
    and how many trade instructions gave how many trades."""
    needs = False
    shares: list[Share] = []
    for program in programs.programs:
        instructions = 0
        for name in instructions_logged(text, program.address):
            instructions += name in program.trade_names
            needs = needs or (program.needs_transaction and name not in program.quiet_names)
        if instructions:
            trades = sum(isinstance(e, Traded) and e.program == program.name for e in events)
            shares.append(Share(program.name, instructions, trades))
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
    _note_unknown_instructions(outcome, ran)
    return Decoded(
        events=tuple(outcome.events),
        needs_transaction=not _is_whole(tx, walked, shares),
        is_truncated=TRUNCATED in tx.logs,
        undecoded=tuple(outcome.undecoded),
        pools=(*outcome.pools, *_pools(outcome.events)),
        unknown=tuple(outcome.unknown),
        shares=shares,
    )


def _is_whole(tx: Transaction, walked: Walk, shares: Sequence[Share]) -> bool:
    """Whether nothing can be missing: logs are complete, or all that was cut is in the calls."""
    if walked.is_whole:
        return tx.has_inner
    has_calls = any(call.inner is not None for call in tx.calls)
    return has_calls and all(share.trades >= share.instructions for share in shares)


def _shares(
    events: Sequence[AnyEvent], ran: Sequence[tuple[Program, ProgramCalls]]
) -> Iterator[Share]:
    for program, calls in ran:
        kinds = [program.facts.get(call.data[:8]) for _, call in calls.calls]
        instructions = sum(fact is not None and fact.is_trade for fact in kinds)
        if instructions:
            trades = sum(isinstance(e, Traded) and e.program == program.name for e in events)
            yield Share(program.name, instructions, trades)


def _note_unknown_instructions(
    outcome: _Outcome, ran: Sequence[tuple[Program, ProgramCalls]]
) -> None:
    for program, calls in ran:
        for _, call in calls.calls:
            first = call.data[:8]
            if first not in program.facts and first not in program.other_instructions:
                outcome.unknown.append(Unknown(program.name, "instruction", first))


def _pools(events: Sequence[AnyEvent]) -> Iterator[Pool]:
    """What the events themselves say of pools."""
    for event in events:
        if not isinstance(event, Completed) and event.pool and event.mint:
            yield Pool(event.pool, event.mint, event.quote_mint)
