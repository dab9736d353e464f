"""One connection over time, by a clock of the test's: heartbeat and deadlines, to the second."""

from __future__ import annotations

from typing import Any

import pytest

from api.services.access import Authorizer, Identity
from api.services.door import Door
from api.services.limits import HubLimits
from api.services.messages import Identifier
from api.services.outbound import Bounds, Frame, Outbound
from api.services.ports import Slow
from api.services.protocol import Refusal, RoomName
from api.services.session import Session
from api.services.subscription import Subscription

LIMITS = HubLimits()


class Socket:
    """Keeps what is sent. `stalled_for`: since when its peer takes nothing, in seconds."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.pings = 0
        self.code: int | None = None
        self.stalled_for = 0.0

    def wake(self) -> None:
        """Nothing waits."""

    def is_stalled(self, now: float, limit_s: float) -> bool:  # noqa: ARG002
        """As long as the test says."""
        return self.stalled_for > limit_s

    def is_free(self) -> bool:
        """Always."""
        return True

    def ping(self) -> None:
        """Count it."""
        self.pings += 1

    def close(self, code: int, reason: str, last: list[Frame]) -> None:  # noqa: ARG002
        """Note the code."""
        self.code = code
        self.sent += [each.event for each in last]


class Hub:
    """What a session needs of one; time is what the test sets."""

    def __init__(self) -> None:
        self.limits = LIMITS
        self.authorizer: Authorizer = self
        self.door = Door(LIMITS)
        self.epoch = "e"
        self.time = 1_000.0

    async def identify(self, token: str, origin: str | None = None, /) -> Identity:  # noqa: ARG002
        """Nobody signs in here."""
        raise Refusal("token_invalid", "nobody")

    def admit(self, room: RoomName, identity: Identity | None, /) -> None:
        """Everybody."""

    def is_revoked(self, identity: Identity, /) -> bool:  # noqa: ARG002
        """Never."""
        return False

    def now(self) -> float:
        """The test's."""
        return self.time

    def join(self, session: Session, subscription: Subscription) -> None:
        """At once."""

    def leave(self, session: Session, subscription: Subscription) -> None:
        """At once."""

    def position(self, room: bytes) -> int | None:  # noqa: ARG002
        """The beginning."""
        return 0

    def authenticate(self, session: Session, token: str, identifier: Identifier | None) -> None:
        """Not here."""

    def ended(self, session: Session, code: str, after_s: float) -> None:
        """Nothing is kept of it."""

    def note_slow(self, what: Slow) -> None:
        """Not counted."""


class Connection:
    """A session on such a hub and socket, ticking once a second as the hub does."""

    def __init__(self, jitter: float = 0.5, *, has_spoken: bool = True) -> None:
        self.hub, self.socket = Hub(), Socket()
        bounds = Bounds(LIMITS.queue_soft_bytes, LIMITS.queue_hard_bytes, LIMITS.queue_age_s)
        outbound = Outbound(bounds)
        outbound.wire = self.socket
        self.session = Session(self.hub, outbound, "c_1", jitter)
        if has_spoken:
            self.session.on_text('{"type":"subscribe","room":"global"}')

    def pass_s(self, seconds: float, step: float = 1.0) -> None:
        """So much time, ticked through."""
        end = self.hub.time + seconds
        while self.hub.time < end:
            self.hub.time = min(end, self.hub.time + step)
            self.session.tick(self.hub.time)

    def pinged_after(self) -> float:
        """Seconds until it is pinged."""
        began = self.hub.time
        while not self.socket.pings:
            self.pass_s(0.01, step=0.01)
        return self.hub.time - began


@pytest.mark.parametrize(("jitter", "after_s"), [(0.0, 22.5), (0.5, 25.0), (1.0, 27.5)])
def test_the_ping_comes_after_25_s_give_or_take_a_tenth(jitter: float, after_s: float) -> None:
    """Connections draw their own time, so that not all are pinged at once."""
    assert Connection(jitter).pinged_after() == pytest.approx(after_s, abs=0.05)


