"""Who may ask REST how often: by API key, or without one by address.

A minute's limit is counted here, in this process; a day's over all instances, which tell one
another through the database every few seconds. So a new key works, and a revoked one stops, within
seconds.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

import msgspec
import structlog

from api.problems import ProblemError
from api.services.auth.rates import address_key
from db import api_keys
from db.api_keys import ApiKey
from db.feed import OUTAGE
from db.pool import Pool

log = structlog.get_logger()

Mode = Literal["off", "optional", "required"]
_SYNC_S = 5.0
_MINUTE_S = 60.0
_MAX_WINDOWS = 50_000


class Window(msgspec.Struct):
    """Requests since `start` (monotonic seconds), for a minute at most."""

    start: float
    used: int = 0


class Quotas:
    """Counts and refuses. `headers` of an admission go onto the answer."""

    def __init__(self, pool: Pool, mode: Mode, anonymous_per_minute: int) -> None:
        self._pool = pool
        self._mode = mode
        self._anonymous = anonymous_per_minute
        self._keys: dict[bytes, ApiKey] = {}
        self._served: Counter[bytes] = Counter()
        self._windows: OrderedDict[bytes | str, Window] = OrderedDict()

    def admit(self, key: str | None, host: str | None) -> dict[str, str]:
        """Count one request; the headers that tell what is left.

        Raises ProblemError: 401 for a key that is missing or not valid, 429 with Retry-After where
        the minute's or the day's requests are used up.
        """
        if self._mode == "off":
            return {}
        if key is None:
            if self._mode == "required":
                raise _unauthorized("this API takes requests with a key alone")
            return self._take(address_key(host), self._anonymous)
        found = self._keys.get(api_keys.hash_of(key))
        if found is None:
            raise _unauthorized("this API key is not valid")
        return self._take_day(found) | self._take(found.hash, found.per_minute)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Exchange counts with the other instances for as long as the context is open."""
        if self._mode == "off":
            yield
            return
        await self.exchange()
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self.exchange()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_SYNC_S)
            await self.exchange()

    async def exchange(self) -> None:
        """Tell what was served here; learn which keys are valid and what they served in all."""
        served, self._served = self._served, Counter()
        try:
            self._keys = await api_keys.count(self._pool, served)
        except OUTAGE as error:
            self._served.update(served)
            log.warning("api_keys_not_read", error=repr(error))

    def _take_day(self, key: ApiKey) -> dict[str, str]:
        if key.per_day is None:
            self._served[key.hash] += 1
            return {}
        left = key.per_day - key.today - self._served[key.hash]
        if left <= 0:
            until_midnight = 86_400 - int(time.time()) % 86_400
            raise _exhausted(f"{key.per_day} requests a day", until_midnight)
        self._served[key.hash] += 1
        return {"X-Quota-Limit": str(key.per_day), "X-Quota-Remaining": str(left - 1)}

    def _take(self, who: bytes | str, limit: int) -> dict[str, str]:
        now = time.monotonic()
        window = self._windows.get(who)
        if window is None or now - window.start >= _MINUTE_S:
            window = self._windows[who] = Window(now)
            self._windows.move_to_end(who)
            while len(self._windows) > _MAX_WINDOWS:
                self._windows.popitem(last=False)
        reset = int(window.start + _MINUTE_S - now) + 1
        if window.used >= limit:
            raise _exhausted(f"{limit} requests a minute", reset)
        window.used += 1
        return {
            "RateLimit-Limit": str(limit),
            "RateLimit-Remaining": str(limit - window.used),
            "RateLimit-Reset": str(reset),
        }


def _unauthorized(detail: str) -> ProblemError:
    return ProblemError(
        401,
        detail,
        hint="Send it as X-API-Key; who runs this API makes one: ./run apikey create NAME",
        headers={"WWW-Authenticate": 'ApiKey realm="curvefeed"'},
    )


def _exhausted(what: str, after_s: int) -> ProblemError:
    return ProblemError(
        429,
        f"{what} are used up",
        hint=f"Try again in {after_s} s, or ask for a key with more",
        headers={"Retry-After": str(after_s)},
    )
