"""What a client may say, one model per message: what the documents are made from.

`protocol.parse_message` reads all of them into one ClientMessage, since it also takes aliases and
wants to say exactly what is wrong. A test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from api.services.messages import (
    Authed,
    Error,
    Identifier,
    Pong,
    Rooms,
    ServerMessage,
    Subscribed,
    Unsubscribed,
)
from api.services.protocol import Since


class Request(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Root of all. `id` comes back with the answer: an integer, or up to 64 characters."""

    id: Identifier | None = None


class Subscribe(Request, frozen=True, kw_only=True, tag="subscribe"):
    """Join a room, from `since` on where that is given. Without `id` it is not acknowledged."""

    room: str
    since: Since | None = None
    snapshot: bool = False
    events: list[str] | None = None
    candles: list[str] | None = None


class Unsubscribe(Request, frozen=True, kw_only=True, tag="unsubscribe"):
    """Leave a room. Without `id` it is not acknowledged."""

    room: str


class Authenticate(Request, frozen=True, kw_only=True, tag="auth"):
    """Speak for a wallet: an access token or a ticket."""

    token: str


class ClientPing(Request, frozen=True, kw_only=True, tag="ping"):
    """Is the hub there?"""


class ClientPong(Request, frozen=True, kw_only=True, tag="pong"):
    """Answer to the hub's `ping`."""


class ListRooms(Request, frozen=True, kw_only=True, tag="rooms"):
    """Which rooms is this connection in?"""


ANSWERS: Mapping[type[Request], tuple[type[ServerMessage], ...]] = MappingProxyType(
    {
        Subscribe: (Subscribed, Error),
        Unsubscribe: (Unsubscribed, Error),
        Authenticate: (Authed, Error),
        ClientPing: (Pong, Error),
        ClientPong: (),
        ListRooms: (Rooms, Error),
    }
)
"""Every message, and what it is answered with."""