def test_whoever_does_not_answer_is_closed_after_10_s() -> None:
    """1011, and no sooner."""
    connection = Connection()
    connection.pinged_after()
    connection.pass_s(10)
    assert connection.socket.code is None
    connection.pass_s(1)
    assert connection.socket.code == 1011
    assert connection.socket.sent[-1] == "goodbye"


def hear(session: Session, what: str) -> None:
    """Any kind of frame."""
    if what == "message":
        session.on_text('{"type":"pong"}')
    elif what == "ping":
        session.on_control()
    else:
        session.on_alive()


@pytest.mark.parametrize("what", ["message", "ping", "pong"])
def test_any_frame_resets_both_timers(what: str) -> None:
    """The time until the next ping, and the time left to answer one."""
    connection = Connection()
    connection.pass_s(20)
    hear(connection.session, what)
    assert connection.pinged_after() == pytest.approx(25, abs=0.05)
    connection.pass_s(9)
    hear(connection.session, what)
    connection.pass_s(20)
    assert connection.socket.code is None
    assert connection.socket.pings == 1


def test_what_the_hub_sends_is_no_sign_of_life() -> None:
    """Only what comes in counts: a client that is told much is pinged all the same."""
    connection = Connection()
    connection.pass_s(24)
    connection.session.refuse(Refusal("forbidden", "no"))
    assert connection.pinged_after() == pytest.approx(1, abs=0.05)


def test_who_says_nothing_has_10_s() -> None:
    """4408; a ping is no word."""
    connection = Connection(has_spoken=False)
    connection.session.on_text('{"type":"ping","id":1}')
    connection.pass_s(10)
    assert connection.socket.code is None
    connection.pass_s(1)
    assert connection.socket.code == 4408


def test_who_has_spoken_may_be_silent() -> None:
    """A subscription is enough."""
    connection = Connection()
    connection.pass_s(15)
    assert connection.socket.code is None


def test_a_socket_that_takes_nothing_for_5_s() -> None:
    """4440, at the next tick."""
    connection = Connection()
    connection.socket.stalled_for = 5.0
    connection.pass_s(1)
    assert connection.socket.code is None
    connection.socket.stalled_for = 5.1
    connection.pass_s(1)
    assert connection.socket.code == 4440


def test_bad_messages_count_within_a_minute() -> None:
    """Five in a minute are abuse; as many over a longer time are not."""
    connection = Connection()
    for _ in range(12):
        connection.session.on_text("nonsense")
        connection.pass_s(15.1)
    assert connection.socket.code is None
    for _ in range(4):
        connection.session.on_text("nonsense")
    assert connection.socket.code == 4400


@pytest.mark.parametrize("size", [16_384, 16_385])
def test_a_message_has_16_kib(size: int) -> None:
    """One byte more is `too_large` and 1009; letters count as their bytes."""
    for letter in ("x", "é"):
        connection = Connection()
        rest = size - len('{"type":"ping","pad":""}')
        pad = letter * (rest // len(letter.encode())) + "x" * (rest % len(letter.encode()))
        connection.session.on_text('{"type":"ping","pad":"' + pad + '"}')
        assert connection.socket.code == (None if size == 16_384 else 1009)


def test_a_credential_that_proves_good_too_late() -> None:
    """Who left while his credential was looked at holds no place among his wallet's connections."""
    connection = Connection()
    connection.session.on_lost()
    connection.session.on_identity(Identity("wallet", 10**10), 1)
    connection.session.on_settled()
    most = LIMITS.connections_per_wallet
    assert all(connection.hub.door.sign_in(None, "wallet") for _ in range(most))


def test_no_session_outlives_its_end() -> None:
    """After the end nothing is heard, said or ticked."""
    connection = Connection()
    connection.session.end(4441)
    told: list[Any] = [*connection.socket.sent]
    connection.session.on_text("nonsense")
    connection.session.tick(10**9)
    assert connection.session.rooms == {}
    assert connection.socket.sent == told
