"""One connection in one room."""

from __future__ import annotations

from typing import Literal

from api.services.messages import Identifier
from api.services.protocol import RoomName, Since
from api.services.rooms import Filter


class Subscription:
    """One connection in one room, or on its way there (`is_live` false)."""

    __slots__ = (
        "candles", "events", "id", "is_acked", "is_live", "name", "resync", "since",
        "wants_snapshot",
    )  # fmt: skip

    def __init__(
        self, name: RoomName, *, events: Filter = None, since: Since | None = None
    ) -> None:
        self.name = name
        self.events = events
        self.since = since
        self.candles: tuple[int, ...] = ()
        """Seconds of the bars it gets `candle_update` of."""
        self.wants_snapshot = False
        self.id: Identifier | None = None
        self.is_acked = True
        self.is_live = False
        self.resync: tuple[Literal["slow", "gap", "epoch"], int | None] | None = None
        """Not asked for by the client: the reason, and the first seq it was not sent."""
