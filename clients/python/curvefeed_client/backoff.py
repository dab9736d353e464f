"""When to dial again after a connection is gone. Pure."""

from __future__ import annotations

from collections.abc import Callable

FINAL = frozenset({1000, 1003, 1007, 1009, 4400, 4403, 4410, 4442})
"""Close codes after which dialling again cannot help."""
LOST = 1006
_LEAST_S = {1013: 5.0, 4443: 30.0}
_FIRST_S, _MOST_S = 0.5, 20.0
_RESTARTING, _RESTART_S = frozenset({1001, 1012}), 10.0


def delay_after(
    code: int, attempt: int, random: Callable[[], float], after_ms: list[int] | None
) -> float | None:
    """Seconds to wait, or None to stop.

    Full jitter: uniform between nothing and a bound that doubles from 0.5 s to 20 s, so that
    thousands of clients do not come back together. `after_ms` is what the hub's goodbye asked for.
    """
    if code in FINAL:
        return None
    if after_ms:
        low, high = after_ms
        return (low + random() * (high - low)) / 1000
    if code in _RESTARTING:
        return random() * _RESTART_S
    # 2**30 is far beyond the bound; an attempt more must not make a number too large for a float.
    bound = min(_MOST_S, _FIRST_S * 2.0 ** min(attempt, 30))
    return _LEAST_S.get(code, 0.0) + random() * bound
