"""How often may be tried: a token bucket per key, in this process, with bounded memory."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict

from api.services.auth.errors import SignInRefused
from api.services.limits import TokenBucket

_MAX_KEYS = 50_000


class Attempts:
    """`per_minute` attempts of each key, and no more than that at once.

    Of more than `max_keys` keys the longest untouched is forgotten: it is likely full again.
    """

    def __init__(self, per_minute: int, max_keys: int = _MAX_KEYS) -> None:
        self._per_minute = per_minute
        self._max_keys = max_keys
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def take(self, key: str, now: float) -> None:
        """One more; `now` is monotonic seconds. Raises SignInRefused (rate_limited)."""
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = TokenBucket(self._per_minute / 60, self._per_minute, now)
            if len(self._buckets) > self._max_keys:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(key)
        wait_s = bucket.take(now)
        if wait_s:
            raise SignInRefused(
                "rate_limited",
                f"at most {self._per_minute} attempts a minute",
                hint="Wait as long as Retry-After says",
                retry_after_s=wait_s,
            )


def address_key(host: str | None) -> str:
    """Whom an address belongs to: itself, or the /64 of an IPv6 address."""
    try:
        address = ipaddress.ip_address(host or "")
    except ValueError:
        return host or ""
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))
