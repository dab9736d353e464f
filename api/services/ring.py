"""The newest rows of the feed in memory, by room: what joins and resumes are served from.

Because the hub works row by row in one thread, "everything up to `seq`" is exact here: a connection
that is given the ring's rows after a position and then enters the room has missed nothing and has
nothing twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from types import MappingProxyType

from api.services.protocol import ROOM_GLOBAL, rooms_of
from db.feed import FeedRow, Position

_ROW_OVERHEAD_BYTES = 400
_NOTHING: Mapping[bytes, int] = MappingProxyType({})


class _RoomRows:
    """Rows of one room, oldest first. `before`: seq of its last log event before them, if known."""

    __slots__ = ("before", "rows")

    def __init__(self, before: int | None, rows: deque[FeedRow] | None = None) -> None:
        self.before = before
        self.rows = deque() if rows is None else rows


class Ring:
    """Bounded in rows and bytes. `position` is the last row's; `start` the seq before the first's.

    `before` is the seq of the last log event at or before the first position.
    """

    def __init__(self, position: Position, before: int, *, max_rows: int, max_bytes: int) -> None:
        self.position = position
        self._max_rows = max_rows
        self._max_bytes = max_bytes
        self._bytes = 0
        self._rows: deque[FeedRow] = deque()
        self._rooms = {ROOM_GLOBAL: _RoomRows(before, self._rows)}

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def start(self) -> int:
        """Everything after this seq is here."""
        return self.position.seq - len(self._rows)

    def append(self, row: FeedRow, known: Mapping[bytes, int] = _NOTHING) -> None:
        """The next row. `known`: positions of its rooms before it, as far as the caller has
        them.
        """
        for key in rooms_of(row):
            if key == ROOM_GLOBAL:
                continue
            room = self._rooms.get(key)
            if room is None:
                room = self._rooms[key] = _RoomRows(known.get(key))
            room.rows.append(row)
        self._rows.append(row)
        self._bytes += _size_of(row)
        self.position = Position(self.position.epoch, row.seq)
        while len(self._rows) > self._max_rows or self._bytes > self._max_bytes:
            self._evict()

    def after(self, room: bytes, seq: int) -> list[FeedRow] | None:
        """The room's rows after `seq`, oldest first; None if the ring doesn't reach back so far, or
        nobody here wanted one of them whole when it came.
        """
        if seq < self.start:
            return None
        found: list[FeedRow] = []
        for row in reversed(self._of(room)):
            if row.seq <= seq:
                break
            if not row.is_whole:
                return None
            found.append(row)
        found.reverse()
        return found

    def row(self, seq: int) -> FeedRow | None:
        """The row of this seq, if it is here, whole."""
        if not self.start < seq <= self.position.seq:
            return None
        found = self._rows[seq - self.start - 1]
        return found if found.is_whole else None

    def last_log_seq(self, room: bytes, up_to: int) -> int | None:
        """Seq of the room's newest log event at or before `up_to`; None if the ring can't tell."""
        for row in reversed(self._of(room)):
            if row.seq <= up_to and row.is_log:
                return row.seq
        if self.start == 0:
            return 0
        rows = self._rooms.get(room)
        return rows.before if rows is not None and up_to >= self.start else None

    def _of(self, room: bytes) -> deque[FeedRow] | tuple[FeedRow, ...]:
        rows = self._rooms.get(room)
        return rows.rows if rows is not None else ()

    def _evict(self) -> None:
        row = self._rows.popleft()
        self._bytes -= _size_of(row)
        if row.is_log:
            self._rooms[ROOM_GLOBAL].before = row.seq
        for key in rooms_of(row):
            room = self._rooms.get(key)
            if room is None or not room.rows or room.rows[0] is not row:
                continue
            room.rows.popleft()
            if row.is_log:
                room.before = row.seq
            if not room.rows:
                del self._rooms[key]


def _size_of(row: FeedRow) -> int:
    updates = len(row.price_update or "") + len(row.portfolio_update or "")
    return len(row.data) + updates + _ROW_OVERHEAD_BYTES
