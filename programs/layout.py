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

_Shape = tuple[
    Callable[[bytes], tuple[Any, ...]],
    tuple[tuple[int, int, bytes], ...],
    tuple[tuple[int, int], ...],
    list[None],
]
"""Reads a whole event of one length, if the counts that lie in it (start, end, bytes) are these,
and values are within limits (index, greatest); then what fields of later eras get.
"""

_MAX_SHAPES = 64

_Step = Callable[[bytes, int, Values], int]
"""Reads at an offset, appends to the values, returns the offset behind."""


class Reader:
    """Reads the fields asked for out of an event's bytes; `reader(payload)` → (values, extra
    bytes).

    Values come in layout order. Raises LayoutError if the first era does not fit.
    """

    def __init__(self, eras: Sequence[Sequence[str]], types: Types, wanted: Sequence[str]) -> None:
        fields: list[Field] = []
        self._ages: list[_Compiled] = []
        """The layout as of each era, newest first."""
        for era in eras:
            fields += _flatten([Field.parse(text) for text in era], types)
            self._ages.insert(0, _Compiled(fields, types, wanted))
        names = [name for name, _ in fields if name in wanted]
        if names != list(wanted):
            raise InterfaceError(f"asked for {list(wanted)}, the layout has {names}")
        self._width = len(names)
        self._shapes: dict[int, _Shape] = {}

    def __call__(self, payload: bytes) -> tuple[Values, int]:
        """Values of the wanted fields, and how many bytes follow the last known field."""
        shape = self._shapes.get(len(payload))
        if shape is None:
            return self._by_step(payload)
        unpack, counts, limits, absent = shape
        for start, end, count in counts:
            if payload[start:end] != count:
                return self._by_step(payload)
        values: Values = list(unpack(payload))
        for index, greatest in limits:
            if values[index] > greatest:
                return self._by_step(payload)
        values += absent
        return values, 0

    def _by_step(self, payload: bytes) -> tuple[Values, int]:
        """As of the newest era that is there whole; fields of later ones are None."""
        reason = ""
        for age in self._ages:
            values: Values = []
            at = DISCRIMINATOR_BYTES
            try:
                for step in age.steps:
                    at = step(payload, at, values)
                age.check(values)
            except (struct.error, LayoutError) as error:
                reason = str(error)
                continue
            if at == len(payload) and len(self._shapes) < _MAX_SHAPES:
                self._learn(age, payload)
            return values + [None] * (self._width - age.width), len(payload) - at
        raise LayoutError(f"{len(payload)} bytes do not fit: {reason}")

    def _learn(self, age: _Compiled, payload: bytes) -> None:
        """Remember how these bytes are cut up: all of this length and counts are read in one go."""
        codes, at = f"<{DISCRIMINATOR_BYTES}x", DISCRIMINATOR_BYTES
        counts: list[tuple[int, int, bytes]] = []
        for part in age.plan:
            if part is None:
                return
            if isinstance(part, int):
                counts.append((at, at + 4, payload[at : at + 4]))
                part = f"{4 + part * _COUNT.unpack_from(payload, at)[0]}x"
            codes += part
            at += struct.calcsize(f"<{part}")
        absent = [None] * (self._width - age.width)
        unpack = struct.Struct(codes).unpack
        self._shapes[len(payload)] = (unpack, tuple(counts), age.limits, absent)


class _Compiled:
    """A field list, ready to be read."""

    def __init__(self, fields: Sequence[Field], types: Types, wanted: Sequence[str]) -> None:
        kept = [kind for name, kind in fields if name in wanted]
        bounds = [(index, _greatest(kind, types)) for index, kind in enumerate(kept)]
        self.width = len(kept)
        self.limits = tuple((index, bound) for index, bound in bounds if bound is not None)
        """Index and greatest value of what Borsh bounds."""
        self.steps: list[_Step] = []
        self.plan: list[str | int | None] = []
        """For each step: its struct codes, the unit of an unwanted vec or string, or None."""
        run: list[tuple[str, bool]] = []
        for name, kind in fields:
            is_wanted = name in wanted
            plain = "u8" if _greatest(kind, types) is not None else kind
            if plain in _FIXED or _ARRAY.fullmatch(plain):
                run.append((_scalar(plain), is_wanted))
                continue
            self._add_run(run)
            run = []
            self.steps.append(_variable(kind, types, is_wanted))
            self.plan.append(None if is_wanted else _unit(kind, types))
        self._add_run(run)

    def _add_run(self, run: list[tuple[str, bool]]) -> None:
        if not run:
            return
        codes = "".join(_code(scalar, is_wanted) for scalar, is_wanted in run)
        kept = [scalar for scalar, is_wanted in run if is_wanted]
        wide = [(i, scalar == "i128") for i, scalar in enumerate(kept) if scalar[1:] == "128"]
        self.steps.append(_run(codes, wide))
        self.plan.append(None if wide else codes)

    def check(self, values: Values) -> None:
        """Borsh writes a bool as 0 or 1, an enum as one of its variants: else we misread."""
        for index, greatest in self.limits:
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


def _scalar(kind: str) -> str:
    """A scalar type, or an array of them as so many bytes."""
    array = _ARRAY.fullmatch(kind)
    if array is None:
        return kind
    item, count = array.group(1), int(array.group(2))
    if item not in _FIXED:
        raise InterfaceError(f"an array of {item} is not supported")
    return f"bytes{count * struct.calcsize('<' + _FIXED[item])}"


def _code(scalar: str, is_wanted: bool) -> str:
    """Its struct code: pad bytes if it is unwanted."""
    code = f"{scalar[5:]}s" if scalar.startswith("bytes") else _FIXED[scalar]
    return code if is_wanted else f"{struct.calcsize('<' + code)}x"


def _run(codes: str, wide: Sequence[tuple[int, bool]]) -> _Step:
    """One `struct` call for neighbours of fixed size. `wide`: which are 128 bits, and signed."""
    compiled = struct.Struct("<" + codes)
    size, unpack = compiled.size, compiled.unpack_from

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


def _unit(kind: str, types: Types) -> int | None:
    """Bytes of one item of a string or of a vec of fixed size; None for other types."""
    if kind in ("string", "bytes"):
        return 1
    generic = _GENERIC.fullmatch(kind)
    if generic is None or generic.group(1) != "vec":
        return None
    kinds = [kind for _, kind in _flatten([Field(("item", generic.group(2)))], types)]
    if not all(kind in _FIXED for kind in kinds):
        return None
    return sum(struct.calcsize("<" + _FIXED[kind]) for kind in kinds)


def _variable(kind: str, types: Types, is_wanted: bool) -> _Step:
    """A step for a type whose size is in the bytes."""
    unit = _unit(kind, types)
    if unit is not None and not is_wanted:
        return _skip_sized(unit)
    if kind == "string":
        return _text
    if kind == "bytes":
        return _blob
    inner = types.get(kind)
    if isinstance(inner, Mapping):
        return _enum([_whole(fields, types) for fields in inner["enum"].values()], is_wanted)
    generic = _GENERIC.fullmatch(kind)
    if generic is None:
        raise InterfaceError(f"unknown type {kind!r}")
    item = _whole([f"item {generic.group(2)}"], types)
    return _optional(item, is_wanted) if generic.group(1) == "option" else _many(item, is_wanted)


def _whole(texts: Sequence[str], types: Types) -> _Compiled:
    """All fields of a struct or variant."""
    fields = _flatten([Field.parse(text) for text in texts], types)
    return _Compiled(fields, types, [name for name, _ in fields])


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
