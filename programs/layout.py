"""Borsh layouts, compiled once from an interface's field lists into fast readers of event bytes.

Programs grow their events at the tail. A layout is therefore a list of eras: the first must be
there, each later one is read if it is there whole, and what follows the last known field is
counted, never an error. All fixed-size neighbours are read by one `struct` call, unneeded fields
are skipped.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

DISCRIMINATOR_BYTES = 8

Values = list[Any]
"""Field values in layout order: int, float, bytes (32, for a key), str, tuple, or None for a field
of an era that these bytes do not have."""

_FIXED = {
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
    "bool": "B",
    "pubkey": "32s",
    "u128": "16s",
    "i128": "16s",
}
_GENERIC = re.compile(r"(vec|option)<(.+)>")
_ARRAY = re.compile(r"\[(.+);(\d+)\]")
_COUNT = struct.Struct("<I")


class LayoutError(ValueError):
    """These bytes do not fit the layout: too short, or a value that Borsh would never write."""


class InterfaceError(ValueError):
    """An interface file is wrong: unknown type, unknown field, or fields asked out of order."""


class Field(tuple[str, str]):
    """(name, type), written "name type" in an interface file."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Field:
        """From "name type"."""
        name, _, type_name = text.partition(" ")
        if not type_name:
            raise InterfaceError(f"field {text!r} has no type")
        return cls((name, type_name))


Types = Mapping[str, Sequence[str] | Mapping[str, Mapping[str, Sequence[str]]]]
"""Named types: a struct's fields as "name type", or an enum as {"enum": {variant: fields}}."""

_Step = Callable[[bytes, int, Values], int]
"""Reads at an offset, appends to the values, returns the offset behind."""


class Reader:
    """Reads the fields asked for out of an event's bytes; `reader(payload)` → (values, extra
    bytes).

    Values come in layout order. Raises LayoutError if the first era does not fit.
    """

    def __init__(self, eras: Sequence[Sequence[str]], types: Types, wanted: Sequence[str]) -> None:
        flat = [_flatten([Field.parse(text) for text in era], types) for era in eras]
        self._eras = [_compile(era, types, wanted) for era in flat]
        self._newest = _compile([field for era in flat for field in era], types, wanted)
        names = [name for era in flat for name, _ in era if name in wanted]
        if names != list(wanted):
            raise InterfaceError(f"asked for {list(wanted)}, the layout has {names}")

    def __call__(self, payload: bytes) -> tuple[Values, int]:
        """Values of the wanted fields, and how many bytes follow the last known field."""
        values: Values = []
        at = DISCRIMINATOR_BYTES
        try:
            for step in self._newest.steps:
                at = step(payload, at, values)
            self._newest.check(values)
        except (struct.error, LayoutError):
            return self._by_era(payload)
        return values, len(payload) - at

    def _by_era(self, payload: bytes) -> tuple[Values, int]:
        """Older bytes: era by era, until one is not there whole; its fields and later are None."""
        values: Values = []
        at = DISCRIMINATOR_BYTES
        for number, era in enumerate(self._eras):
            read: Values = []
            end = at
            try:
                for step in era.steps:
                    end = step(payload, end, read)
                era.check(read)
            except (struct.error, LayoutError) as error:
                if number == 0:
                    raise LayoutError(f"{len(payload)} bytes do not fit: {error}") from None
                break
            values += read
            at = end
        values += [None] * (self._newest.width - len(values))
        return values, len(payload) - at


class _Compiled:
    """Steps of a field list, how many values they give, and which of those are bounded."""

    def __init__(self, steps: list[_Step], width: int, limits: tuple[tuple[int, int], ...]) -> None:
        self.steps = steps
        self.width = width
        self._limits = limits

    def check(self, values: Values) -> None:
        """Borsh writes a bool as 0 or 1, an enum as one of its variants: else we misread."""
        for index, greatest in self._limits:
            if values[index] > greatest:
                raise LayoutError(f"{values[index]} where at most {greatest} can be")


def _flatten(fields: Sequence[Field], types: Types) -> list[Field]:
    """Nested structs become dotted fields: `swap_result.output_amount`."""
    flat: list[Field] = []
    for name, type_name in fields:
        inner = types.get(type_name)
        if inner is None or isinstance(inner, Mapping):
            flat.append(Field((name, type_name)))
        else:
            nested = [Field.parse(text) for text in inner]
            flat += _flatten([Field((f"{name}.{sub}", kind)) for sub, kind in nested], types)
    return flat


def _greatest(type_name: str, types: Types) -> int | None:
    """Greatest value of a one-byte type that Borsh bounds: a bool, an enum without data."""
    if type_name == "bool":
        return 1
    inner = types.get(type_name)
    if isinstance(inner, Mapping) and not any(inner["enum"].values()):
        return len(inner["enum"]) - 1
    return None


def _compile(fields: Sequence[Field], types: Types, wanted: Sequence[str]) -> _Compiled:
    steps: list[_Step] = []
    run: list[tuple[str, bool]] = []
    kept = [field for field in fields if field[0] in wanted]
    for name, type_name in fields:
        is_wanted = name in wanted
        plain = "u8" if _greatest(type_name, types) is not None else type_name
        if plain in _FIXED or _ARRAY.fullmatch(plain):
            run += [(scalar, is_wanted) for scalar in _scalars(plain)]
            continue
        if run:
            steps.append(_run(run))
            run = []
        steps.append(_variable(type_name, types, is_wanted))
    if run:
        steps.append(_run(run))
    limits = [(index, _greatest(kind, types)) for index, (_, kind) in enumerate(kept)]
    bounded = tuple((index, greatest) for index, greatest in limits if greatest is not None)
    return _Compiled(steps, len(kept), bounded)


