"""hub.v1, the pure part: names of rooms, what clients may say, error codes, close codes.

Nothing in here does I/O. docs/protocol.md is the same in words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

import msgspec

from common.messages import LogEvent
from db.bars import INTERVALS
from db.feed import STATE_EVENTS, FeedRow, Scope
from programs.keys import b58, key_of

PROTOCOL_VERSION = 1
SUBPROTOCOL = "hub.v1"

EVENTS: frozenset[str] = STATE_EVENTS | frozenset(get_args(LogEvent))

ErrorCode = Literal[
    "bad_json", "bad_message", "unknown_type", "too_large", "rate_limited", "too_many_rooms",
    "invalid_room", "unknown_room", "unauthenticated", "token_invalid", "token_expired",
    "forbidden", "ticket_used", "internal", "unavailable", "unsupported_protocol",
]  # fmt: skip
"""Never reused for another meaning."""

RETRYABLE: frozenset[str] = frozenset({"rate_limited", "internal", "unavailable"})

ABUSIVE: frozenset[str] = frozenset({"bad_json", "bad_message", "unknown_type"})
"""Messages only a broken or hostile client sends: five in a minute end the connection."""


class Closing(msgspec.Struct, frozen=True):
    """Why the server closes, and what the client should do then."""

    code: int
    reason: str
    reconnect: bool
    after_ms: tuple[int, int] | None = None


CLOSINGS = MappingProxyType(
    {
        closing.code: closing
        for closing in (
            Closing(1001, "the server goes away", True, (0, 10_000)),
            Closing(1002, "not a WebSocket frame", False),
            Closing(1003, "text only: binary messages are not accepted", False),
            Closing(1007, "text that is not UTF-8", False),
            Closing(1009, "the message is too large", False),
            Closing(1011, "nothing heard from the client", True, (500, 20_000)),
            Closing(1012, "the server restarts", True, (0, 10_000)),
            Closing(1013, "the server is full", True, (5_000, 30_000)),
            Closing(4400, "too many bad messages", False),
            Closing(4401, "the credential is not valid", False),
            Closing(4403, "forbidden", False),
            Closing(4408, "neither auth nor subscribe arrived in time", True, (1_000, 10_000)),
            Closing(4410, "this version of the protocol is not supported", False),
            Closing(4429, "too many messages", True, (1_000, 8_000)),
            Closing(4440, "the client reads too slowly", True, (500, 10_000)),
            Closing(4441, "the server drains", True, (0, 5_000)),
            Closing(4442, "logged out", False),
            Closing(4443, "too many connections", True, (30_000, 60_000)),
        )
    }
)


class Refusal(Exception):
    """A message is answered with an `error`."""

    def __init__(self, code: ErrorCode, message: str, *, room: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.room = room
        self.id: int | str | None = None
        self.retry_after_ms: int | None = None


# --- rooms

ROOM_GLOBAL = b""
_ROOM = re.compile(r"(global|(token|user)_([1-9A-HJ-NP-Za-km-z]{32,44}))")


class RoomName(msgspec.Struct, frozen=True):
    """A room, by its name and by `key`: empty for global, else one letter of its kind and 32
    bytes.
    """

    name: str
    kind: Literal["global", "token", "user"]
    key: bytes

    @property
    def scope(self) -> Scope:
        """Its part of the feed."""
        if self.kind == "token":
            return Scope(mint=self.key[1:])
        if self.kind == "user":
            return Scope(wallet=self.key[1:])
        return Scope()

    @property
    def wallet(self) -> str | None:
        """Whose room it is, base58."""
        return b58(self.key[1:]) if self.kind == "user" else None


def token_key(mint: bytes) -> bytes:
    """Key of the room token_{mint}."""
    return b"t" + mint


def user_key(wallet: bytes) -> bytes:
    """Key of the room user_{wallet}."""
    return b"u" + wallet


def kind_of(key: bytes) -> str:
    """Kind of the room with this key."""
    if not key:
        return "global"
    return "token" if key.startswith(b"t") else "user"


def parse_room(name: str) -> RoomName:
    """The room of this name. Raises Refusal (invalid_room, unknown_room) with the reason."""
    match = _ROOM.fullmatch(name)
    if match is None:
        kind = name.partition("_")[0]
        if kind in ("token", "user"):
            raise _invalid(name)
        raise Refusal(
            "unknown_room",
            "there is no such room: rooms are global, token_{mint} and user_{wallet}",
            room=name[:64],
        )
    if match[2] is None:
        return RoomName("global", "global", ROOM_GLOBAL)
    try:
        key = key_of(match[3])
    except ValueError:
        raise _invalid(name) from None
    if match[2] == "token":
        return RoomName(name, "token", token_key(key))
    return RoomName(name, "user", user_key(key))


def _invalid(name: str) -> Refusal:
    what = "mint" if name.startswith("token") else "wallet"
    return Refusal(
        "invalid_room",
        f"this room's name needs a {what} behind its prefix: 32 bytes in base58",
        room=name[:64],
    )


STATE_ROOMS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "price_update": frozenset({"global", "token"}),
        "candle_update": frozenset({"token"}),
        "portfolio_update": frozenset({"user"}),
        "market_stats": frozenset({"global"}),
        "finality": frozenset({"global"}),
    }
)
"""Kinds of rooms that get a state event; log events go to every room they name."""


def rooms_of(row: FeedRow) -> list[bytes]:
    """Keys of the rooms that get something of this row, or at least its link of the chain."""
    keys = [ROOM_GLOBAL]
    if row.mint is not None:
        keys.append(token_key(row.mint))
    if row.wallet is not None:
        keys.append(user_key(row.wallet))
    if row.event in STATE_EVENTS:
        kinds = STATE_ROOMS[row.event]
        return [key for key in keys if kind_of(key) in kinds]
    return keys


# --- what clients say


class Since(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The position a client holds."""

    epoch: str
    seq: int


