"""What is known to exist and is not handed over: nothing passes it."""

from __future__ import annotations

from indexer.delivered import Delivered
from indexer.holes import Holes
from indexer.rpc import SignatureInfo


def _info(name: str, slot: int, place: int = 0) -> SignatureInfo:
    return SignatureInfo(name, slot, transaction_index=place)


def test_the_frontier_stays_below_the_lowest() -> None:
    """As long as it is open, however many above it are closed."""
    holes = Holes()
    for name, slot in (("a", 7), ("b", 5), ("c", 9)):
        holes.add(_info(name, slot), "pump", 0, 0)
    holes.close(("a", 7))
    assert holes.lowest == 5
    holes.close(("b", 5))
    assert holes.lowest == 9


def test_those_due_come_in_the_chains_order_and_once() -> None:
    """By slot, inside it by place; one that is being fetched is not given out again."""
    holes = Holes()
    for name, slot, place in (("a", 7, 2), ("b", 7, 1), ("c", 5, 9), ("later", 1, 0)):
        holes.add(_info(name, slot, place), "pump", 0, 10 if name == "later" else 0)
    assert [hole.info.signature for hole in holes.take(5, 10)] == ["c", "b", "a"]
    assert holes.take(5, 10) == []


def test_a_failed_attempt_waits_longer_each_time() -> None:
    """Up to a bound: after an outage everything has to be there soon."""
    holes, waits = Holes(), []
    holes.add(_info("a", 1), "pump", 0, 0)
    ((hole),) = holes.take(0, 1)
    for _ in range(12):
        holes.failed(hole, "busy", 100)
        waits.append(hole.due - 100)
    assert waits == sorted(waits)
    assert 0 < waits[0] < waits[-1] <= 3


def test_what_no_list_has_any_more_is_dropped() -> None:
    """Three whole lists in a row without it: a fork took it; a list that has it starts over."""
    holes = Holes()
    holes.add(_info("a", 5), "pump", 0, 0)
    assert holes.absent("pump", 1, 9, []) == []
    holes.add(_info("a", 5), "pump", 1, 1)
    results = [holes.absent("pump", 1, 9, []) for _ in range(3)]
    assert results == [[], [], [("a", 5)]]


def test_a_list_of_other_slots_or_programs_says_nothing() -> None:
    """Only a list that covers its slot can lack it."""
    holes = Holes()
    holes.add(_info("a", 5), "pump", 0, 0)
    for _ in range(5):
        assert holes.absent("pump", 6, 9, []) == []
        assert holes.absent("other", 1, 9, []) == []


def test_an_old_hole_is_a_gap() -> None:
    """A young one is only on its way."""
    holes = Holes()
    holes.add(_info("a", 5), "pump", 0, 0)
    assert list(holes.gaps(1)) == []
    assert [hole.key for hole in holes.gaps(60)] == [("a", 5)]


def test_what_was_handed_over_is_known_by_slot() -> None:
    """The same signature in another slot is another landing; the bound forgets the oldest."""
    delivered = Delivered(limit=3)
    for slot in (1, 2, 3, 4):
        delivered.add(("a", slot))
    assert [("a", slot) in delivered for slot in (1, 2, 5)] == [False, True, False]
    assert len(delivered) == 3
    delivered.forget_below(4)
    assert list(delivered.between(0, 9)) == [("a", 4)]


def test_once_placed_stays_placed() -> None:
    """A notification that comes after the sweep's copy takes no place away."""
    delivered = Delivered()
    delivered.add(("a", 1), is_placed=True)
    delivered.add(("a", 1))
    assert delivered.is_placed(("a", 1))
    delivered.discard(("a", 1))
    assert (("a", 1) in delivered, len(delivered)) == (False, 0)
