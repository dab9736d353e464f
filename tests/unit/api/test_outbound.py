"""The queue of a connection whose socket is full."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from api.services.outbound import Bounds, Frame, Outbound

ROOMS = [b"a", b"b"]


def log(seq: int, room: bytes = b"a", size: int = 10) -> Frame:
    """A log event's frame."""
    return Frame("new_trade", b"x" * size, room=room, seq=seq)


def state(seq: int, room: bytes = b"a", mint: bytes = b"m", size: int = 10) -> Frame:
    """A state event's frame."""
    return Frame(
        "price_update", b"s" * size, room=room, seq=seq, state=(room, "price_update", mint)
    )


frames = st.one_of(
    st.builds(log, st.integers(1, 99), st.sampled_from(ROOMS), st.integers(1, 200)),
    st.builds(
        state, st.integers(1, 99), st.sampled_from(ROOMS), st.sampled_from([b"m", b"n"]),
        st.integers(1, 200),
    ),
)  # fmt: skip


@given(st.lists(frames, max_size=40), st.lists(st.integers(1, 500), max_size=40))
def test_all_logs_in_order_and_the_newest_states(sent: list[Frame], takes: list[int]) -> None:
    """What is taken: every log frame in order, and of each state the newest; the bytes add up."""
    outbound = Outbound(Bounds(10**9, 10**9, 60))
    outbound.enqueue(sent, now=0)
    taken: list[Frame] = []
    for size in [*takes, 10**9]:
        taken += outbound.take(size)
    newest = {each.state: each for each in sent if each.state is not None}
    assert [each for each in taken if each.state is None] == [
        each for each in sent if each.state is None
    ]
    assert {each.state: each for each in taken if each.state is not None} == newest
    assert len(taken) == len([each for each in sent if each.state is None]) + len(newest)
    assert outbound.queued_bytes == 0
    assert outbound.behind_since is None


@given(st.lists(frames, min_size=1, max_size=40), st.integers(0, 3000))
def test_shedding_drops_the_worst_rooms_only(sent: list[Frame], soft: int) -> None:
    """Rooms are dropped from the largest on until the soft bound holds; the others stay whole."""
    outbound = Outbound(Bounds(soft, 10**9, 60))
    outbound.enqueue(sent, now=0)
    before = outbound.queued_bytes
    dropped = dict(outbound.shed(now=1))
    left = outbound.take(10**9)
    assert dropped
    assert all(each.room not in dropped for each in left)
    kept = [each for each in sent if each.state is None and each.room not in dropped]
    assert [each for each in left if each.state is None] == kept
    assert (
        sum(len(each.wire) for each in left) <= max(soft, 0) or len(dropped) == 2 or before <= soft
    )
    for room, first in dropped.items():
        seqs = [each.seq for each in sent if each.room == room and each.state is None]
        assert first == (seqs[0] if seqs else 0)
    assert outbound.queued_bytes == 0


def test_answers_are_never_shed() -> None:
    """Frames of no room, such as acknowledgements and errors, stay."""
    outbound = Outbound(Bounds(10, 10**9, 60))
    answer = Frame("error", b"e" * 100)
    outbound.enqueue([answer, log(1)], now=0)
    outbound.shed(now=0)
    assert outbound.take(10**9) == [answer]


def test_bounds_in_bytes_and_age() -> None:
    """A queue is over its bound when it is too long or too old, and its age counts from when it
    began."""
    outbound = Outbound(Bounds(100, 200, 5))
    assert not outbound.is_over(1000)
    outbound.enqueue([log(1)], now=10)
    assert not outbound.is_over(14)
    assert outbound.is_over(16)
    outbound.take(10**9)
    outbound.enqueue([log(2, size=120)], now=20)
    assert outbound.is_over(20)
    assert not outbound.is_beyond
    outbound.enqueue([log(3, size=120)], now=20)
    assert outbound.is_beyond


def test_a_free_socket_has_no_queue() -> None:
    """While the socket takes everything, frames are written at once, several in one write."""
    written: list[bytes] = []
    outbound = Outbound(Bounds(100, 200, 5))
    outbound.write = written.append
    outbound.resume()
    outbound.send(log(1), now=0)
    outbound.send_all([log(2), log(3)], now=0)
    assert written == [log(1).wire, log(2).wire + log(3).wire]
    assert outbound.queued_bytes == 0
