"""The page's types of everything on the WebSocket, made from the same schemas as AsyncAPI.

    python -m api.typescript          writes frontend/src/lib/messages.gen.ts

A test fails where that file is not what this makes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from api.asyncapi import Json, Model, frames, name_of, requests, schemas, tag_of
from api.services.frames import EVENT_FRAMES

TARGET = Path(__file__).resolve().parents[1] / "frontend" / "src" / "lib" / "messages.gen.ts"

_HEAD = """\
// Made by `python -m api.typescript` from the models of the API: never edited by hand.
//
// Amounts and other integers that may pass 2^53 are decimal strings of base units, prices are
// decimal strings of quote per base token in whole tokens, keys and signatures are base58.
"""
_SIMPLE = {
    "string": "string",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "null": "null",
}


def typescript() -> str:
    """The whole file."""
    parts = [_HEAD, *(_interface(name, each) for name, each in schemas().items())]
    parts.append(_union("ServerFrame", "Everything the hub sends.", frames()))
    parts.append(_union("ClientMessage", "Everything a client may say.", requests()))
    parts.append(_events())
    return "\n".join(parts)


def type_of(schema: Json) -> str:
    """A JSON Schema as a type. Raises ValueError for what has no rule here."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " | ".join(type_of(each) for each in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        values = schema.get("enum") or [schema["const"]]
        return " | ".join(json.dumps(value) for value in values)
    kind = schema.get("type")
    if kind == "array":
        return _array(schema)
    if kind == "object" and "properties" not in schema:
        inner = schema.get("additionalProperties", {})
        return f"Record<string, {type_of(inner) if inner else 'unknown'}>"
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    if not set(schema) - {"title", "description", "default"}:
        return "unknown"
    raise ValueError(f"no TypeScript for {schema}")


def _array(schema: Json) -> str:
    items: Any = schema.get("items", {})
    if isinstance(items, list):
        return f"[{', '.join(type_of(each) for each in items)}]"
    inner = type_of(items)
    return f"({inner})[]" if "|" in inner else f"{inner}[]"


def _interface(name: str, schema: Json) -> str:
    required = set(schema.get("required", ()))
    lines = [*_comment(schema, ""), f"export interface {name} {{"]
    for field, each in schema["properties"].items():
        lines += _comment(each, "  ")
        lines.append(f"  {field}{'' if field in required else '?'}: {type_of(each)};")
    return "\n".join([*lines, "}", ""])


def _comment(schema: Json, indent: str) -> Iterator[str]:
    if text := " ".join(schema.get("description", "").split()):
        yield f"{indent}/** {text.replace('*/', '* /')} */"


def _union(name: str, comment: str, models: tuple[Model, ...]) -> str:
    names = "".join(f"\n  | {name_of(model)}" for model in models)
    return f"/** {comment} */\nexport type {name} ={names};\n"


def _events() -> str:
    """Event name to its data: what a page's callbacks are typed by."""
    lines = [f'  {tag_of(model)}: {name_of(model)}["data"];' for model in EVENT_FRAMES]
    return "\n".join(["/** Event name to its data. */", "export interface FeedEvents {", *lines,
                      "}", ""])  # fmt: skip


def main() -> None:
    """Write the file."""
    TARGET.write_text(typescript(), encoding="utf-8")


if __name__ == "__main__":
    main()
