"""Where a client stands in one room, and what each frame means there: no socket, no timers."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

Frame = dict[str, Any]

_CALM_S = 10.0
"""So long without a repair, and the next begins with the cheapest way again: resuming."""
_BY_SNAPSHOT, _GIVEN_UP = 2, 3


class RoomStatus(StrEnum):
    """What to think of what one holds of a room."""

    PENDING = "pending"
    LIVE = "live"
    STALE = "stale"
    """Something may be missing; it is being repaired."""
    DENIED = "denied"


class Verdict(StrEnum):
    """What to do with a frame."""

    DELIVER = "deliver"
    DROP = "drop"
    JOIN = "join"
    """Ask for the room again, from where we are."""


class Room:
    """One room's position and status."""

    def __init__(self, name: str, candles: tuple[str, ...] = ()) -> None:
        self.name = name
        self.status = RoomStatus.PENDING
        self.asked = 0
        """Id of the subscribe that is not answered yet; nothing is taken while there is one."""
        self.position: tuple[str, int] | None = None
        """Epoch and seq."""
        self._candles = candles
        self._repairs = 0
        self._repaired_at = 0.0
        self._repaired_from: int | None = None

    @property
    def is_private(self) -> bool:
        """A wallet's: joined after the token is accepted."""
        return self.name.startswith("user_")

    def request(self, identifier: int) -> Frame:
        """The message that joins: from where we are, or, knowing nothing, with a snapshot."""
        self.asked = identifier
        asked: Frame = {"type": "subscribe", "id": identifier, "room": self.name}
        if self._candles:
            asked["candles"] = list(self._candles)
        if self.position is None:
            return asked | {"snapshot": True}
        epoch, seq = self.position
        return asked | {"since": {"epoch": epoch, "seq": seq}}

    def rewind(self, position: tuple[str, int] | None) -> None:
        """Stand at an earlier position again: what came since was not kept."""
        self.position = position
        self.status = RoomStatus.STALE

    def doubt(self, now: float) -> None:
        """What is held may be old: the connection is gone, or the hub said so."""
        if self.status is RoomStatus.LIVE:
            self.status = RoomStatus.STALE
        self._repaired_at = now

    def take(self, frame: Frame, epoch: str, now: float) -> Verdict:
        """`epoch` is the hub's, for frames that do not name it. The position moves on first."""
        kind = frame["type"]
        if kind == "subscribed":
            if frame.get("id") == self.asked:
                self._accepted(frame)
            return Verdict.DROP
        if self.asked:
            return Verdict.DROP
        if kind == "snapshot":
            return self._take_snapshot(frame, epoch)
        if kind == "resync":
            self.doubt(now)
            return Verdict.DROP
        if kind == "pos":
            is_behind = self.position is not None and frame["seq"] > self.position[1]
            return Verdict.JOIN if is_behind and self._may_repair(now) else Verdict.DROP
        return self._take_event(frame, now)

    def _accepted(self, frame: Frame) -> None:
        """Recovered: what was missed follows. Else a snapshot does, and that makes it live."""
        self.asked = 0
        if frame.get("recovered"):
            self.status = RoomStatus.LIVE

    def _take_snapshot(self, frame: Frame, epoch: str) -> Verdict:
        self.position = (frame.get("epoch", epoch), frame["seq"])
        self._repaired_from = frame["seq"]
        self.status = RoomStatus.LIVE
        return Verdict.DELIVER

    def _take_event(self, frame: Frame, now: float) -> Verdict:
        """State events have no `prev` and always go on. A log event that was seen is dropped.

        One whose predecessor was not seen asks for a repair: first by resuming, if that leaves a
        gap too by a snapshot. If even that does not help it is passed on, the room stays stale,
        and some time later the repair begins again.
        """
        if "prev" not in frame or self.position is None:
            return Verdict.DELIVER
        epoch, at = self.position
        if frame["seq"] <= at:
            return Verdict.DROP
        is_gap = frame["prev"] is not None and frame["prev"] > at
        is_overdue = self.status is RoomStatus.STALE and now - self._repaired_at > _CALM_S
        if (is_gap or is_overdue) and self._may_repair(now):
            return Verdict.JOIN
        self.position = (epoch, frame["seq"])
        return Verdict.DELIVER

    def _may_repair(self, now: float) -> bool:
        """One that did not move us on is followed by the next stronger one; the third gives up."""
        at = self.position[1] if self.position is not None else None
        has_helped = self._repairs < _GIVEN_UP and at != self._repaired_from
        if has_helped or now - self._repaired_at > _CALM_S:
            self._repairs = 0
        self.status = RoomStatus.STALE
        if self._repairs == _GIVEN_UP:
            return False
        self._repairs += 1
        self._repaired_at = now
        if self._repairs == _BY_SNAPSHOT:
            self.position = at = None
        self._repaired_from = at
        return self._repairs < _GIVEN_UP
