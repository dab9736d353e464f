"""hub.v1's pure part: names of rooms, messages, limits, origins, the feed's contiguity."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.services import messages
from api.services.limits import Strikes, TokenBucket
from api.services.protocol import (
    CLOSINGS,
    STATE_ROOMS,
    Refusal,
    Since,
    parse_message,
    parse_room,
    parse_since,
    rooms_of,
)
from common.errors import FeedGap
from db.feed import STATE_EVENTS, FeedRow, Position, Scope, contiguous
from programs.keys import b58


@given(st.binary(min_size=32, max_size=32), st.sampled_from(["token", "user"]))
def test_every_key_names_a_room(key: bytes, kind: str) -> None:
    """A room's name and its key are one another's; its part of the feed is that key's."""
    room = parse_room(f"{kind}_{b58(key)}")
    assert (room.kind, room.key[1:]) == (kind, key)
    assert room.scope == (Scope(mint=key) if kind == "token" else Scope(wallet=key))
    assert parse_room("global").scope == Scope()


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("", "unknown_room"), ("Global", "unknown_room"), ("global ", "unknown_room"),
        ("global_x", "unknown_room"), ("tokens_1", "unknown_room"), ("x" * 5000, "unknown_room"),
        ("token", "invalid_room"), ("token_", "invalid_room"), ("user_0OIl", "invalid_room"),
        ("token_" + "z" * 44, "invalid_room"), ("token_" + "1" * 33, "invalid_room"),
        ("token_" + "1" * 32 + "\n", "invalid_room"),
    ],
)  # fmt: skip
def test_wrong_rooms(name: str, code: str) -> None:
    """No such kind of room, or no key behind the prefix; the name in the answer is bounded."""
    with pytest.raises(Refusal) as caught:
        parse_room(name)
    assert caught.value.code == code
    assert len(caught.value.room or "") <= 64


@given(st.text(max_size=60))
def test_any_text_is_a_message_or_a_refusal(text: str) -> None:
    """Whatever a client sends, the parser answers with a message or a refusal."""
    try:
        message = parse_message(text)
    except Refusal as refusal:
        assert refusal.code in ("bad_json", "bad_message")
    else:
        assert isinstance(message.type, str)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
fields = st.sampled_from(
    [
        "type",
        "action",
        "id",
        "room",
        "channel",
        "since",
        "snapshot",
        "events",
        "candles",
        "token",
        "extra",
    ]
)


@given(st.dictionaries(fields, json_values, max_size=6))
def test_any_object_is_a_message_or_a_refusal(value: dict[str, object]) -> None:
    """Also any JSON object with our own field names."""
    try:
        message = parse_message(json.dumps(value))
    except Refusal as refusal:
        assert refusal.code == "bad_message"
    else:
        assert message.type == value.get("type", value.get("action")) or value.get("type") is None


def test_since_in_the_url() -> None:
    """`<epoch>:<seq>`; anything else is refused."""
    assert parse_since("k3x9:1041") == Since("k3x9", 1041)
    for wrong in (
        "",
        "5",
        ":5",
        "a:",
        "a:-1",
        "a:1e3",
        "a:99999999999999999",
        "a:9007199254740992",
    ):
        with pytest.raises(Refusal):
            parse_since(wrong)


def test_the_bucket() -> None:
    """The burst at once, then the rate; a refusal says how long to wait."""
    bucket = TokenBucket(10, 3, now=0)
    assert [bucket.take(0) for _ in range(3)] == [0, 0, 0]
    assert bucket.take(0) == pytest.approx(0.1)
    assert bucket.take(0.05) == pytest.approx(0.05)
    assert bucket.take(0.11) == 0
    assert [bucket.take(100) for _ in range(4)][:3] == [0, 0, 0]


def test_strikes() -> None:
    """So many within the window are too many; old ones don't count."""
    strikes = Strikes(3, 60)
    assert [strikes.add(at) for at in (0, 1, 70, 71)] == [False] * 4
    assert strikes.add(72)


def test_every_closing_says_whether_to_come_back() -> None:
    """Whoever may reconnect is told after how long, whoever must not is not."""
    for code, closing in CLOSINGS.items():
        assert closing.code == code
        assert closing.reconnect == (closing.after_ms is not None), code


def test_every_state_event_has_its_rooms() -> None:
    """No state event is without a kind of room; an unknown event counts as a link of the chain."""
    assert set(STATE_ROOMS) == STATE_EVENTS
    row = FeedRow(1, "from_the_future", bytes(32), None, None, "{}", None, None, 0)
    assert row.is_log
    assert len(rooms_of(row)) == 2


def test_the_types_of_messages_are_their_names() -> None:
    """Each of the hub's own messages has the `type` its documentation lists."""
    found = {each.__struct_config__.tag for each in messages.ServerMessage.__subclasses__()}
    assert found >= {
        "welcome", "subscribed", "unsubscribed", "snapshot", "resync", "pos", "ping", "pong",
        "rooms", "authed", "error", "goodbye",
    }  # fmt: skip


def rows(*seqs: int) -> list[FeedRow]:
    """Rows with these numbers."""
    return [FeedRow(seq, "new_trade", None, None, None, "{}", None, None, 0) for seq in seqs]


@pytest.mark.parametrize(
    ("head", "read", "is_whole"),
    [
        (Position("e", 5), rows(), True),
        (Position("e", 7), rows(6, 7), True),
        (Position("e", 9), rows(6, 7), True),
        (Position("e", 7), rows(7), False),
        (Position("e", 8), rows(6, 8), False),
        (Position("e", 7), rows(), False),
        (Position("e", 4), rows(), False),
        (Position("f", 5), rows(), False),
    ],
)
def test_contiguity(head: Position, read: list[FeedRow], is_whole: bool) -> None:
    """Rows continue a position only without a hole, in the same epoch, and not backwards."""
    if is_whole:
        contiguous(Position("e", 5), head, read)
    else:
        with pytest.raises(FeedGap):
            contiguous(Position("e", 5), head, read)
