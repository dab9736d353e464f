"""The WebSocket's AsyncAPI 3 document, made from the models the hub speaks with.

`schemas()` is also what the page's types are made from (api/typescript.py): one set of models, two
documents.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec

from api.schemas import RoomData
from api.services.frames import EVENT_FRAMES
from api.services.messages import ServerMessage
from api.services.protocol import CLOSINGS, SUBPROTOCOL
from api.services.requests import ANSWERS
from db.bars import INTERVALS

Json = dict[str, Any]

_SCHEMAS = "#/components/schemas/"
_CHANNEL = "#/channels/websocket"
_DESCRIPTION = (
    "Everything that happens on the bonding curves, as it happens. The hub is the application "
    "described here: it `send`s what clients get and `receive`s what they say. docs/protocol.md "
    "is the same in words; ignore fields and types you don't know."
)
_QUERY: Json = {
    "type": "object",
    "description": "All are optional.",
    "properties": {
        "room": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Subscribes: global, token_{mint} or user_{wallet}; may be repeated.",
        },
        "since": {"type": "string", "description": "Resumes from here: <epoch>:<seq>."},
        "candles": {
            "type": "array",
            "items": {"enum": list(INTERVALS)},
            "description": "Of the tokens' rooms: candle_update of these intervals.",
        },
        "snapshot": {"enum": ["1", "true"], "description": "Begin with a snapshot."},
        "token": {"type": "string", "description": "A ticket or an access token."},
    },
}

Model = type[msgspec.Struct]


def requests() -> tuple[Model, ...]:
    """Models of what clients may say."""
    return tuple(ANSWERS)


def answers() -> tuple[Model, ...]:
    """Models of the hub's own messages."""
    return tuple(ServerMessage.__subclasses__())


def frames() -> tuple[Model, ...]:
    """Models of everything the hub sends."""
    return (*answers(), *EVENT_FRAMES)


def tag_of(model: Model) -> str:
    """Its `type` on the wire."""
    return str(model.__struct_config__.tag)


def name_of(model: Model) -> str:
    """Its name in the documents: what the hub sends is a …Frame, so that no message has the name of
    something else."""
    is_answer = issubclass(model, ServerMessage)
    return f"{model.__name__}Frame" if is_answer else model.__name__


def schemas() -> dict[str, Json]:
    """JSON Schema (draft 7) of every message and of what is in them, by name."""
    models = (*requests(), *frames())
    _, found = msgspec.json.schema_components(models, ref_template=_SCHEMAS + "{name}")
    named = {name_of(model): found.pop(model.__name__) for model in models}
    named["SnapshotFrame"]["properties"]["data"] = {"$ref": f"{_SCHEMAS}RoomData"}
    ours = {name: _draft_7(schema) for name, schema in (named | found).items()}
    return ours | _room_data()


def _room_data() -> dict[str, Json]:
    """What a snapshot holds; pydantic's models, as REST has them."""
    root = RoomData.model_json_schema(ref_template=_SCHEMAS + "{model}")
    parts: dict[str, Json] = root.pop("$defs")
    return {"RoomData": root} | parts


def _draft_7(schema: Any) -> Any:
    """msgspec speaks draft 2020-12; AsyncAPI's schemas are draft 7, where tuples look otherwise."""
    if isinstance(schema, list):
        return [_draft_7(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    turned = {key: _draft_7(value) for key, value in schema.items()}
    if "prefixItems" in turned:
        turned |= {"items": turned.pop("prefixItems"), "additionalItems": False}
    if isinstance(text := turned.get("description"), str):
        turned["description"] = " ".join(text.split())
    return turned


@cache
def document() -> bytes:
    """The document, as JSON, without `servers`: those are where it is asked for."""
    return msgspec.json.encode(
        {
            "asyncapi": "3.0.0",
            "info": {
                "title": "curvefeed",
                "version": "0.1.0",
                "description": _DESCRIPTION,
                "license": {"name": "MIT"},
            },
            "defaultContentType": "application/json",
            "channels": {"websocket": _channel()},
            "operations": dict(_operations()),
            "components": {
                "messages": {name_of(model): _message(model) for model in (*requests(), *frames())},
                "schemas": schemas(),
            },
        }
    )


def document_at(host: str, *, is_secure: bool) -> bytes:
    """The document with the server it was asked at: `host` is a name and maybe a port."""
    protocol = "wss" if is_secure else "ws"
    servers = {"here": {"host": host, "protocol": protocol}}
    return msgspec.json.encode(msgspec.json.decode(document()) | {"servers": servers})


def _channel() -> Json:
    names = [name_of(model) for model in (*requests(), *frames())]
    return {
        "address": "/api/v1/websocket/ws",
        "title": SUBPROTOCOL,
        "description": f"JSON text frames, subprotocol {SUBPROTOCOL}.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {"ws": {"method": "GET", "query": _QUERY, "bindingVersion": "0.1.0"}},
        "x-close-codes": [msgspec.to_builtins(closing) for closing in CLOSINGS.values()],
    }


def _operations() -> Iterator[tuple[str, Json]]:
    channel = {"$ref": _CHANNEL}
    for model, replies in ANSWERS.items():
        operation: Json = {"action": "receive", "channel": channel, "messages": _refs(model)}
        if replies:
            operation["reply"] = {"channel": channel, "messages": _refs(*replies)}
        yield f"say_{tag_of(model)}", operation
    yield "tell", {"action": "send", "channel": channel, "messages": _refs(*answers())}
    yield "happen", {"action": "send", "channel": channel, "messages": _refs(*EVENT_FRAMES)}


def _refs(*models: Model) -> list[Json]:
    return [{"$ref": f"{_CHANNEL}/messages/{name_of(model)}"} for model in models]


def _message(model: Model) -> Json:
    return {
        "name": tag_of(model),
        "summary": " ".join((model.__doc__ or "").split()),
        "payload": {"$ref": _SCHEMAS + name_of(model)},
    }
