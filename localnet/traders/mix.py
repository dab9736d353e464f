"""What comes next, and when: the seeded mix of kinds, and a pace with calm and storm."""

from __future__ import annotations

import random
from collections.abc import Iterator

OPENING = (
    *("create",) * 6, "buy", "whale", "sell", "dust", "slip", "several", "routed", "lie", "lie",
    "buy", "complete", "migrate", "create",
)  # fmt: skip
"""Every kind once or more: a page is alive at once, and a short play has seen it all."""

_WEIGHTS = {
    "trade": 80.0,
    "dust": 3.0,
    "slip": 3.0,
    "create": 2.5,
    "several": 3.5,
    "routed": 3.5,
    "lie": 2.5,
    "whale": 1.2,
    "complete": 0.3,
    "migrate": 0.5,
}
_STORM_CHANCE = 0.01
"""Per trade: a storm begins on average every hundred trades."""
_STORM_TRADES = (15, 60)
_STORM_SPEED, _CALM_SPEED = 4.0, 0.8
"""Against the average: a third of all trades happen in storms, so that the average is 1."""


def kinds(rng: random.Random, available: set[str]) -> Iterator[str]:
    """Kinds of transactions, for ever: the opening, then the mix. Not `available` ones are buys."""
    for kind in OPENING:
        yield kind if kind in available else "buy"
    names = [name for name in _WEIGHTS if name in available]
    weights = [_WEIGHTS[name] for name in names]
    while True:
        yield rng.choices(names, weights)[0]


ALL_KINDS = frozenset(OPENING) | frozenset(_WEIGHTS)


class Pace:
    """Gaps between trades: random, in calm and storm, and right on average.

    The plan is kept against the clock: whoever is late hurries, up to `slack_s` behind.
    """

    def __init__(self, rng: random.Random, per_second: float, slack_s: float = 2.0) -> None:
        self._rng = rng
        self._per_second = per_second
        self._slack_s = slack_s
        self._storm_left = 0
        self._due_s: float | None = None

    @property
    def is_storm(self) -> bool:
        """Trades come thick and fast, most of them for one token."""
        return self._storm_left > 0

    def next_due(self, now_s: float, trades: int) -> float:
        """When the next transaction is due, after one with so many trades. Clock of `now_s`."""
        if self._due_s is None:
            self._due_s = now_s
        speed = self._speed(trades)
        gap = sum(self._rng.expovariate(self._per_second * speed) for _ in range(max(1, trades)))
        self._due_s = max(self._due_s + gap, now_s - self._slack_s)
        return self._due_s

    def _speed(self, trades: int) -> float:
        if self._storm_left > 0:
            self._storm_left -= trades
            return _STORM_SPEED
        if self._rng.random() < _STORM_CHANCE:
            self._storm_left = self._rng.randint(*_STORM_TRADES)
        return _CALM_SPEED