def _scalars(type_name: str) -> list[str]:
    """The scalar itself, or an array of bytes as one run of bytes. Other arrays are refused."""
    array = _ARRAY.fullmatch(type_name)
    if array is None:
        return [type_name]
    item, count = array.group(1), int(array.group(2))
    if item not in _FIXED:
        raise InterfaceError(f"an array of {item} is not supported")
    return [f"bytes{count * struct.calcsize('<' + _FIXED[item])}"]


def _code(scalar: str) -> str:
    return f"{scalar[5:]}s" if scalar.startswith("bytes") else _FIXED[scalar]


def _run(fields: Sequence[tuple[str, bool]]) -> _Step:
    """One `struct` call for neighbours of fixed size; unwanted ones are pad bytes."""
    codes = "<"
    for scalar, is_wanted in fields:
        code = _code(scalar)
        codes += code if is_wanted else f"{struct.calcsize('<' + code)}x"
    compiled = struct.Struct(codes)
    size, unpack = compiled.size, compiled.unpack_from
    kept = [scalar for scalar, is_wanted in fields if is_wanted]
    wide = [(i, scalar == "i128") for i, scalar in enumerate(kept) if scalar in ("u128", "i128")]

    def read(payload: bytes, at: int, values: Values) -> int:
        values += unpack(payload, at)
        return at + size

    def read_wide(payload: bytes, at: int, values: Values) -> int:
        start = len(values)
        values += unpack(payload, at)
        for index, is_signed in wide:
            raw = values[start + index]
            values[start + index] = int.from_bytes(raw, "little", signed=is_signed)
        return at + size

    return read_wide if wide else read


def _variable(type_name: str, types: Types, is_wanted: bool) -> _Step:
    if type_name == "string":
        return _text if is_wanted else _skip_sized(1)
    if type_name == "bytes":
        return _blob if is_wanted else _skip_sized(1)
    inner = types.get(type_name)
    if isinstance(inner, Mapping):
        return _enum([_whole(fields, types) for fields in inner["enum"].values()], is_wanted)
    generic = _GENERIC.fullmatch(type_name)
    if generic is None:
        raise InterfaceError(f"unknown type {type_name!r}")
    fields = _flatten([Field(("item", generic.group(2)))], types)
    item = _compile(fields, types, [name for name, _ in fields])
    if generic.group(1) == "option":
        return _optional(item, is_wanted)
    if not is_wanted and all(kind in _FIXED for _, kind in fields):
        return _skip_sized(sum(struct.calcsize("<" + _FIXED[kind]) for _, kind in fields))
    return _many(item, is_wanted)


def _whole(texts: Sequence[str], types: Types) -> _Compiled:
    """All fields of a struct or variant."""
    fields = _flatten([Field.parse(text) for text in texts], types)
    return _compile(fields, types, [name for name, _ in fields])


def _sized(payload: bytes, at: int, unit: int) -> tuple[int, int]:
    """Start and end of something with a u32 count before it, of `unit` bytes each."""
    start = at + 4
    end = start + _COUNT.unpack_from(payload, at)[0] * unit
    if end > len(payload):
        raise LayoutError(f"{end - len(payload)} bytes are missing")
    return start, end


def _text(payload: bytes, at: int, values: Values) -> int:
    start, end = _sized(payload, at, 1)
    try:
        values.append(payload[start:end].decode())
    except UnicodeDecodeError as error:
        raise LayoutError(f"a string is not UTF-8: {error.reason}") from None
    return end


def _blob(payload: bytes, at: int, values: Values) -> int:
    start, end = _sized(payload, at, 1)
    values.append(payload[start:end])
    return end


def _skip_sized(unit: int) -> _Step:
    def skip(payload: bytes, at: int, values: Values) -> int:  # noqa: ARG001 (a step's signature)
        return _sized(payload, at, unit)[1]

    return skip


def _many(item: _Compiled, is_wanted: bool) -> _Step:
    """A vec: a tuple of items, an item of several fields being a tuple itself."""

    def read(payload: bytes, at: int, values: Values) -> int:
        # Each item takes at least a byte, so a hostile count ends at the end of the bytes.
        count = _COUNT.unpack_from(payload, at)[0]
        at += 4
        items: Values = []
        for _ in range(count):
            at = _item(item, payload, at, items)
        if is_wanted:
            values.append(tuple(items))
        return at

    return read


def _optional(item: _Compiled, is_wanted: bool) -> _Step:
    def read(payload: bytes, at: int, values: Values) -> int:
        if at >= len(payload) or payload[at] > 1:
            raise LayoutError("an option's tag is neither 0 nor 1")
        found: Values = [None]
        end = _item(item, payload, at + 1, found) if payload[at] else at + 1
        if is_wanted:
            values.append(found[-1])
        return end

    return read


def _enum(variants: Sequence[_Compiled], is_wanted: bool) -> _Step:
    """An enum with data: (index of the variant, its values)."""

    def read(payload: bytes, at: int, values: Values) -> int:
        if at >= len(payload) or payload[at] >= len(variants):
            raise LayoutError("an enum's variant is unknown")
        variant = variants[payload[at]]
        found: Values = []
        end = at + 1
        for step in variant.steps:
            end = step(payload, end, found)
        variant.check(found)
        if is_wanted:
            values.append((payload[at], *found))
        return end

    return read


def _item(item: _Compiled, payload: bytes, at: int, into: Values) -> int:
    parts: Values = []
    for step in item.steps:
        at = step(payload, at, parts)
    item.check(parts)
    into.append(parts[0] if len(parts) == 1 else tuple(parts))
    return at
