"""A Borsh encoder driven by an interface: event bytes out of field values, era by era."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from programs.interface import Interface

_CODES = {
    "u8": "B",
    "u16": "H",
    "u32": "I",
    "u64": "Q",
    "i8": "b",
    "i16": "h",
    "i32": "i",
    "i64": "q",
    "f32": "f",
    "f64": "d",
    "bool": "?",
}
_GENERIC = re.compile(r"(vec|option)<(.+)>")
_ARRAY = re.compile(r"\[(.+);(\d+)\]")

Types = Mapping[str, Any]


def event_bytes(
    interface: Interface,
    event: str,
    values: Mapping[str, Any],
    *,
    eras: int | None = None,
    tail: bytes = b"",
) -> bytes:
    """An event of its first `eras` eras (all, if None), then `tail`. Missing values become zero.

    Nested structs are mappings, vecs sequences, enums an index or (index, values…).
    """
    facts = interface.events[event]
    body = bytes.fromhex(facts.discriminator)
    for layout in facts.layouts[:eras]:
        body += encoded(layout.fields, values, interface.types)
    return body + tail


def instruction_bytes(interface: Interface, name: str, values: Mapping[str, Any]) -> bytes:
    """An instruction's data: discriminator and arguments."""
    facts = interface.instructions[name]
    return bytes.fromhex(facts.discriminator) + encoded(facts.args, values, interface.types)


def encoded(fields: Sequence[str], values: Mapping[str, Any], types: Types) -> bytes:
    """Fields given as "name type", in order."""
    parts = [text.split(" ", 1) for text in fields]
    return b"".join(_value(kind, values.get(name), types) for name, kind in parts)


def _value(kind: str, value: Any, types: Types) -> bytes:
    if kind in _CODES:
        return struct.pack("<" + _CODES[kind], value or 0)
    if kind == "pubkey":
        return bytes(32) if value is None else bytes(value)
    if kind in ("u128", "i128"):
        return int(value or 0).to_bytes(16, "little", signed=kind == "i128")
    if kind in ("string", "bytes"):
        raw = value.encode() if isinstance(value, str) else bytes(value or b"")
        return struct.pack("<I", len(raw)) + raw
    if kind in types:
        return _named(types[kind], value, types)
    return _composed(kind, value, types)


def _named(definition: Any, value: Any, types: Types) -> bytes:
    if not isinstance(definition, Mapping):
        return encoded(definition, value or {}, types)
    variants = list(definition["enum"].values())
    index, inner = value if isinstance(value, tuple) else (value or 0, {})
    return bytes([index]) + encoded(variants[index], inner, types)


def _composed(kind: str, value: Any, types: Types) -> bytes:
    generic = _GENERIC.fullmatch(kind)
    if generic is not None and generic.group(1) == "option":
        return b"\0" if value is None else b"\1" + _value(generic.group(2), value, types)
    if generic is not None:
        items = list(value or ())
        encoded_items = b"".join(_value(generic.group(2), item, types) for item in items)
        return struct.pack("<I", len(items)) + encoded_items
    array = _ARRAY.fullmatch(kind)
    assert array is not None, kind
    items = list(value or [None] * int(array.group(2)))
    return b"".join(_value(array.group(1), item, types) for item in items)
