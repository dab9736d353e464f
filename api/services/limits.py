"""Limits of one connection: a token bucket for its messages, and counts inside a sliding window."""

from __future__ import annotations

import msgspec


class HubLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Every number of the protocol; see docs/protocol.md. Times in seconds, sizes in bytes."""

    max_connections: int = 1_000
    connections_per_wallet: int = 10
    connections_per_address: int = 20
    arrivals_per_minute: int = 30
    rooms: int = 100
    rooms_anonymous: int = 20
    messages_per_s: float = 10
    message_burst: int = 20
    message_bytes: int = 16_384
    hello_s: float = 10
    request_s: float = 15
    ping_interval_s: float = 25
    pong_timeout_s: float = 10
    idle_pos_s: float = 30
    replay_events: int = 512
    replay_s: float = 300
    replay_bytes: int = 256 * 1024
    queue_soft_bytes: int = 256 * 1024
    queue_hard_bytes: int = 1024 * 1024
    queue_age_s: float = 5
    stall_s: float = 5
    close_s: float = 2
    strike_window_s: float = 60
    lag_s: float = 5
    ring_rows: int = 20_000
    ring_bytes: int = 32 * 1024 * 1024
    drain_s: float = 20


class TokenBucket:
    """`rate` tokens a second, at most `burst` at once. Times are the caller's monotonic seconds."""

    __slots__ = ("_at", "_burst", "_rate", "_tokens")

    def __init__(self, rate: float, burst: int, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = float(burst)
        self._at = now

    @property
    def left(self) -> float:
        """Tokens there were after the last `take`."""
        return self._tokens

    def take(self, now: float) -> float:
        """Take one; returns 0, or if there is none the seconds until there will be."""
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self._rate


class Strikes:
    """Counts what may happen `limit` times within `window_s`."""

    __slots__ = ("_limit", "_times", "_window_s")

    def __init__(self, limit: int, window_s: float) -> None:
        self._limit = limit
        self._window_s = window_s
        self._times: tuple[float, ...] = ()

    def add(self, now: float) -> bool:
        """One more; returns whether that was the last one too many."""
        recent = (at for at in self._times if now - at < self._window_s)
        self._times = (*recent, now)
        return len(self._times) >= self._limit
