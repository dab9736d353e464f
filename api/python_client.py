"""The Python client's types of what it yields, made from the same schemas as AsyncAPI.

    python -m api.python_client       writes clients/python/curvefeed_client/events.py

A test fails where that file is not what this makes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from api.asyncapi import Json, name_of, schemas
from api.services.frames import EVENT_FRAMES

TARGET = (
    Path(__file__).resolve().parents[1] / "clients" / "python" / "curvefeed_client" / "events.py"
)

_HEAD = '''\
"""Made by `python -m api.python_client` from the models of the API: never edited by hand.

Frames as they come: dictionaries, told apart by `type`. Amounts and other integers that may pass
2^53 are decimal strings of base units, prices are decimal strings of quote per base token in whole
tokens, keys and signatures are base58.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypeAlias, TypedDict
'''
_SIMPLE = {
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "null": "None",
}
_SNAPSHOT = "SnapshotFrame"
_WIDTH = 100


def python() -> str:
    """The whole file."""
    models = schemas()
    wanted = [_SNAPSHOT, *(name_of(model) for model in EVENT_FRAMES)]
    needed = _with_used(wanted, models)
    parts = [_HEAD, *(_class(name, models[name]) for name in models if name in needed)]
    names = "\n    | ".join(wanted)
    parts.append(f'\nEvent: TypeAlias = (\n    {names}\n)\n"""What a subscription yields."""\n')
    return "\n".join(parts)


def _with_used(names: list[str], models: dict[str, Json]) -> set[str]:
    found: set[str] = set()
    while names:
        name = names.pop()
        if name not in found:
            found.add(name)
            names = names + [other for other in models if f'/{other}"' in json.dumps(models[name])]
    return found


def type_of(schema: Json) -> str:
    """A JSON Schema as a type. Raises ValueError for what has no rule here."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " | ".join(type_of(each) for each in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        values = schema.get("enum") or [schema["const"]]
        if None in values:
            return type_of({"enum": [value for value in values if value is not None]}) + " | None"
        return f"Literal[{', '.join(json.dumps(value) for value in values)}]"
    kind = schema.get("type")
    if kind == "array":
        return f"list[{type_of(schema.get('items') or {})}]"
    if kind == "object" and "properties" not in schema:
        return f"dict[str, {type_of(schema.get('additionalProperties') or {})}]"
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    if not set(schema) - {"title", "description", "default"}:
        return "Any"
    raise ValueError(f"no Python for {schema}")


def _class(name: str, schema: Json) -> str:
    required = set(schema.get("required", ()))
    lines = ["", f"class {name}(TypedDict):", *_docstring(schema), ""]
    for field, each in schema["properties"].items():
        kind = type_of(each)
        lines.append(f"    {field}: {kind if field in required else f'NotRequired[{kind}]'}")
        lines += _docstring(each)
    return "\n".join([*lines, ""])


def _docstring(schema: Json) -> Iterator[str]:
    words = " ".join(schema.get("description", "").split()).replace('"', "'").split(" ")
    if words == [""]:
        return
    line = '    """'
    for number, word in enumerate(words):
        if len(line) + len(word) + 4 > _WIDTH:
            yield line.rstrip()
            line = "    "
        line += ("" if number == 0 or line == "    " else " ") + word
    yield f'{line}"""'


def main() -> None:
    """Write the file."""
    TARGET.write_text(python(), encoding="utf-8")


if __name__ == "__main__":
    main()
