"""What a launchpad's file declares, and how one of its events is decoded: same shape for all."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence

import msgspec

from programs.events import AnyEvent
from programs.interface import Interface, names_by_discriminator
from programs.layout import InterfaceError

EVENT_CPI = bytes.fromhex("e445a52e51cb9a1d")
"""What an Anchor program's call to itself starts with when its data is an event."""


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One instruction of a transaction, top-level or nested."""

    program: bytes
    accounts: tuple[bytes, ...]
    data: bytes
    path: str
    """Outer index, and index in its flat list of inner instructions: "3" or "3.7"."""

    def account(self, index: int | None) -> bytes | None:
        """Key of the account at a position, None where there is none."""
        if index is None or not 0 <= index < len(self.accounts):
            return None
        return self.accounts[index]


class Pool(msgspec.Struct, frozen=True):
    """A pool's mints, learnt on the way: for events that name only the pool."""

    pool: bytes
    mint: bytes
    quote_mint: bytes | None


class Context(msgspec.Struct, frozen=True, gc=False):
    """What a decoder gets beside the bytes."""

    ordinal: int
    call: Call | None = None
    """The launchpad's instruction that emitted the event; None where only logs are known."""
    accounts: Mapping[str, int] = {}
    """Positions of that instruction's accounts by name."""
    also: bytes | None = None
    """Bytes of another event that this one stands for too (see Program.canonical)."""

    def key(self, name: str) -> bytes | None:
        """Account of the emitting instruction by name; None if there is no such account."""
        if self.call is None:
            return None
        index = self.accounts.get(name)
        return None if index is None else self.call.account(index)


MISFITS = (ValueError, ArithmeticError, IndexError, struct.error)
"""What decoders raise on bytes that do not fit."""

News = AnyEvent | Pool | tuple[AnyEvent, ...] | None
EventDecoder = Callable[[bytes, Context], News]
"""Event bytes, discriminator included → an event (or several), a pool, or None where it is no news.

Raises LayoutError (a ValueError) if the bytes do not fit.
"""
InstructionDecoder = Callable[[Call, Context], News]
"""The same for instructions that do something of which no event tells."""


class Emitted(msgspec.Struct, frozen=True, gc=False):
    """An event's bytes and where they were found."""

    payload: bytes
    order: int
    """Place in the order of execution: position in the JSON of the logs, or twice the instruction's
    index (odd: logged after it)."""
    path: str = ""
    """Instruction that is the event ("inner:2.14"); empty for a log line."""
    call: Call | None = None
    also: bytes | None = None


Canonical = Callable[[Sequence[Emitted]], Sequence[Emitted]]


class Program:
    """A launchpad: its interface and its decoders.

    `events` maps event names to decoders. `instructions` maps instructions that emit no event to
    decoders. `fetch` names the instructions after which logs alone do not suffice: their
    transaction has to be fetched. `canonical` is for programs that tell one thing by two events:
    it gets all of a transaction's and returns those to decode, each with the bytes of its double
    in `also`.
    """

    def __init__(
        self,
        interface: Interface,
        events: Mapping[str, EventDecoder],
        *,
        instructions: Mapping[str, InstructionDecoder] | None = None,
        fetch: Sequence[str] = (),
        canonical: Canonical | None = None,
    ) -> None:
        _check_names(interface, events, (*(instructions or {}), *fetch))
        self.name = interface.program
        self.id = interface.id
        self.address = interface.address
        self.address_bytes = interface.address.encode()
        self.interface = interface
        self.canonical = canonical
        self.events = {interface.discriminator(name): events[name] for name in events}
        self.other_events = names_by_discriminator(interface.other_events)
        facts = interface.instructions
        self.facts = {bytes.fromhex(fact.discriminator): fact for fact in facts.values()}
        self.instructions = {
            bytes.fromhex(facts[name].discriminator): decoder
            for name, decoder in (instructions or {}).items()
        }
        self.other_instructions = names_by_discriminator(interface.other_instructions)
        self.trade_names = frozenset(
            logged_name(name) for name, fact in facts.items() if fact.is_trade
        )
        self.quiet_names = frozenset(
            logged_name(name)
            for name in (*facts, *interface.other_instructions)
            if name not in fetch
        )
        self.needs_transaction = bool(fetch)
        """Whether some of its news can't be read from logs alone."""

    def context(self, ordinal: int, emitted: Emitted) -> Context:
        """What a decoder of this program gets for its `ordinal`th event."""
        call = emitted.call
        if call is None:
            if emitted.also is None and ordinal < len(_LOGGED):
                return _LOGGED[ordinal]
            return Context(ordinal, None, {}, emitted.also)
        fact = self.facts.get(call.data[:8])
        return Context(ordinal, call, fact.accounts if fact is not None else {}, emitted.also)


def _check_names(
    interface: Interface, events: Mapping[str, EventDecoder], instructions: Sequence[str]
) -> None:
    """Raises InterfaceError for an event without a decoder, or a name the interface lacks."""
    stated = {name.partition("@")[0] for name in interface.events}
    for name in stated ^ set(events):
        raise InterfaceError(f"{interface.program}: {name} is not both an event and decoded")
    for name in set(instructions) - set(interface.instructions):
        raise InterfaceError(f"{interface.program} has no instruction {name}")


_LOGGED = tuple(Context(ordinal) for ordinal in range(16))
"""Contexts of events that are only logged: made once, since there is nothing else to tell."""


def logged_name(instruction: str) -> str:
    """An instruction as Anchor logs it: buy_exact_in → BuyExactIn, tokenMint → TokenMint."""
    return "".join(part[:1].upper() + part[1:] for part in instruction.split("_"))
