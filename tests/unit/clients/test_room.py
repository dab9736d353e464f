"""The Python client's rooms against a model of the hub, over any loss, repetition and cut."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from api.python_client import TARGET, python
from curvefeed_client.room import Frame, Room, RoomStatus, Verdict

STEP = st.sampled_from(["arrives", "lost", "twice", "cut", "state"])


class Model:
    """A room as a hub keeps it, and a client's Room that is told what the steps say."""

    def __init__(self) -> None:
        self.room = Room("token_A")
        self.events: list[tuple[int, int]] = []
        self.seq = 0
        self.now = 0.0
        self.seen: list[int] = []
        self.ids = 0
        self.join()
        self.start = self.seq

    def tell(self, frame: Frame) -> None:
        """One frame; what it makes the client do."""
        verdict = self.room.take(frame, "e1", self.now)
        if verdict is Verdict.JOIN:
            self.join()
        elif verdict is Verdict.DELIVER and "prev" in frame:
            self.seen.append(frame["seq"])

    def join(self) -> None:
        """The client asks, the hub answers: what was missed, or a snapshot."""
        self.ids += 1
        asked = self.room.request(self.ids)
        since = asked.get("since")
        answer = {"type": "subscribed", "id": self.ids, "recovered": since is not None}
        self.tell(answer)
        if since is None:
            self.tell({"type": "snapshot", "epoch": "e1", "seq": self.seq})
            return
        for seq, prev in [each for each in self.events if each[0] > since["seq"]]:
            self.tell({"type": "new_trade", "seq": seq, "prev": prev})

    def happen(self, step: str, gap: int) -> None:
        """One event of the room, and what becomes of it on its way."""
        self.now += gap
        if step == "state":
            self.tell({"type": "price_update", "seq": self.seq})
            return
        prev, self.seq = self.seq, self.seq + gap
        self.events.append((self.seq, prev))
        if step == "cut":
            self.room.doubt(self.now)
            self.join()
        for _ in range({"arrives": 1, "twice": 2}.get(step, 0)):
            self.tell({"type": "new_trade", "seq": self.seq, "prev": prev})


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(STEP, st.integers(1, 9)), max_size=60))
def test_every_event_comes_once_and_in_order(story: list[tuple[str, int]]) -> None:
    """Once the hub has told its position, nothing is missing, nothing doubled, and it is live."""
    model = Model()
    for step, gap in story:
        model.happen(step, gap)
    model.now += 60
    model.tell({"type": "pos", "seq": model.seq})
    assert model.seen == [seq for seq, _ in model.events]
    assert model.room.status is RoomStatus.LIVE


def test_the_types_are_those_of_the_api() -> None:
    """`python -m api.python_client` has been run since the models changed."""
    assert TARGET.read_text(encoding="utf-8") == python()
