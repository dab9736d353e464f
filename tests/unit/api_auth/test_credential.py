"""A connection's credential over time."""

from __future__ import annotations

import time

import msgspec

from api.services.access import Identity
from api.services.credentials import GRACE_S, WARN_S, Credential
from api.services.messages import Authed, AuthExpiring, ServerMessage
from api.services.protocol import Refusal, RoomName, parse_room
from programs.keys import b58

ALICE, BOB = b58(b"a" * 32), b58(b"b" * 32)
GLOBAL, MINE = parse_room("global"), parse_room(f"user_{ALICE}")


class OwnRooms:
    """Admits wallets to their own rooms."""

    async def identify(self, token: str, _origin: str | None = None, /) -> Identity:
        """The token is the wallet."""
        return Identity(token, 0)

    def admit(self, room: RoomName, identity: Identity | None, /) -> None:
        """As the hub's does."""
        if room.kind == "user" and (identity is None or identity.wallet != room.wallet):
            raise Refusal("forbidden", "another wallet's", room=room.name)

    def is_revoked(self, identity: Identity, /) -> bool:
        """Bob is."""
        return identity.wallet == BOB


class Connection:
    """What a credential does to its connection."""

    def __init__(self) -> None:
        self.rooms = {GLOBAL.key: GLOBAL, MINE.key: MINE}
        self.said: list[ServerMessage] = []
        self.refused: list[str] = []
        self.credential = Credential(self, OwnRooms())

    def say(self, message: ServerMessage) -> None:
        """Keep it."""
        self.said.append(message)

    def refuse(self, refusal: Refusal) -> None:
        """Keep it."""
        self.refused.append(refusal.code)

    def joined(self) -> list[RoomName]:
        """Those it has not left."""
        return list(self.rooms.values())

    def leave_room(self, room: bytes) -> None:
        """Leave it."""
        del self.rooms[room]

    def bears(self, seconds: float, wallet: str = ALICE) -> None:
        """A credential that ends in so many seconds."""
        self.credential.accept(Identity(wallet, int(time.time() + seconds)), 1)


def test_an_accepted_credential_is_acknowledged() -> None:
    """With the wallet and its end; who gave no id gets no answer."""
    connection = Connection()
    connection.bears(600)
    assert isinstance(connection.said[0], Authed)
    assert connection.credential.state == connection.said[0].auth
    connection.credential.accept(Identity(ALICE, 0), None)
    assert len(connection.said) == 1


def test_long_before_its_end_nothing_is_said() -> None:
    """Ticks pass without a word."""
    connection = Connection()
    connection.bears(WARN_S + 5)
    connection.credential.tick()
    assert len(connection.said) == 1


def test_before_its_end_it_is_warned_of_once() -> None:
    """And once more for the next one."""
    connection = Connection()
    for seconds in (WARN_S - 5, WARN_S - 3):
        connection.bears(seconds)
        for _ in range(3):
            connection.credential.tick()
    assert [type(message) for message in connection.said] == [Authed, AuthExpiring] * 2


def test_within_the_grace_the_room_stays() -> None:
    """The next credential may be on its way."""
    connection = Connection()
    connection.bears(-GRACE_S + 5)
    connection.credential.tick()
    assert MINE.key in connection.rooms


def test_after_the_grace_only_public_rooms_stay() -> None:
    """Said once, room by room; then the connection is anonymous."""
    connection = Connection()
    connection.bears(-GRACE_S - 1)
    for _ in range(3):
        connection.credential.tick()
    assert list(connection.rooms) == [GLOBAL.key]
    assert connection.refused == ["token_expired"]
    assert connection.credential.state is None


def test_another_wallet_takes_the_place_of_the_first() -> None:
    """And the first one's rooms are left at that moment."""
    connection = Connection()
    connection.bears(600)
    connection.bears(600, BOB)
    assert list(connection.rooms) == [GLOBAL.key]
    assert connection.refused == ["forbidden"]
    assert connection.credential.is_revoked


def test_what_is_said_while_a_credential_is_looked_at_waits() -> None:
    """And is handed out in its order, once."""
    credential = Connection().credential
    assert not credential.holds("before")
    credential.pend()
    assert credential.holds("one")
    assert credential.holds("two")
    assert credential.settled() == ["one", "two"]
    assert not credential.holds("after")
    assert credential.settled() == []


def test_an_identity_has_no_secret_to_show() -> None:
    """What a log or an error could print of it is public."""
    assert set(msgspec.structs.asdict(Identity(ALICE, 1))) == {"wallet", "exp"}
