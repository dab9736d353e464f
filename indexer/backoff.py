"""Waiting before trying again, and saying so once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from common.errors import TryAgain
from common.logging import redacted

_T = TypeVar("_T")

_log = structlog.get_logger(__name__)


class Backoff:
    """Full jitter: a random wait below a bound that doubles with each failure in a row.

    The first failure is logged and so is the recovery, nothing in between.
    """

    def __init__(self, what: str, *, first_s: float = 0.2, most_s: float = 2.0) -> None:
        self._what = what
        self._first_s = first_s
        self._most_s = most_s
        self._failures = 0
        self._random = random.Random()  # noqa: S311 - jitter, not cryptography

    async def failed(self, error: BaseException) -> None:
        """Wait; the longer the more failures came before without a success."""
        if self._failures == 0:
            _log.warning(f"{self._what}_lost", reason=redacted(str(error) or type(error).__name__))
        bound = min(self._most_s, self._first_s * 2 ** min(self._failures, 16))
        self._failures += 1
        await asyncio.sleep(self._random.uniform(0, bound))

    def succeeded(self) -> None:
        """Back to the shortest wait."""
        if self._failures:
            _log.info(f"{self._what}_back", after_failures=self._failures)
        self._failures = 0


async def insist(backoff: Backoff, call: Callable[[], Awaitable[_T]]) -> _T:
    """Call until it does not raise TryAgain."""
    while True:
        try:
            result = await call()
        except TryAgain as error:
            await backoff.failed(error)
        else:
            backoff.succeeded()
            return result


async def retry(call: Callable[[], Awaitable[_T]], attempts: int = 4, pause_s: float = 0.1) -> _T:
    """Call up to `attempts` times, after pauses that double: of many calls that make one answer
    none must spoil it. Raises the last TryAgain.
    """
    for attempt in range(attempts - 1):
        try:
            return await call()
        except TryAgain:
            await asyncio.sleep(pause_s * 2**attempt)
    return await call()
