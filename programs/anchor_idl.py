"""An interface of ours made of a program's Anchor IDL: what `./run interface` prints. Pure.

Takes the IDL of Anchor 0.30 and later (discriminators in it) and the older one (none: they follow
from the names). What is read and what is only known by name is the caller's choice.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from common.errors import GiveUp
from programs.interface import InstructionKind, event_discriminator, parse_interface
from programs.layout import InterfaceError

_HINT = "Give the JSON that `anchor build` writes to target/idl, or `anchor idl fetch` prints"
_OLD_TYPES = {"publicKey": "pubkey"}


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What of an IDL becomes readable; everything else is known by its name alone."""

    name: str
    """Short name of the launchpad: the file's and the setting's."""
    date: str
    events: tuple[str, ...] = ()
    instructions: Mapping[str, InstructionKind] = {}


def interface_of(idl: Mapping[str, Any], wanted: Wanted) -> dict[str, Any]:
    """The content of programs/idl/<name>.json. Raises GiveUp for what is no IDL or not in it."""
    try:
        made = _made(idl, wanted)
        parse_interface(msgspec.json.encode(made))
    except (KeyError, TypeError, AttributeError, InterfaceError) as error:
        raise GiveUp(f"this IDL can't be read: {error}", hint=_HINT) from None
    return made


def _made(idl: Mapping[str, Any], wanted: Wanted) -> dict[str, Any]:
    about = idl.get("metadata", {})
    types = {each["name"]: each["type"] for each in idl.get("types", [])}
    events = {each["name"]: each for each in idl.get("events", [])}
    instructions = {_snake(each["name"]): each for each in idl["instructions"]}
    for name in (*wanted.events, *wanted.instructions):
        if name not in events and name not in instructions:
            known = ", ".join((*events, *instructions))
            raise GiveUp(f"the IDL has no {name}", hint=f"It has: {known}")
    return {
        "program": wanted.name,
        "address": idl.get("address") or about["address"],
        "source": f"IDL {about.get('version') or idl.get('version', 'of no version')} "
        f"of the {about.get('name') or idl['name']} program",
        "date": wanted.date,
        "events": {name: _event(events[name], types, wanted.date) for name in wanted.events},
        "other_events": {
            name: _event_hex(each) for name, each in events.items() if name not in wanted.events
        },
        "instructions": {
            name: _instruction(instructions[name], kind)
            for name, kind in wanted.instructions.items()
        },
        "other_instructions": {
            name: _instruction_hex(each)
            for name, each in instructions.items()
            if name not in wanted.instructions
        },
        "types": {
            name: _type(definition) for name, definition in types.items() if name not in events
        },
    }


def _event(event: Mapping[str, Any], types: Mapping[str, Any], since: str) -> dict[str, Any]:
    fields = event.get("fields") or types[event["name"]].get("fields", [])
    return {
        "discriminator": _event_hex(event),
        "layouts": [{"since": since, "fields": _fields(fields)}],
    }


def _event_hex(event: Mapping[str, Any]) -> str:
    own = event.get("discriminator")
    return bytes(own).hex() if own else event_discriminator(event["name"]).hex()


def _instruction(instruction: Mapping[str, Any], kind: InstructionKind) -> dict[str, Any]:
    names = _account_names(instruction["accounts"])
    return {
        "discriminator": _instruction_hex(instruction),
        "kind": kind,
        "accounts": {name: index for index, name in enumerate(names)},
        "args": _fields(instruction["args"]),
    }


def _account_names(accounts: Sequence[Mapping[str, Any]], prefix: str = "") -> list[str]:
    """In order; a group of accounts counts one by one, as its members do in a transaction."""
    names: list[str] = []
    for each in accounts:
        name = prefix + _snake(each["name"])
        names += _account_names(each["accounts"], f"{name}.") if "accounts" in each else [name]
    return names


def _instruction_hex(instruction: Mapping[str, Any]) -> str:
    own = instruction.get("discriminator")
    if own:
        return bytes(own).hex()
    return hashlib.sha256(f"global:{_snake(instruction['name'])}".encode()).digest()[:8].hex()


def _type(definition: Mapping[str, Any]) -> Any:
    if definition["kind"] == "enum":
        return {
            "enum": {
                variant["name"]: _fields(variant.get("fields") or [])
                for variant in definition["variants"]
            }
        }
    return _fields(definition.get("fields", []))


def _fields(fields: Sequence[Any]) -> list[str]:
    """Each as "name type"; those of a tuple are named by their place."""
    named = [
        each if isinstance(each, Mapping) and "name" in each else {"name": f"_{at}", "type": each}
        for at, each in enumerate(fields)
    ]
    return [f"{_snake(each['name'])} {_kind(each['type'])}" for each in named]


def _kind(kind: Any) -> str:
    if isinstance(kind, str):
        return _OLD_TYPES.get(kind, kind)
    (form, inner), *_ = kind.items()
    if form == "array":
        return f"[{_kind(inner[0])};{inner[1]}]"
    if form == "defined":
        return str(inner["name"] if isinstance(inner, Mapping) else inner)
    if form in ("vec", "option"):
        return f"{form}<{_kind(inner)}>"
    raise InterfaceError(f"a type {form!r} has no layout here")


def _snake(name: str) -> str:
    """tokenMint → token_mint, as new IDLs write names; those stay as they are."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower() if name[:1].islower() else name
