"""How many may come, from where and in whose name: counts of this process, with bounded memory."""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import Literal, TypeVar

from api.services.limits import HubLimits, TokenBucket

_MAX_ADDRESSES = 50_000

T = TypeVar("T")

Arrival = Literal["welcome", "too_many", "flood"]


class Door:
    """Counts the connections of each address and of each wallet, and how fast they arrive.

    An address is a text that says whom it belongs to: an IPv4 address, or the /64 of an IPv6 one.
    A limit of 0 is none.
    """

    def __init__(self, limits: HubLimits) -> None:
        self._limits = limits
        self._addresses: Counter[str] = Counter()
        self._wallets: Counter[str] = Counter()
        self._arrivals: OrderedDict[str, TokenBucket] = OrderedDict()

    def arrive(self, address: str, now: float) -> Arrival:
        """Somebody knocks. `too_many`: tell him so; `flood`: he doesn't listen, so don't open."""
        rate = self._limits.arrivals_per_minute
        if not rate:
            return "welcome"
        bucket = self._arrivals.get(address)
        if bucket is None:
            # Twice as much as is welcome: the second half is only told that it is too many.
            bucket = self._arrivals[address] = TokenBucket(rate / 60, 2 * rate, now)
            if len(self._arrivals) > _MAX_ADDRESSES:
                self._arrivals.popitem(last=False)
        self._arrivals.move_to_end(address)
        if bucket.take(now):
            return "flood"
        return "welcome" if bucket.left >= rate else "too_many"

    def enter(self, address: str) -> bool:
        """One more connection of this address; False, and it counts all the same, if that is too
        many."""
        self._addresses[address] += 1
        most = self._limits.connections_per_address
        return not most or self._addresses[address] <= most

    def sign_in(self, old: str | None, new: str | None) -> bool:
        """A connection speaks for another wallet now (None: for none); False if that one has too
        many."""
        if old == new:
            return True
        _less(self._wallets, old)
        if new is None:
            return True
        self._wallets[new] += 1
        most = self._limits.connections_per_wallet
        return not most or self._wallets[new] <= most

    def leave(self, address: str, wallet: str | None) -> None:
        """A connection is over."""
        _less(self._addresses, address)
        _less(self._wallets, wallet)


def batches_of(leaving: list[T], within_s: float) -> list[list[T]]:
    """Who is sent away together, so that not all come back at once: of about fifty or more, and at
    most ten batches a second."""
    count = max(1, min(len(leaving) // 50, int(within_s * 10)))
    size = max(1, -(-len(leaving) // count))
    return [leaving[at : at + size] for at in range(0, len(leaving), size)]


def _less(counts: Counter[str], key: str | None) -> None:
    """One less, and nothing is kept of who has none."""
    if key is None:
        return
    counts[key] -= 1
    if counts[key] <= 0:
        del counts[key]
