"""hub.v1 from outside: what there is of everything. Codes keep their meaning for ever, so the lists
stand here once more, in full; see test_protocol.py.
"""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from tests.conformance.conftest import Dial
from tests.helpers.asyncapi import Judge
from tests.helpers.conformance import Target, quiet

ERRORS = {
    "bad_json", "bad_message", "unknown_type", "too_large", "rate_limited", "too_many_rooms",
    "invalid_room", "unknown_room", "unauthenticated", "token_invalid", "token_expired",
    "forbidden", "ticket_used", "internal", "unavailable", "unsupported_protocol",
}  # fmt: skip
CLOSINGS = {
    1001: True, 1002: False, 1003: False, 1007: False, 1009: False, 1011: True, 1012: True,
    1013: True, 4400: False, 4401: False, 4403: False, 4408: True, 4410: False, 4429: True,
    4440: True, 4441: True, 4442: False, 4443: True,
}  # fmt: skip
"""Code, and whether to come back."""
SAID = {"subscribe", "unsubscribe", "auth", "ping", "pong", "rooms"}
TOLD = {
    "welcome", "subscribed", "unsubscribed", "snapshot", "resync", "pos", "ping", "pong", "rooms",
    "authed", "auth_expiring", "error", "goodbye",
}  # fmt: skip
HAPPENINGS = {
    "token_created", "new_trade", "curve_completed", "token_migrated", "retracted", "price_update",
    "portfolio_update", "candle_update", "market_stats", "finality",
}  # fmt: skip
HIDDEN = (TOLD | HAPPENINGS) - SAID | {
    "publish", "broadcast", "notify", "message", "event", "join", "leave", "connect", "disconnect",
    "admin", "debug", "stats", "history", "presence", "eval", "set", "config", "Subscribe", "",
}  # fmt: skip
"""What a client might try to say. Nobody but the server may make an event."""


@pytest.fixture
async def document(target: Target) -> dict[str, Any]:
    """The server's AsyncAPI document."""
    async with httpx2.AsyncClient() as http:
        found: dict[str, Any] = (await http.get(f"{target.base}/asyncapi.json")).json()
    return found


async def test_every_error_code(document: dict[str, Any]) -> None:
    """The registry of errors: these, and no others."""
    assert set(document["components"]["schemas"]["ErrorFrame"]["properties"]["code"]["enum"]) == (
        ERRORS
    )


async def test_every_close_code(document: dict[str, Any]) -> None:
    """The registry of ends: these, each with whether to come back, and if so after how long."""
    listed = document["channels"]["websocket"]["x-close-codes"]
    assert {each["code"]: each["reconnect"] for each in listed} == CLOSINGS
    for each in listed:
        assert (each["after_ms"] is not None) is each["reconnect"]
        assert each["reason"]


async def test_every_message(document: dict[str, Any], judge: Judge) -> None:
    """What clients may say and what they are told: these, and no others."""
    names = document["operations"]
    assert {name.removeprefix("say_") for name in names if name.startswith("say_")} == SAID
    assert set(judge.told) == TOLD | HAPPENINGS


async def test_nothing_else_is_obeyed(dial: Dial) -> None:
    """There are no hidden messages: the server's own types, and what other hubs understand, are
    `unknown_type`, four to a connection as the fifth would end it."""
    names = sorted(HIDDEN)
    for at in range(0, len(names), 4):
        client = await dial(f"?room={quiet()}")
        for name in names[at : at + 4]:
            await client.say(type=name, id=name, room="global", data={"mint": quiet()})
            error = await client.take("error")
            assert (error["id"], error["code"]) == (name, "unknown_type")
        await client.say(type="rooms", id=1)
        assert len((await client.take("rooms"))["rooms"]) == 1
