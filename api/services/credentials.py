"""A connection's credential: looked at, accepted, renewed, about to expire, expired.

While one is being looked at, what the client says next waits: `auth` and `subscribe` may be sent in
one breath.
"""

from __future__ import annotations

import time
from typing import Protocol

from api.services.access import Authorizer, Identity
from api.services.messages import Authed, AuthExpiring, AuthState, Identifier, ServerMessage
from api.services.protocol import Refusal, RoomName

WARN_S = 60
"""So long before its end a client is told to bring another."""
GRACE_S = 10
"""So long after its end the wallet's rooms are still served: the other may be on its way."""


class Bearer(Protocol):
    """The connection, as its credential sees it."""

    def say(self, message: ServerMessage) -> None:
        """Send a message."""

    def refuse(self, refusal: Refusal) -> None:
        """Answer with an error."""

    def joined(self) -> list[RoomName]:
        """Rooms it is in, or on its way to."""

    def leave_room(self, room: bytes) -> None:
        """Take it out of one."""


class Credential:
    """Who one connection speaks for. `origin` is that of its handshake, None where it had none."""

    __slots__ = ("_authorizer", "_bearer", "_held", "_is_pending", "_warned_exp", "identity",
                 "origin")  # fmt: skip

    def __init__(self, bearer: Bearer, authorizer: Authorizer) -> None:
        self.identity: Identity | None = None
        self.origin: str | None = None
        self._bearer = bearer
        self._authorizer = authorizer
        self._is_pending = False
        self._held: list[str] = []
        self._warned_exp = 0

    @property
    def state(self) -> AuthState | None:
        """As `welcome` and `authed` have it."""
        return state_of(self.identity)

    @property
    def is_revoked(self) -> bool:
        """Has its wallet signed out since?"""
        return self.identity is not None and self._authorizer.is_revoked(self.identity)

    def pend(self) -> None:
        """A credential is being looked at."""
        self._is_pending = True

    def holds(self, text: str) -> bool:
        """Keeps what the client says until that is over. The rate limit bounds how much."""
        if self._is_pending:
            self._held.append(text)
        return self._is_pending

    def settled(self) -> list[str]:
        """It is over; returns what was said meanwhile."""
        self._is_pending = False
        held, self._held = self._held, []
        return held

    def accept(self, identity: Identity, identifier: Identifier | None) -> None:
        """It proved good. If it is another wallet's, the first one's rooms are left."""
        self.identity = identity
        if identifier is not None and (state := self.state) is not None:
            self._bearer.say(Authed(auth=state, id=identifier))
        self._leave_refused()

    def tick(self) -> None:
        """Once a second."""
        if self.identity is None:
            return
        exp = self.identity.exp
        left_s = exp - time.time()
        if left_s <= -GRACE_S:
            self.identity = None
            self._leave_refused(has_expired=True)
        elif left_s <= WARN_S and exp != self._warned_exp:
            self._warned_exp = exp
            self._bearer.say(AuthExpiring(exp=exp))

    def _leave_refused(self, *, has_expired: bool = False) -> None:
        for room in self._bearer.joined():
            try:
                self._authorizer.admit(room, self.identity)
            except Refusal as refusal:
                self._bearer.leave_room(room.key)
                self._bearer.refuse(_expired(room) if has_expired else refusal)


def state_of(identity: Identity | None) -> AuthState | None:
    """As the client is told."""
    return None if identity is None else AuthState(wallet=identity.wallet, exp=identity.exp)


def _expired(room: RoomName) -> Refusal:
    return Refusal(
        "token_expired",
        "the credential has expired: send auth with another, then subscribe again",
        room=room.name,
    )
