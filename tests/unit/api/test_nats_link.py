"""What has arrived over NATS and waits is handed on in large steps."""

from __future__ import annotations

from db.jetstream import Entry, Index, place_of
from db.nats_feed import Interest, Link


def entries(count: int) -> list[Entry]:
    """Of so many rows."""
    return [Entry("new_trade", None, None, number) for number in range(count)]


def test_what_waits_is_one_step_as_far_as_it_continues() -> None:
    """Indexes that follow one another, beats between them too, are one; a hole, another
    epoch or a thousand rows end it, and nothing is lost."""
    link = Link(place_of("nats://127.0.0.1:4222"), Interest())
    waiting = [
        Index("a", 5, []), Index("a", 5, entries(3)), Index("a", 8, []), Index("a", 8, entries(2)),
        Index("a", 11, entries(1)), Index("b", 12, entries(1)),
        Index("b", 13, entries(999)), Index("b", 1_012, entries(1)),
    ]  # fmt: skip
    link.indexes.extend(waiting)
    found = []
    while link.indexes:
        found.append(link.next_indexes())
    assert [(each.epoch, each.first, each.last) for each in found] == [
        ("a", 5, 9), ("a", 11, 11), ("b", 12, 1_011), ("b", 1_012, 1_012),
    ]  # fmt: skip
    assert found[0].entries == [*entries(3), *entries(2)]
