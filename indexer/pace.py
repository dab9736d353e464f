"""How fast one endpoint is called: a token bucket, and a concurrency that adapts (AIMD).

Each success allows a little more at once, each sign of overload half as much. Who waits is served
by priority, so that a long history never delays what is live.
"""

from __future__ import annotations

import asyncio
import heapq
from enum import IntEnum
from itertools import count

_FIRST = 8.0
_SHRINK_EVERY_S = 0.5
"""Calls that fail together are one sign of overload."""


class Priority(IntEnum):
    """Who goes first."""

    LIVE = 0
    GAP = 1
    HISTORY = 2


class Pace:
    """Every `begin` that returned is followed by `succeeded`, `failed` or `ended`."""

    def __init__(self, per_second: float | None = None, most: int = 32) -> None:
        self._rate = per_second
        self._most = most
        self._tokens = max(1.0, per_second or 0.0)
        self._filled_at = 0.0
        self._running = 0
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._numbers = count()
        self._paused_until = 0.0
        self._shrunk_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.limit = min(_FIRST, float(most))
        """Calls that may run at once."""

    async def begin(self, priority: Priority) -> None:
        """Wait for a turn."""
        turn = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (priority, next(self._numbers), turn))
        self._serve()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # granted at the moment of the cancellation
                self.ended()
            raise

    def succeeded(self) -> None:
        """The call was answered: one more at once after as many successes as run at once."""
        self.limit = min(float(self._most), self.limit + 1 / self.limit)
        self.ended()

    def failed(self, pause_s: float = 0.0) -> None:
        """The endpoint is overloaded: half as many at once, and none for `pause_s` seconds."""
        now = asyncio.get_running_loop().time()
        if now - self._shrunk_at >= _SHRINK_EVERY_S:
            self.limit = max(1.0, self.limit / 2)
            self._shrunk_at = now
        self._paused_until = max(self._paused_until, now + pause_s)
        self.ended()

    def ended(self) -> None:
        """The call is over and says nothing about the load."""
        self._running -= 1
        self._serve()

    def _serve(self) -> None:
        while self._waiting and self._running < int(self.limit):
            if self._waiting[0][2].done():
                heapq.heappop(self._waiting)
                continue
            wait_s = self._wait_s()
            if wait_s > 0:
                self._serve_in(wait_s)
                return
            _, _, turn = heapq.heappop(self._waiting)
            self._tokens -= 1
            self._running += 1
            turn.set_result(None)

    def _wait_s(self) -> float:
        """Until the next call may begin."""
        now = asyncio.get_running_loop().time()
        if self._rate is None:
            self._tokens = 1.0
        else:
            filled = self._tokens + (now - self._filled_at) * self._rate
            self._tokens = min(max(1.0, self._rate), filled)
            self._filled_at = now
        missing_s = 0.0 if self._rate is None else (1 - self._tokens) / self._rate
        return max(self._paused_until - now, missing_s)

    def _serve_in(self, wait_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(wait_s, self._serve)
