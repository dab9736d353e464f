"""Who is signed out, in memory: what every credential is checked against without a query."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing

import structlog

from common.metrics import SIGN_IN_REVOCATIONS
from db.feed import OUTAGE
from db.pool import Pool
from db.revocations import Revocation, follow

log = structlog.get_logger()

POLL_S = 0.5
"""A revocation reaches every instance within this, even if no NOTIFY does."""
_STALE_S = 2.0
_RETRY_S = 0.2


class Revoked:
    """Follows db.revocations. `run` it as a task."""

    def __init__(self, pool: Pool, *, poll_s: float = POLL_S) -> None:
        self._pool = pool
        self._poll_s = poll_s
        self._known: set[Revocation] = set()
        self._sessions: set[bytes] = set()
        self._versions: dict[bytes, int] = {}
        self._read_at = float("-inf")

    @property
    def is_fresh(self) -> bool:
        """Was the table read lately? If not, ask db.sessions.is_valid."""
        return time.monotonic() - self._read_at < _STALE_S

    def covers(self, wallet: bytes, session: bytes, version: int) -> bool:
        """Is what was signed in like this signed out, as far as is known here?"""
        return session in self._sessions or version < self._versions.get(wallet, 0)

    async def run(self, on_change: Callable[[], None]) -> None:
        """Follow until cancelled; `on_change` is called when `covers` has begun to cover more."""
        while True:
            try:
                async with aclosing(follow(self._pool, self._poll_s)) as reads:
                    async for found in reads:
                        self._read_at = time.monotonic()
                        if self._add(found):
                            on_change()
            except OUTAGE as error:
                log.warning("revocations_unavailable", error=repr(error))
                await asyncio.sleep(_RETRY_S)

    def _add(self, found: list[Revocation]) -> bool:
        news = set(found) - self._known
        now = time.time()
        ended = {each for each in self._known if each.expires_at < now}
        if not news and not ended:
            return False
        SIGN_IN_REVOCATIONS.inc(len(news))
        self._known = (self._known - ended) | news
        self._sessions = {each.session for each in self._known if each.session is not None}
        self._versions = {}
        for each in self._known:
            version = max(each.below_version or 0, self._versions.get(each.wallet, 0))
            self._versions[each.wallet] = version
        return bool(news)
