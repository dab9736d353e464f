"""One connection: what it may say, what it is answered, its heartbeat and its end.

Pure callbacks, no task: the wire calls `on_…`, the hub calls `tick` once a second.
"""

from __future__ import annotations

import time
from typing import Literal

from api.services.access import Identity
from api.services.credentials import Credential
from api.services.limits import Strikes, TokenBucket
from api.services.messages import (
    Error,
    Goodbye,
    Identifier,
    Ping,
    Pong,
    Rooms,
    RoomState,
    ServerMessage,
    Unsubscribed,
)
from api.services.outbound import Frame, Outbound, encoded
from api.services.ports import HubPort
from api.services.protocol import (
    ABUSIVE,
    CLOSINGS,
    RETRYABLE,
    ClientMessage,
    Refusal,
    RoomName,
    parse_candles,
    parse_events,
    parse_message,
    parse_room,
)
from api.services.subscription import Subscription

_LAST_BYTES = 64 * 1024


class Session:
    """State machine of one connection."""

    __slots__ = (
        "_bad", "_bucket", "_has_spoken", "_heard_at", "_hub", "_opened_at", "_ping_after_s",
        "_pinged_at", "_resyncs", "_shed", "_strikes", "address", "credential", "id", "is_over",
        "outbound", "rooms", "wallet",
    )  # fmt: skip

    def __init__(self, hub: HubPort, outbound: Outbound, identifier: str, jitter: float) -> None:
        now = hub.now()
        limits = hub.limits
        self._hub = hub
        self.outbound = outbound
        self.id = identifier
        self.address = ""
        self.wallet: str | None = None
        """The last one it spoke for: among whose connections it counts."""
        self.credential = Credential(self, hub.authorizer)
        self.rooms: dict[bytes, Subscription] = {}
        self.is_over = False
        self._opened_at = self._heard_at = now
        self._pinged_at: float | None = None
        self._ping_after_s = limits.ping_interval_s * (0.9 + 0.2 * jitter)
        self._has_spoken = False
        self._bucket = TokenBucket(limits.messages_per_s, limits.message_burst, now)
        self._strikes = Strikes(3, limits.strike_window_s)
        self._bad = Strikes(5, limits.strike_window_s)
        self._resyncs = Strikes(3, limits.strike_window_s)
        self._shed: dict[bytes, tuple[Subscription, int]] = {}

    # --- what the wire tells

    def on_alive(self) -> None:
        """Any frame of the client arrived."""
        self._heard_at = self._hub.now()
        self._pinged_at = None

    def on_text(self, text: str) -> None:
        """A text message."""
        self.on_alive()
        if not self.is_over and self._is_allowed(text) and not self.credential.holds(text):
            self._hear(text)

    def _hear(self, text: str) -> None:
        identifier: Identifier | None = None
        try:
            message = parse_message(text)
            identifier = message.id
            self._obey(message)
        except Refusal as refusal:
            refusal.id = identifier
            self.refuse(refusal)

    def on_binary(self) -> None:
        """A binary message: there are none in this protocol."""
        self.end(1003)

    def on_control(self) -> bool:
        """A ping of the WebSocket protocol; returns whether to answer it. Floods count as
        messages.
        """
        self.on_alive()
        return not self.is_over and self._has_budget()

    def on_lost(self) -> None:
        """The socket is gone."""
        if not self.is_over:
            self._finish("client")

    # --- what the client says

    def _is_allowed(self, text: str) -> bool:
        most = self._hub.limits.message_bytes
        if len(text) > most or (len(text) * 4 > most and len(text.encode()) > most):
            self.refuse(Refusal("too_large", f"messages may have up to {most} bytes"))
            self.end(1009)
            return False
        return self._has_budget()

    def _has_budget(self) -> bool:
        now = self._hub.now()
        wait_s = self._bucket.take(now)
        if not wait_s:
            return True
        if self._strikes.add(now):
            self.end(4429)
            return False
        refusal = Refusal("rate_limited", f"at most {self._hub.limits.messages_per_s:g} messages/s")
        refusal.retry_after_ms = int(wait_s * 1000) + 1
        self.refuse(refusal)
        return False

    def _obey(self, message: ClientMessage) -> None:
        match message.type:
            case "subscribe":
                self._subscribe(message)
            case "unsubscribe":
                self._unsubscribe(message)
            case "ping":
                self.say(Pong(ts=unix_ms(), id=message.id))
            case "pong":
                pass
            case "rooms":
                self._list_rooms(message)
            case "auth":
                if not message.token:
                    raise Refusal("bad_message", '"auth" needs a "token"')
                self.credential.pend()
                self._hub.authenticate(self, message.token, message.id)
            case other:
                raise Refusal(
                    "unknown_type",
                    f"there is no {other[:32]!r}: subscribe, unsubscribe, auth, ping, pong, rooms",
                )

    def _subscribe(self, message: ClientMessage) -> None:
        subscription = Subscription(
            _room_of(message), events=parse_events(message.events), since=message.since
        )
        subscription.candles = parse_candles(message.candles, subscription.name)
        subscription.wants_snapshot = message.snapshot
        subscription.id = message.id
        subscription.is_acked = message.id is not None
        self.subscribe(subscription)

    def subscribe(self, subscription: Subscription) -> None:
        """Join, or join again from another position. Raises Refusal."""
        name = subscription.name
        identity = self.credential.identity
        self._hub.authorizer.admit(name, identity)
        limits = self._hub.limits
        most = limits.rooms if identity is not None else limits.rooms_anonymous
        if name.key not in self.rooms and len(self.rooms) >= most:
            raise Refusal("too_many_rooms", f"at most {most} rooms", room=name.name)
        self._has_spoken = True
        self._replace(subscription)

    def _replace(self, subscription: Subscription) -> None:
        self._drop(subscription.name.key)
        self.rooms[subscription.name.key] = subscription
        self._hub.join(self, subscription)

    def _unsubscribe(self, message: ClientMessage) -> None:
        name = _room_of(message)
        self._drop(name.key)
        if message.id is not None:
            self.say(Unsubscribed(room=name.name, id=message.id))

    def _drop(self, room: bytes) -> None:
        """Out of the room; what is still queued of it is void."""
        old = self.rooms.pop(room, None)
        self._shed.pop(room, None)
        if old is not None:
            self._hub.leave(self, old)
            if self.outbound.queued_bytes:
                self.outbound.drop(room)

    def _list_rooms(self, message: ClientMessage) -> None:
        rooms = [
            RoomState(
                room=each.name.name,
                seq=self._hub.position(each.name.key) if each.is_live else None,
            )
            for each in self.rooms.values()
        ]
        self.say(Rooms(rooms=rooms, epoch=self._hub.epoch, id=message.id))

    def on_identity(self, identity: Identity, identifier: Identifier | None) -> None:
        """A credential proved good. Too late for a connection that is over: nobody would count it
        out again."""
        if self.is_over:
            return
        self._has_spoken = True
        before, self.wallet = self.wallet, identity.wallet
        if self._hub.door.sign_in(before, identity.wallet):
            self.credential.accept(identity, identifier)
        else:
            self.end(4443)

    def on_settled(self) -> None:
        """It is accepted or refused: go on with what the client has said meanwhile."""
        for text in self.credential.settled():
            if not self.is_over and not self.credential.holds(text):
                self._hear(text)

    def joined(self) -> list[RoomName]:
        """Rooms it is in, or on its way to."""
        return [subscription.name for subscription in self.rooms.values()]

    def leave_room(self, room: bytes) -> None:
        """Take it out of one."""
        self._drop(room)

    # --- what the connection is told

    def say(self, message: ServerMessage) -> None:
        """Send one of the hub's own messages."""
        self.send([encoded(message)])

    def send(self, frames: list[Frame]) -> None:
        """Send frames; a connection that can't hold them is cut."""
        if self.is_over:
            return
        now = self._hub.now()
        self.outbound.send_all(frames, now)
        if self.outbound.queued_bytes:
            self.keep_up(now)

    def refuse(self, refusal: Refusal) -> None:
        """Answer with an error; too many bad messages end the connection."""
        self.say(
            Error(
                code=refusal.code,
                message=refusal.message,
                retryable=refusal.code in RETRYABLE,
                retry_after_ms=refusal.retry_after_ms,
                id=refusal.id,
                room=refusal.room,
            )
        )
        if refusal.code in ABUSIVE and self._bad.add(self._hub.now()):
            self.end(4400)

    def end(self, code: int) -> None:
        """Say goodbye and close with this code."""
        if self.is_over:
            return
        if code == 4440:
            self._hub.note_slow("cut")
        closing = CLOSINGS[code]
        goodbye = Goodbye(
            code=code,
            reason=closing.reason,
            reconnect=closing.reconnect,
            after_ms=closing.after_ms,
        )
        wire = self.outbound.wire
        # What is queued is still worth sending, but not to somebody who doesn't read.
        last = [] if code == 4440 else self.outbound.take(_LAST_BYTES)
        self._finish(str(code))
        if wire is not None:
            wire.close(code, closing.reason, [*last, encoded(goodbye)])

    def _finish(self, code: str) -> None:
        self.is_over = True
        for subscription in self.rooms.values():
            self._hub.leave(self, subscription)
        self.rooms.clear()
        self._shed.clear()
        self.outbound.clear()
        self._hub.ended(self, code, self._hub.now() - self._opened_at)

    def give_up(self, subscription: Subscription) -> None:
        """The room could not be joined in time."""
        if self.rooms.get(subscription.name.key) is subscription:
            del self.rooms[subscription.name.key]
            refusal = Refusal(
                "unavailable", "the room's history can't be read now", room=subscription.name.name
            )
            refusal.id = subscription.id
            refusal.retry_after_ms = 5_000
            self.refuse(refusal)

    # --- time passes

    def tick(self, now: float) -> None:
        """Heartbeat, deadlines and slow reading; once a second."""
        limits = self._hub.limits
        wire = self.outbound.wire
        if wire is not None and wire.is_stalled(now, limits.stall_s):
            self.end(4440)
        elif self._pinged_at is not None:
            if now - self._pinged_at > limits.pong_timeout_s:
                self.end(1011)
        elif now - self._heard_at > self._ping_after_s:
            self._ping(now)
        if not self._has_spoken and now - self._opened_at > limits.hello_s:
            self.end(4408)
        if not self.is_over:
            self.credential.tick()
            self.keep_up(now)

    def _ping(self, now: float) -> None:
        self._pinged_at = now
        self.say(Ping(ts=unix_ms()))
        if self.outbound.wire is not None and not self.is_over:
            self.outbound.wire.ping()

    def keep_up(self, now: float) -> None:
        """Shed the worst room of a queue that is too long or too old; make up for it once the
        socket is free again."""
        if self.outbound.is_over(now):
            for shed in self.outbound.shed(now):
                self._shed_room(*shed)
        wire = self.outbound.wire
        if self.outbound.is_beyond:
            self.end(4440)
        elif self._shed and wire is not None and wire.is_free():
            for subscription, first in list(self._shed.values()):
                self.resync(subscription, "slow", first or None)

    def _shed_room(self, room: bytes, first: int) -> None:
        subscription = self.rooms.get(room)
        if subscription is not None and room not in self._shed:
            self._hub.leave(self, subscription)
            subscription.is_live = False
            self._shed[room] = subscription, first
            self._hub.note_slow("shed")

    def resync(
        self,
        old: Subscription,
        reason: Literal["slow", "gap", "epoch"],
        first: int | None = None,
    ) -> None:
        """What the client holds of this room is void: say so, and join it again with a snapshot."""
        if reason == "slow":
            if self._resyncs.add(self._hub.now()):
                self.end(4440)
                return
            self._hub.note_slow("resync")
        subscription = Subscription(old.name, events=old.events)
        subscription.candles = old.candles
        subscription.wants_snapshot = True
        subscription.resync = reason, first
        self._replace(subscription)


def _room_of(message: ClientMessage) -> RoomName:
    if message.room is None:
        raise Refusal("bad_message", f'"{message.type}" needs a "room"')
    return parse_room(message.room)


def unix_ms() -> int:
    """Server time."""
    return time.time_ns() // 1_000_000
