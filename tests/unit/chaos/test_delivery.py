"""The verdict on delivery counts what it says: each count with doctored data."""

from __future__ import annotations

from chaos.delivery import Verdict, judge
from chaos.market import History, Told
from chaos.soak import slope
from chaos.subscriber import Event, Hole, Subscriber

TOLD = [Told(seq, b"%d" % seq) for seq in (2, 4, 5, 9)]


def judged(*seqs: int, holes: tuple[Hole, ...] = (), data: bytes | None = None) -> Verdict:
    """The verdict on a client that got these events."""
    client = Subscriber([], "global")
    client.events = [Event(seq, data or b"%d" % seq) for seq in seqs]
    client.holes = list(holes)
    verdict = Verdict()
    judge(verdict, client, History({"global": TOLD}), first=2)
    return verdict


def test_everything_once_and_in_order() -> None:
    """From the client's first position on."""
    verdict = judged(4, 5, 9)
    assert verdict.is_right
    assert (verdict.expected, verdict.delivered) == (3, 3)


def test_what_is_missing_is_lost() -> None:
    """Also the last one."""
    assert judged(4, 9).lost == 1
    assert judged(4, 5).lost == 1
    assert not judged(4, 5).is_right


def test_what_a_snapshot_stands_for_is_not_lost() -> None:
    """If the client was told so, and only up to the snapshot's position."""
    verdict = judged(4, 9, holes=(Hole(4, 5, "slow"),))
    assert verdict.is_right
    assert (verdict.expected, verdict.delivered, verdict.by_snapshot) == (2, 2, 1)
    assert judged(4, holes=(Hole(4, 5, "slow"),)).lost == 1


def test_a_hole_without_a_reason_of_the_protocol() -> None:
    """A snapshot that nobody asked for explains nothing, nor one for too many that are few."""
    assert judged(4, 9, holes=(Hole(4, 5, "unasked"),)).unexplained == 1
    assert judged(4, 9, holes=(Hole(4, 5, "too_many", ts=10**15),)).unexplained == 1


def test_doubled_misordered_and_altered() -> None:
    """Each is counted, and none is right."""
    assert judged(4, 5, 5, 9).duplicated == 1
    assert judged(5, 4, 9).misordered == 1
    assert judged(4, 5, 9, data=b"other").altered == 3
    assert judged(4, 5, 7, 9).altered == 1  # never happened


def test_slope() -> None:
    """Least squares: exact on a line, 0 where there is none."""
    assert slope([(0, 1), (1, 3), (2, 5)]) == 2
    assert slope([(0, 1)]) == 0