class ClientMessage(msgspec.Struct, frozen=True):
    """Any message of a client; which fields count depends on `type`. Unknown fields are ignored."""

    type: str
    id: int | str | None = None
    room: str | None = None
    since: Since | None = None
    snapshot: bool = False
    events: list[str] | None = None
    candles: list[str] | None = None
    token: str | None = None


class _Raw(msgspec.Struct, frozen=True):
    """As it comes, with the aliases older clients use: `action` for `type`, `channel` for
    `room`.
    """

    type: str | None = None
    action: str | None = None
    id: int | str | None = None
    room: str | None = None
    channel: str | None = None
    since: Since | None = None
    snapshot: bool = False
    events: list[str] | None = None
    candles: list[str] | None = None
    token: str | None = None


_decoder = msgspec.json.Decoder(_Raw)
_MAX_SEQ = 2**53
_MAX_ID_CHARS = 64


def parse_message(data: bytes | str) -> ClientMessage:
    """A client's message. Raises Refusal: bad_json if it is no JSON, bad_message if it has no
    sense.
    """
    try:
        raw = _decoder.decode(data)
    except msgspec.ValidationError as error:
        raise Refusal("bad_message", f"wrong message: {error}") from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise Refusal("bad_json", f"this is not JSON: {error}") from None
    kind = raw.type if raw.type is not None else raw.action
    if kind is None:
        raise Refusal("bad_message", 'a message needs a "type", for example "subscribe"')
    room = raw.room if raw.room is not None else raw.channel
    identifier = raw.id
    if isinstance(identifier, str) and len(identifier) > _MAX_ID_CHARS:
        raise Refusal("bad_message", f'"id" has more than {_MAX_ID_CHARS} characters')
    if isinstance(identifier, int) and abs(identifier) > _MAX_SEQ:
        raise Refusal("bad_message", '"id" is beyond 2^53')
    _check_since(raw.since)
    return ClientMessage(
        kind, identifier, room, raw.since, raw.snapshot, raw.events, raw.candles, raw.token
    )


def parse_since(text: str) -> Since:
    """`<epoch>:<seq>`, as in the URL. Raises Refusal."""
    epoch, _, seq = text.rpartition(":")
    if not epoch or not re.fullmatch(r"\d{1,16}", seq):
        raise Refusal("bad_message", "since= is <epoch>:<seq>, as `welcome` gave them")
    since = Since(epoch, int(seq))
    _check_since(since)
    return since


def parse_events(names: list[str] | None) -> frozenset[str] | None:
    """The subscription's filter; None: everything. Raises Refusal for a name that doesn't exist."""
    if names is None:
        return None
    unknown = sorted(set(names) - EVENTS)
    if unknown or not names:
        raise Refusal(
            "bad_message", f'"events" are some of {", ".join(sorted(EVENTS))}, not {unknown[:3]}'
        )
    return frozenset(names)


def parse_candles(names: list[str] | None, room: RoomName) -> tuple[int, ...]:
    """Seconds of the intervals whose bars are asked for. Raises Refusal for a name that doesn't
    exist, and where there are no bars."""
    if not names:
        return ()
    if room.kind != "token":
        raise Refusal("bad_message", '"candles" are of a token\'s room', room=room.name)
    unknown = sorted(set(names) - set(INTERVALS))
    if unknown:
        raise Refusal(
            "bad_message", f'"candles" are some of {", ".join(INTERVALS)}, not {unknown[:3]}'
        )
    return tuple(sorted({INTERVALS[name] for name in names}))


def _check_since(since: Since | None) -> None:
    if since is not None and not 0 <= since.seq < _MAX_SEQ:
        raise Refusal("bad_message", '"since.seq" is not a position of the feed')
