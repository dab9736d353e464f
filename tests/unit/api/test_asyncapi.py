"""One set of models: the code that runs, the AsyncAPI document and the page's types agree."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from api import typescript
from api.asyncapi import document_at, name_of, tag_of
from api.services.frames import EVENT_FRAMES, EventFrame, LogFrame
from api.services.protocol import ClientMessage, parse_message, parse_room
from api.services.publishing import MODELS, PUBLISHABLE
from api.services.requests import ANSWERS, Request
from api.services.rooms import RowFrames
from common.messages import PortfolioUpdate, PriceUpdate
from db.feed import STATE_EVENTS, FeedRow
from programs.keys import b58
from tests.helpers.asyncapi import Judge, references, resolve
from tests.helpers.hub import MINT_A, WALLET

DOCUMENT: dict[str, Any] = json.loads(document_at("hub.example", is_secure=True))
SAMPLES: dict[type, object] = {
    str: "x", int: 7, list[str]: ["x"], dict[str, str]: {"fee": "1"}, dict[str, Any]: {"any": 1},
}  # fmt: skip


def sample(model: type[msgspec.Struct]) -> Any:
    """Any instance of a model, from its fields' types."""
    values = {}
    for field in msgspec.structs.fields(model):
        kind = field.type
        first = getattr(kind, "__args__", (kind,))[0]
        values[field.name] = SAMPLES[kind] if kind in SAMPLES else SAMPLES.get(first, first)
    return msgspec.convert(values, model)


def test_the_types_of_the_page_are_made_from_the_models() -> None:
    """messages.gen.ts is what `python -m api.typescript` makes."""
    assert typescript.TARGET.read_text() == typescript.typescript()


def test_what_has_no_rule_has_no_type() -> None:
    """A schema that the generator doesn't know fails it, rather than being left out."""
    with pytest.raises(ValueError, match="no TypeScript"):
        typescript.type_of({"allOf": []})


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "integer"}, "number"),
        ({"anyOf": [{"$ref": "#/components/schemas/Since"}, {"type": "null"}]}, "Since | null"),
        ({"enum": ["a", "b"]}, '"a" | "b"'),
        ({"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
         "(string | null)[]"),
        ({"type": "array", "items": [{"type": "integer"}, {"type": "string"}]}, "[number, string]"),
        ({"type": "object", "additionalProperties": {"type": "string"}}, "Record<string, string>"),
        ({"type": "object"}, "Record<string, unknown>"),
        ({}, "unknown"),
    ],
)  # fmt: skip
def test_schemas_become_types(schema: dict[str, Any], expected: str) -> None:
    """Each kind of schema has its TypeScript."""
    assert typescript.type_of(schema) == expected


def test_references_lead_somewhere() -> None:
    """No $ref of the document points to nothing, and each reply is a message of the channel."""
    assert references(DOCUMENT)
    for reference in references(DOCUMENT):
        assert resolve(DOCUMENT, reference)


def test_the_server_is_where_it_was_asked() -> None:
    """`servers` names host and scheme of the request."""
    assert DOCUMENT["servers"] == {"here": {"host": "hub.example", "protocol": "wss"}}
    plain = json.loads(document_at("127.0.0.1:8001", is_secure=False))
    assert plain["servers"] == {"here": {"host": "127.0.0.1:8001", "protocol": "ws"}}


def test_events_are_those_that_can_be_published() -> None:
    """Every event that the feed takes has a frame, with the same model of its data; what is final
    and what a bar is are the indexer's alone to say."""
    assert {tag_of(model) for model in EVENT_FRAMES} - {"finality", "candle_update"} == PUBLISHABLE
    for model in EVENT_FRAMES:
        if tag_of(model) not in PUBLISHABLE:
            continue
        data = {field.name: field.type for field in msgspec.structs.fields(model)}["data"]
        assert data == MODELS.get(tag_of(model), dict[str, Any])


@pytest.mark.parametrize("model", EVENT_FRAMES, ids=tag_of)
def test_frames_are_what_the_hub_writes(model: type[EventFrame]) -> None:
    """A row of the feed, as rooms.py writes it, is its model's, field for field: nothing more,
    nothing less."""
    event = tag_of(model)
    data = {field.name: field.type for field in msgspec.structs.fields(model)}["data"]
    value = {"any": 1} if data == dict[str, Any] else sample(data)
    text = msgspec.json.encode(value).decode()
    row = feed_row(event, text)
    rooms = {"portfolio_update": f"user_{b58(WALLET)}", "candle_update": f"token_{b58(MINT_A)}"}
    frames = RowFrames(parse_room(rooms.get(event, "global")), row, prev=6)
    frame = frames.log if event not in STATE_EVENTS else frames.states[0]
    assert frame is not None
    assert msgspec.json.decode(frame.payload, type=model, strict=True)
    names = {field.encode_name for field in msgspec.structs.fields(model)} | {"type"}
    assert set(json.loads(frame.payload)) == names
    assert issubclass(model, LogFrame) is (event not in STATE_EVENTS)
    assert Judge(DOCUMENT).faults(json.loads(frame.payload)) == []


def feed_row(event: str, data: str) -> FeedRow:
    """A row of the feed."""
    return FeedRow(
        seq=7, ts=1, slot=5, event=event, mint=MINT_A, wallet=WALLET, data=data, price_update=None,
        portfolio_update=None,
    )  # fmt: skip


def test_states_that_travel_with_a_trade_have_models() -> None:
    """The two states of a log event's row are events of their own in the document."""
    assert MODELS["price_update"] is PriceUpdate
    assert MODELS["portfolio_update"] is PortfolioUpdate


@pytest.mark.parametrize("model", ANSWERS, ids=tag_of)
def test_what_a_client_may_say_is_understood(model: type[Request]) -> None:
    """Each documented message is read, with all its fields, by the parser that runs."""
    given = {field.name: field.type for field in msgspec.structs.fields(model)}
    known = {field.name: field.type for field in msgspec.structs.fields(ClientMessage)}
    for name, kind in given.items():
        assert kind == known[name] or kind | None == known[name], name
    said = {"since": {"epoch": "e", "seq": 7}, "snapshot": True, "events": ["new_trade"]}
    message = {"type": tag_of(model), "id": 3, "room": "global", "token": "t"} | said
    message = {name: value for name, value in message.items() if name in {*given, "type"}}
    assert Judge(DOCUMENT).faults_of(name_of(model), message) == []
    heard = msgspec.to_builtins(parse_message(json.dumps(message)))
    assert {name: heard[name] for name in message} == message


def test_a_wrong_message_has_faults() -> None:
    """The schemas refuse what is wrong: a missing field, another type, a tuple too long."""
    judge = Judge(DOCUMENT)
    goodbye = {"type": "goodbye", "code": 4441, "reason": "x", "reconnect": True}
    assert judge.faults(goodbye | {"after_ms": [0, 1]}) == []
    assert judge.faults(goodbye)
    assert judge.faults(goodbye | {"after_ms": [0, 1, 2]})
    assert judge.faults(goodbye | {"after_ms": None, "code": "4441"})
    assert judge.faults({"type": "nonsense"})
