"""The launchpads we know. Adding one is a line here (docs/adding-a-launchpad.md)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from types import MappingProxyType

import msgspec

from common.errors import SettingsError
from programs.logs import TAIL_CHARS
from programs.program import Program

NAMES = (
    "pump",
    "pumpswap",
    "launchlab",
    "dbc",
    "moonshot",
    "boop",
    "heaven",
)
"""Modules of this package, one per launchpad, each with its PROGRAM."""


def _load(name: str) -> Program:
    program: Program = import_module(f"programs.{name}").PROGRAM
    return program


PROGRAMS: Mapping[bytes, Program] = MappingProxyType(
    {program.id: program for program in map(_load, NAMES)}
)
"""Program key → launchpad."""


class ProgramSet(msgspec.Struct, frozen=True):
    """The launchpads that one decodes."""

    programs: tuple[Program, ...]
    by_address: Mapping[bytes, Program]
    """By address in base58, as it stands in log lines."""
    fetching: tuple[Program, ...]
    """Those that tell some of their news outside the logs."""
    fetching_tails: frozenset[bytes]
    """The ends of their addresses, as `programs.logs.is_any_invoked` looks for them."""
    has_doubles: bool
    """Whether one of them tells one thing by two events: then none can be decoded by itself."""


def program_set(programs: Iterable[Program]) -> ProgramSet:
    """A set of launchpads, each once, in the order given."""
    unique = {program.address_bytes: program for program in programs}
    fetching = tuple(program for program in unique.values() if program.needs_transaction)
    has_doubles = any(program.canonical is not None for program in unique.values())
    tails = frozenset(program.address_bytes[-TAIL_CHARS:] for program in fetching)
    return ProgramSet(tuple(unique.values()), unique, fetching, tails, has_doubles)


def by_names(names: Iterable[str]) -> ProgramSet:
    """Launchpads by their short names; `all` means every one.

    Raises SettingsError (a GiveUp) listing the known names.
    """
    known = {program.name: program for program in PROGRAMS.values()}
    chosen: list[Program] = []
    for name in names:
        if name != "all" and name not in known:
            raise SettingsError(
                f"no launchpad is called {name!r}", hint=f"Known: all, {', '.join(sorted(known))}"
            )
        chosen += known.values() if name == "all" else [known[name]]
    if not chosen:
        raise SettingsError(
            "no launchpad is chosen", hint=f"Known: all, {', '.join(sorted(known))}"
        )
    return program_set(chosen)
