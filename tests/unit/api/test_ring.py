"""The ring in memory, against the obvious: a list of all rows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from api.services.protocol import ROOM_GLOBAL, rooms_of, token_key, user_key
from api.services.ring import Ring
from db.feed import FeedRow, Position

KEYS = [bytes([number]) * 32 for number in range(1, 4)]
ROOMS = [ROOM_GLOBAL, *map(token_key, KEYS), *map(user_key, KEYS)]

maybe_key = st.one_of(st.none(), st.sampled_from(KEYS))
events = st.sampled_from(["new_trade"] * 4 + ["price_update", "portfolio_update", "market_stats"])


def row(seq: int, event: str, mint: bytes | None, wallet: bytes | None) -> FeedRow:
    """A row of the feed."""
    return FeedRow(seq, event, mint, wallet, None, "{}", None, None, seq)


@given(
    st.lists(st.tuples(events, maybe_key, maybe_key), max_size=60),
    st.integers(0, 40),
    st.integers(0, 10),
)
def test_the_ring_knows_what_it_says(
    made: list[tuple[str, bytes | None, bytes | None]], max_rows: int, first: int
) -> None:
    """What the ring gives after a position is exactly what came; what it can't know it doesn't
    say.
    """
    rows = [row(first + index + 1, *each) for index, each in enumerate(made)]
    ring = Ring(Position("e", first), before=first, max_rows=max_rows, max_bytes=10**9)
    for each in rows:
        ring.append(each)
    assert len(ring) == min(len(rows), max_rows)
    assert ring.position.seq == first + len(rows)
    for room in ROOMS:
        mine = [each for each in rows if room == ROOM_GLOBAL or room in rooms_of(each)]
        for seq in range(first, ring.position.seq + 1):
            found = ring.after(room, seq)
            if seq < ring.start:
                assert found is None
            else:
                assert found == [each for each in mine if each.seq > seq]
            last = ring.last_log_seq(room, seq)
            known = [each.seq for each in mine if each.seq <= seq and each.is_log]
            if last is not None:
                assert last == (known[-1] if known else first if room == ROOM_GLOBAL else 0)
            elif room == ROOM_GLOBAL:
                assert seq < ring.start


def test_the_ring_is_bounded_in_bytes() -> None:
    """Large rows push out older ones sooner."""
    ring = Ring(Position("e", 0), before=0, max_rows=1000, max_bytes=10_000)
    for seq in range(1, 50):
        ring.append(FeedRow(seq, "new_trade", KEYS[0], None, None, "x" * 1000, None, None, 0))
    assert 1 <= len(ring) < 10
    assert ring.after(token_key(KEYS[0]), 48) is not None
    assert ring.after(token_key(KEYS[0]), 10) is None


def test_a_room_remembers_its_link() -> None:
    """Rows that were pushed out still tell the position before those that are left."""
    ring = Ring(Position("e", 0), before=0, max_rows=2, max_bytes=10**9)
    for seq, key in enumerate([KEYS[0], KEYS[0], KEYS[1]], 1):
        ring.append(row(seq, "new_trade", key, None))
    assert ring.start == 1
    assert ring.last_log_seq(token_key(KEYS[0]), 1) == 1
    assert ring.last_log_seq(token_key(KEYS[2]), 3) is None
