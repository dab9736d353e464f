"""Running until done or told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Coroutine
from typing import Any

import uvloop

from common.errors import CurvefeedError


def run_until_stopped(work: Coroutine[Any, Any, None]) -> None:
    """Run `work` on uvloop; SIGINT and SIGTERM cancel it once, and it may clean up in peace.

    Raises the first CurvefeedError out of an exception group, so that a task group's failure
    reads as the one sentence it is about.
    """
    try:
        uvloop.run(_until_signal(work))
    except BaseExceptionGroup as group:
        error = first_of(group)
        if error is None:
            raise
        raise error from None


async def _until_signal(work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    is_stopping = False

    def stop() -> None:
        nonlocal is_stopping
        if not is_stopping:
            is_stopping = True
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    with contextlib.suppress(asyncio.CancelledError):
        await task


def first_of(group: BaseExceptionGroup[BaseException]) -> CurvefeedError | None:
    """The first error of ours in a (nested) exception group."""
    for error in group.exceptions:
        if isinstance(error, CurvefeedError):
            return error
        if isinstance(error, BaseExceptionGroup) and (inner := first_of(error)):
            return inner
    return None
