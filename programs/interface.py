"""Interfaces of launchpads: the facts of programs/idl/*.json, read and checked once at import.

A file holds what we use of a program's published interface, in a form of our own: address, source
and date, the events we read with their layouts era by era, the instructions we count or read with
the positions of the accounts we need, and the names and discriminators of all others, so that a
discriminator that is in neither list is news.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.resources import files
from typing import Literal

import msgspec

from programs.keys import key_of
from programs.layout import InterfaceError, Reader

InstructionKind = Literal["create", "buy", "sell", "trade", "migrate"]
"""What an instruction does; "trade" where the direction is in its arguments or accounts."""


class Layout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Fields that an event gained at one time, each as "name type"."""

    since: str
    fields: list[str]


class EventFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One event: 8 bytes in hexadecimal, and its eras, oldest first."""

    discriminator: str
    layouts: list[Layout]


class InstructionFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One instruction that trades, creates or migrates: where in its accounts what lies."""

    discriminator: str
    kind: InstructionKind
    accounts: dict[str, int]
    args: list[str] = []

    @property
    def is_trade(self) -> bool:
        """Whether each of these must show up as a trade."""
        return self.kind in ("buy", "sell", "trade")


class Interface(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One launchpad's interface."""

    program: str
    address: str
    source: str
    date: str
    events: dict[str, EventFacts]
    other_events: dict[str, str]
    instructions: dict[str, InstructionFacts]
    other_instructions: dict[str, str]
    types: dict[str, list[str] | dict[str, dict[str, list[str]]]] = {}
    constants: dict[str, int | str] = {}
    """Numbers and keys of the program's global account and of other programs it works with."""

    @property
    def id(self) -> bytes:
        """The program's key."""
        return key_of(self.address)

    def constant(self, name: str) -> int:
        """A number of the program's parameters."""
        value = self.constants.get(name)
        if not isinstance(value, int):
            raise InterfaceError(f"{self.program} has no number {name}")
        return value

    def constant_key(self, name: str) -> bytes:
        """A key."""
        value = self.constants.get(name)
        if not isinstance(value, str):
            raise InterfaceError(f"{self.program} has no key {name}")
        return key_of(value)

    def reader(self, event: str, *wanted: str) -> Reader:
        """A compiled reader of `wanted` fields (in layout order) of an event.

        Raises InterfaceError for an event, type or field that is not in the file.
        """
        facts = self.events.get(event)
        if facts is None:
            raise InterfaceError(f"{self.program} has no event {event}")
        eras = [layout.fields for layout in facts.layouts]
        return Reader(eras, self.types, wanted)

    def args_reader(self, instruction: str, *wanted: str) -> Reader:
        """The same for an instruction's arguments, which stand behind its discriminator too."""
        return Reader([self.instructions[instruction].args], self.types, wanted)

    def discriminator(self, event: str) -> bytes:
        """First 8 bytes of an event of this interface."""
        return bytes.fromhex(self.events[event].discriminator)


def load_interface(name: str) -> Interface:
    """The interface in programs/idl/<name>.json. Raises InterfaceError where the file is wrong."""
    raw = files("programs").joinpath("idl", f"{name}.json").read_bytes()
    return parse_interface(raw)


def parse_interface(raw: bytes) -> Interface:
    """An interface from its JSON. Raises InterfaceError where the facts contradict one another."""
    try:
        interface = msgspec.json.decode(raw, type=Interface)
    except msgspec.ValidationError as error:
        raise InterfaceError(str(error)) from None
    for name, facts in interface.events.items():
        # Anchor's rule; an interface may give several layouts of one event as Name and Name@date.
        if event_discriminator(name.partition("@")[0]).hex() != facts.discriminator:
            raise InterfaceError(f"{name}'s discriminator is not that of its name")
    return interface


def event_discriminator(name: str) -> bytes:
    """Anchor's: the first 8 bytes of sha256("event:<Name>")."""
    return hashlib.sha256(f"event:{name}".encode()).digest()[:8]


def names_by_discriminator(*tables: Mapping[str, str]) -> dict[bytes, str]:
    """Discriminator → name, over tables of name → hexadecimal."""
    return {bytes.fromhex(text): name for table in tables for name, text in table.items()}
