"""Our interfaces in the legacy form of Anchor's IDL, which is what anchorpy reads."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from programs.interface import Interface

_GENERIC = re.compile(r"(vec|option)<(.+)>")
_ARRAY = re.compile(r"\[(.+);(\d+)\]")
_SIMPLE = {"u8", "u16", "u32", "u64", "u128", "i8", "i16", "i32", "i64", "i128", "f32", "f64"}
_SIMPLE |= {"bool", "string", "bytes"}


def legacy_idl(interface: Interface, eras: Mapping[str, int]) -> dict[str, Any]:
    """The interface with the events named in `eras`, each as of its first so many eras."""
    return {
        "version": "0.1.0",
        "name": interface.program,
        "instructions": [],
        "events": [
            {
                "name": name.partition("@")[0],
                "fields": [
                    {**field, "index": False}
                    for layout in interface.events[name].layouts[:count]
                    for field in _fields(layout.fields)
                ],
            }
            for name, count in eras.items()
        ],
        "types": [_type(name, definition) for name, definition in interface.types.items()],
    }


def _fields(texts: Sequence[str]) -> list[dict[str, Any]]:
    parts = [text.split(" ", 1) for text in texts]
    return [{"name": camel(name), "type": _kind(kind)} for name, kind in parts]


def camel(name: str) -> str:
    """amount_in → amountIn, as legacy interfaces write names."""
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


def _kind(kind: str) -> Any:
    if kind in _SIMPLE:
        return kind
    if kind == "pubkey":
        return "publicKey"
    if generic := _GENERIC.fullmatch(kind):
        return {generic.group(1): _kind(generic.group(2))}
    if array := _ARRAY.fullmatch(kind):
        return {"array": [_kind(array.group(1)), int(array.group(2))]}
    return {"defined": kind}


def _type(name: str, definition: Any) -> dict[str, Any]:
    if not isinstance(definition, Mapping):
        return {"name": name, "type": {"kind": "struct", "fields": _fields(definition)}}
    variants = [
        {"name": variant, **({"fields": _fields(fields)} if fields else {})}
        for variant, fields in definition["enum"].items()
    ]
    return {"name": name, "type": {"kind": "enum", "variants": variants}}
