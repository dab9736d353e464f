"""Beside the indexing: windows of all tokens brought up to date for the lists, and `market_stats`
told every few seconds.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

import msgspec

from common.errors import DatabaseUnavailable
from common.messages import MarketStats, WindowStats
from db import windows
from db.feed import head
from db.pool import Pool
from db.states import put_state
from db.windows import MOST_AT_ONCE, WINDOWS, MarketWindow, Part, rest_s
from db.writer import transient_errors
from programs.keys import b58

EVERY_S = 5.0
_COUNT_WALLETS_EVERY_S = {21_600: 60.0, 86_400: 300.0}
"""Of long windows wallets are counted less often: that reads all their trades."""

_encode = msgspec.json.Encoder().encode


class Windows:
    """Run it while this process is the one that writes."""

    def __init__(self, pool: Pool, most: int = MOST_AT_ONCE) -> None:
        self._pool = pool
        self._most = most
        self._heads: deque[tuple[int, int]] = deque()
        """When it was refreshed, and up to which position of the feed."""
        self._left: list[tuple[int, Part]] = []
        """What was too much for one time, by the window's length: after a start on a history,
        most of it."""
        self._wallets: dict[int, tuple[float, MarketWindow]] = {}

    async def run(self) -> None:
        """For ever; Postgres being away only makes it wait."""
        while True:
            with suppress(DatabaseUnavailable), transient_errors():
                await self.refresh(int(time.time()))
            due = time.monotonic() + EVERY_S
            with suppress(DatabaseUnavailable), transient_errors():
                while self._left and time.monotonic() < due:
                    await self.fill(int(time.time()))
            await asyncio.sleep(max(0, due - time.monotonic()))

    @property
    def is_filled(self) -> bool:
        """Do the windows hold every token that was traded in them?"""
        return bool(self._heads) and not self._left

    async def refresh(self, now_s: int) -> None:
        """What changed of late, as of a time (unix seconds). Raises DatabaseUnavailable."""
        newest = (await head(self._pool)).seq
        for window_s in WINDOWS.values():
            await self._refresh(window_s, now_s, Part(self._after(window_s)))
        self._heads.append((now_s, newest))
        while len(self._heads) > 1 and self._heads[1][0] <= now_s - rest_s(max(WINDOWS.values())):
            self._heads.popleft()
        await put_state(self._pool, "market_stats", _encode(await self.stats(now_s)).decode())

    async def fill(self, now_s: int) -> None:
        """A piece of what is left. Raises DatabaseUnavailable."""
        window_s, part = self._left[-1]
        await self._refresh(window_s, now_s, part)
        self._left.remove((window_s, part))

    def _after(self, window_s: int) -> int:
        """Up to here everything is in the windows, or in a part that is left. What moved while its
        figures rested comes when they were due: after the time before this one."""
        if not self._heads:
            return 0
        due = self._heads[-1][0] - rest_s(window_s)
        return max((seq for at, seq in self._heads if at <= due), default=self._heads[0][1])

    async def _refresh(self, window_s: int, now_s: int, part: Part) -> None:
        left = await windows.refresh(self._pool, window_s, now_s, part, self._most)
        if left is not None:
            self._left.append((window_s, left))

    async def stats(self, now_s: int) -> MarketStats:
        """The market's figures in the quote that is traded most."""
        quote = await windows.main_quote(self._pool, now_s)
        found = await windows.market_windows(self._pool, quote.id, now_s, self._longest(now_s))
        tokens, trades = await windows.counts(self._pool)
        return MarketStats(
            tokens=tokens,
            trades=trades,
            quote_mint=None if quote.mint is None else b58(quote.mint),
            windows=dict(zip(WINDOWS, self._told(found, now_s), strict=True)),
        )

    def _longest(self, now_s: int) -> int:
        due = [
            length
            for length, every_s in _COUNT_WALLETS_EVERY_S.items()
            if length not in self._wallets or now_s - self._wallets[length][0] >= every_s
        ]
        return max(due, default=3600)

    def _told(self, found: Sequence[MarketWindow], now_s: int) -> list[WindowStats]:
        told = []
        for window in found:
            counted = window
            if window.buyers is None:
                counted = self._wallets[window.window_s][1]
            else:
                self._wallets[window.window_s] = now_s, window
            told.append(
                WindowStats(
                    volume_quote=str(window.volume_quote), buys=window.buys, sells=window.sells,
                    buyers=counted.buyers, sellers=counted.sellers,
                )
            )  # fmt: skip
        return told
