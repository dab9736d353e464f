"""Lists that everybody asks for are read once for all who ask at about the same time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine

import msgspec

from api.answers import SETTLED, Encoded

Read = Callable[[], Coroutine[object, object, Encoded]]

_KEPT_S = 0.25
_COSTLY_TIMES, _COSTLY_S = 10, 5.0
_SETTLED_S = 3_600.0
_MOST_BYTES = 32 * 2**20


class _Reading(msgspec.Struct):
    began: float
    seq: int
    """Position of this instance when it began."""
    is_costly: bool
    task: asyncio.Task[Encoded] | None = None
    took_s: float = 0.0
    found: Encoded | None = None


class Shared:
    """Answers by what was asked for, each for a quarter of a second at most.

    Nobody is given less than this instance has told before: an answer is not used any more once the
    feed has gone past it (`position`: of this instance; None: not known, so nothing is shared).
    Two exceptions: what is settled stays what it is, and a costly answer is kept for ten times what
    it took, five seconds at most, whatever the feed does; its `meta` says of which moment it is.
    """

    def __init__(self, position: Callable[[], int | None]) -> None:
        self._position = position
        self._readings: dict[str, _Reading] = {}
        self._bytes = 0

    async def get(self, key: str, read: Read, *, is_costly: bool = False) -> Encoded:
        """What is kept under the key or being read already, else what `read` gives."""
        position = self._position()
        if position is None:
            return await read()
        reading = self._readings.get(key)
        if reading is not None and reading.found is not None and _is_good(reading, position):
            return reading.found
        if reading is None or reading.task is None or not (is_costly or reading.seq == position):
            reading = _Reading(time.monotonic(), position, is_costly)
            self._drop(key)
            self._readings[key] = reading
            reading.task = asyncio.create_task(self._run(key, reading, read))
        # Whoever asked first may go away: the others still wait.
        return await asyncio.shield(reading.task)

    async def _run(self, key: str, reading: _Reading, read: Read) -> Encoded:
        try:
            found = await read()
        except BaseException:
            if self._readings.get(key) is reading:
                del self._readings[key]
            raise
        reading.took_s, reading.task = time.monotonic() - reading.began, None
        if self._readings.get(key) is reading:
            reading.found = found
            self._bytes += len(found.raw)
            while self._bytes > _MOST_BYTES:
                self._drop(next(iter(self._readings)))
        return found

    def _drop(self, key: str) -> None:
        reading = self._readings.pop(key, None)
        if reading is not None and reading.found is not None:
            self._bytes -= len(reading.found.raw)


def _is_good(reading: _Reading, position: int) -> bool:
    assert reading.found is not None  # noqa: S101 - the caller's condition
    age_s = time.monotonic() - reading.began
    if reading.found.cache == SETTLED:
        return age_s <= _SETTLED_S
    if reading.is_costly:
        return age_s <= min(_COSTLY_TIMES * reading.took_s, _COSTLY_S)
    return age_s <= _KEPT_S and position <= max(reading.seq, reading.found.feed_seq)
