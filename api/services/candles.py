"""`candle_update`: bars of the tokens and intervals that somebody watches, and of no others.

Writers do nothing for it. After trades of a watched token the hub reads the bars they fell into,
all of them with one query, and not more often than every quarter of a second.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

import msgspec
import structlog

from api.services.outbound import Frame, Outbound
from api.services.protocol import RoomName, token_key
from api.services.ring import Ring
from api.services.rooms import state_frame
from api.services.subscription import Subscription
from common.messages import CandleUpdate
from db.bars import INTERVALS, Asked, Bar, bars
from db.feed import OUTAGE, FeedRow
from db.pool import Pool
from programs.keys import b58

log = structlog.get_logger()

PAUSE_S = 0.25
_NAMES = {seconds: name for name, seconds in INTERVALS.items()}


class _Timed(msgspec.Struct):
    """Of an event: when it was."""

    block_time: int | None = None


class _Withdrawn(msgspec.Struct):
    """Of a retraction: what it takes back."""

    seq: int = 0


_timed = msgspec.json.Decoder(_Timed)
_withdrawn = msgspec.json.Decoder(_Withdrawn)

Parts = list[tuple[list[Outbound], list[Frame]]]


class Candles:
    """Who watches what, and what has changed since the last look."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._watched: dict[bytes, dict[int, dict[Outbound, RoomName]]] = {}
        self._changed: dict[Asked, set[Outbound] | None] = {}
        """Bars to read, and who is waiting for them; None: all that watch them."""
        self._wake = asyncio.Event()

    def enter(self, member: Outbound, subscription: Subscription, missed: list[FeedRow]) -> None:
        """From now on `member` gets these bars: the newest at once, and those of what it missed."""
        key = subscription.name.key
        for interval_s in subscription.candles:
            watchers = self._watched.setdefault(key, {}).setdefault(interval_s, {})
            watchers[member] = subscription.name
            self._mark(Asked(key[1:], interval_s, None), member)
            for at in {time for row in missed if (time := _time_of(row)) is not None}:
                self._mark(Asked(key[1:], interval_s, at - at % interval_s), member)

    def leave(self, member: Outbound, subscription: Subscription) -> None:
        """No more."""
        key = subscription.name.key
        for interval_s in subscription.candles:
            watched = self._watched.get(key, {})
            watchers = watched.get(interval_s, {})
            watchers.pop(member, None)
            if not watchers:
                watched.pop(interval_s, None)
            if not watched:
                self._watched.pop(key, None)

    def hear(self, rows: list[FeedRow], ring: Ring) -> None:
        """Rows of the feed; `ring` has them and those before."""
        if not self._watched:
            return
        for row in rows:
            watched = self._watched.get(token_key(row.mint)) if row.mint is not None else None
            if row.mint is None or not watched or row.event not in ("new_trade", "retracted"):
                continue
            trade: FeedRow | None = row
            if row.event == "retracted":
                trade = ring.row(_withdrawn.decode(row.data).seq)
            at = _time_of(trade) if trade is not None else None
            for interval_s in watched:
                start = None if at is None else at - at % interval_s
                self._mark(Asked(row.mint, interval_s, start), None)

    def _mark(self, bar: Asked, member: Outbound | None) -> None:
        waiting = self._changed.get(bar, set())
        if member is None or waiting is None:
            self._changed[bar] = None
        else:
            self._changed[bar] = {*waiting, member}
        self._wake.set()

    async def next(self) -> Parts:
        """Waits for something to change; returns who gets which frames."""
        await self._wake.wait()
        await asyncio.sleep(PAUSE_S)
        self._wake.clear()
        changed, self._changed = self._changed, {}
        try:
            found = await bars(self._pool, changed)
        except OUTAGE as error:
            log.warning("candles_delayed", error=repr(error))
            for bar, waiting in changed.items():
                for member in [None] if waiting is None else waiting:
                    self._mark(bar, member)
            return []
        return self._parts(changed, found)

    def _parts(self, changed: dict[Asked, set[Outbound] | None], found: list[Bar]) -> Parts:
        parts: Parts = []
        told: set[Asked] = set()
        for bar in found:
            watchers = self._watched.get(token_key(bar.mint), {}).get(bar.interval_s, {})
            asked = Asked(bar.mint, bar.interval_s, bar.start)
            if not watchers or asked in told:
                continue
            told.add(asked)
            newest = Asked(bar.mint, bar.interval_s, None)
            is_newest = bar.start == max(
                each.start for each in found
                if (each.mint, each.interval_s) == (bar.mint, bar.interval_s)
            )  # fmt: skip
            waiting = _united(changed, [asked, newest] if is_newest else [asked])
            members = [each for each in watchers if waiting is None or each in waiting]
            name = next(iter(watchers.values()))
            parts.append((members, [_frame(name, bar)]))
        return parts


def _united(
    changed: dict[Asked, set[Outbound] | None], keys: Iterable[Asked]
) -> set[Outbound] | None:
    """Who waits for any of them; None: everybody."""
    united: set[Outbound] = set()
    for key in keys:
        waiting = changed.get(key, set())
        if waiting is None:
            return None
        united |= waiting
    return united


def _time_of(row: FeedRow) -> int | None:
    return _timed.decode(row.data).block_time if row.event == "new_trade" else None


def _frame(name: RoomName, bar: Bar) -> Frame:
    data = CandleUpdate(
        mint=b58(bar.mint),
        interval=_NAMES[bar.interval_s],
        interval_s=bar.interval_s,
        start=bar.start,
        open=bar.open,
        high=bar.high,
        low=bar.low,
        close=bar.close,
        volume_base=bar.volume_base,
        volume_quote=bar.volume_quote,
        trades=bar.trades,
        rev=bar.rev,
    )
    text = msgspec.json.encode(data).decode()
    ts = time.time_ns() // 1_000_000
    # Of a slow client's bars the newest of each is kept: a new bar doesn't replace the one before.
    which = f"{bar.interval_s}:{bar.start}".encode()
    return state_frame(name, "candle_update", text, seq=bar.seq, ts=ts, key=which)
