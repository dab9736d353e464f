"""Random values for an interface's fields, from a seed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

_INTEGER = re.compile(r"([ui])(8|16|32|64|128)")
_GENERIC = re.compile(r"(vec|option)<(.+)>")


def random_values(
    random: Random, fields: Sequence[str], types: Mapping[str, Any]
) -> dict[str, Any]:
    """A value for each "name type"."""
    parts = [text.split(" ", 1) for text in fields]
    return {name: _value(random, kind, types) for name, kind in parts}


def _value(random: Random, kind: str, types: Mapping[str, Any]) -> Any:
    if integer := _INTEGER.fullmatch(kind):
        bits = int(integer.group(2))
        value = random.getrandbits(bits) >> random.randrange(bits)
        return (
            value - (1 << (bits - 1)) if integer.group(1) == "i" and value >> (bits - 1) else value
        )
    if generic := _GENERIC.fullmatch(kind):
        count = random.randrange(4) if generic.group(1) == "vec" else random.randrange(2)
        items = [_value(random, generic.group(2), types) for _ in range(count)]
        return items if generic.group(1) == "vec" else next(iter(items), None)
    if kind in types:
        return _named(random, types[kind], types)
    if kind == "bool":
        return random.random() < 0.5
    if kind == "pubkey":
        return random.randbytes(32)
    if kind == "string":
        return "".join(random.choices("abc ÄŁ漢🚀", k=random.randrange(12)))
    if kind == "f64":
        return random.uniform(-1e6, 1e6)
    raise ValueError(f"no values for {kind}")


def _named(random: Random, definition: Any, types: Mapping[str, Any]) -> Any:
    if not isinstance(definition, Mapping):
        return random_values(random, definition, types)
    variants = list(definition["enum"].values())
    index = random.randrange(len(variants))
    fields = variants[index]
    return (index, random_values(random, fields, types)) if any(variants) else index
