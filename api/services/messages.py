"""What the hub says, one frozen struct per type: the models the documents are made from."""

from __future__ import annotations

from typing import Literal

import msgspec

from api.services.protocol import ErrorCode

Identifier = int | str


class ServerMessage(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True, gc=False
):
    """Root of all; `type` is the tag. A field that has its default is left out."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a connection may do."""

    rooms: int
    msg_per_s: float
    burst: int
    max_bytes: int


class AuthState(msgspec.Struct, frozen=True, kw_only=True):
    """Who the connection speaks for, and until when (unix seconds)."""

    wallet: str
    exp: int


class Welcome(ServerMessage, frozen=True, kw_only=True, tag="welcome"):
    """The first frame, always. `seq` is the hub's position in the feed, not a room's."""

    protocol: int
    conn: str
    epoch: str
    seq: int
    ts: int
    auth: AuthState | None
    ping_interval_ms: int
    pong_timeout_ms: int
    limits: Limits
    server: str
    cluster: Literal["localnet", "live"]
    """Localnet: nothing that is seen here is worth anything."""


class Subscribed(ServerMessage, frozen=True, kw_only=True, tag="subscribed"):
    """The room is joined. `seq`: the room's position right before the next frame of it that
    follows: the first log event's `prev` equals it."""

    room: str
    epoch: str
    seq: int
    id: Identifier | None = None
    recovered: bool | None = None
    """Only where `since` was given: is all that was missed sent now?"""
    replayed: int | None = None
    reason: Literal["epoch", "expired", "too_many", "ahead"] | None = None
    """Why not; a snapshot follows."""


class Unsubscribed(ServerMessage, frozen=True, kw_only=True, tag="unsubscribed"):
    """The room is left, or had never been joined."""

    room: str
    id: Identifier | None = None


class Snapshot(ServerMessage, frozen=True, kw_only=True, tag="snapshot"):
    """The room's state at a moment at which its position was `seq`."""

    room: str
    epoch: str
    seq: int
    ts: int
    data: msgspec.Raw


class Resync(ServerMessage, frozen=True, kw_only=True, tag="resync"):
    """What the client holds of this room is void: log events in (from, to] were not sent and are
    not going to be. A snapshot follows."""

    room: str
    reason: Literal["slow", "gap", "epoch"]
    from_: int | None = msgspec.field(name="from", default=None)
    to: int | None = None


class Pos(ServerMessage, frozen=True, kw_only=True, tag="pos"):
    """Nothing happened for a while: the room still stands at `seq`."""

    room: str
    epoch: str
    seq: int


class Ping(ServerMessage, frozen=True, kw_only=True, tag="ping"):
    """Answer with `pong`, or anything else, in time."""

    ts: int


class Pong(ServerMessage, frozen=True, kw_only=True, tag="pong"):
    """Answer to a client's `ping`."""

    ts: int
    id: Identifier | None = None


class RoomState(msgspec.Struct, frozen=True, kw_only=True):
    """One joined room; `seq` is null while it is being joined."""

    room: str
    seq: int | None


class Rooms(ServerMessage, frozen=True, kw_only=True, tag="rooms"):
    """Where the connection is."""

    rooms: list[RoomState]
    epoch: str
    id: Identifier | None = None


class Authed(ServerMessage, frozen=True, kw_only=True, tag="authed"):
    """The credential is accepted."""

    auth: AuthState
    id: Identifier | None = None


class AuthExpiring(ServerMessage, frozen=True, kw_only=True, tag="auth_expiring"):
    """The credential ends at `exp` (unix seconds): send `auth` with another, or lose the wallet's
    rooms."""

    exp: int


class Error(ServerMessage, frozen=True, kw_only=True, tag="error"):
    """A message was not obeyed; the connection goes on unless a `goodbye` follows."""

    code: ErrorCode
    message: str
    retryable: bool
    retry_after_ms: int | None
    id: Identifier | None = None
    room: str | None = None


class Goodbye(ServerMessage, frozen=True, kw_only=True, tag="goodbye"):
    """The server closes with this code."""

    code: int
    reason: str
    reconnect: bool
    after_ms: tuple[int, int] | None
