"""The page's types of the feed are the feed's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from common import messages

TYPES = Path(__file__).resolve().parents[3] / "frontend" / "src" / "lib" / "messages.ts"
INTERFACE = re.compile(r"export interface (\w+) \{\n(.*?)\n\}", re.DOTALL)
FIELD = re.compile(r"^  (\w+): (.+);$", re.MULTILINE)
STRUCTS = [
    found
    for found in vars(messages).values()
    if isinstance(found, type)
    and issubclass(found, msgspec.Struct)
    and found.__module__ == messages.__name__
]


def interfaces() -> dict[str, dict[str, str]]:
    """Name of every interface to its fields and their types."""
    found = INTERFACE.findall(TYPES.read_text())
    return {name: dict(FIELD.findall(body)) for name, body in found}


def typescript(annotation: object) -> str:
    """What a Python type is on the wire."""
    names = {str: "string", int: "number", float: "number", bool: "boolean", type(None): "null"}
    if annotation in names:
        return names[annotation]
    text = str(annotation)
    arguments = get_args(annotation)
    if text.startswith("list["):
        return f"{typescript(arguments[0])}[]"
    if text.startswith("dict["):
        return f"Record<{typescript(arguments[0])}, {typescript(arguments[1])}>"
    if text.startswith("typing.Literal["):
        return " | ".join(f'"{value}"' for value in arguments)
    return " | ".join(typescript(part) for part in arguments)


@pytest.mark.parametrize("struct", STRUCTS, ids=lambda struct: struct.__name__)
def test_an_event_has_the_same_fields_on_both_sides(struct: type[msgspec.Struct]) -> None:
    """Name by name and type by type."""
    fields = {field.name: typescript(field.type) for field in msgspec.structs.fields(struct)}
    assert interfaces()[struct.__name__] == fields


def test_every_event_has_a_type() -> None:
    """The names of log and state events are those of the page's FeedEvents."""
    names = {*get_args(messages.LogEvent), *get_args(messages.StateEvent)}
    assert set(interfaces()["FeedEvents"]) == names
