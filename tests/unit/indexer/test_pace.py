"""How fast an endpoint is called."""

from __future__ import annotations

import asyncio

from indexer.pace import Pace, Priority


async def _begin_all(pace: Pace, priorities: list[Priority]) -> list[Priority]:
    """Who began, in order, when there is one turn after the other."""
    begun: list[Priority] = []

    async def call(priority: Priority) -> None:
        await pace.begin(priority)
        begun.append(priority)
        pace.ended()

    await asyncio.gather(*(call(priority) for priority in priorities))
    return begun


async def test_live_goes_before_gaps_and_history() -> None:
    """Who waits is served by priority, and equals in the order they came in."""
    pace = Pace(most=1)
    await pace.begin(Priority.HISTORY)
    waiting = [Priority.HISTORY, Priority.GAP, Priority.LIVE, Priority.HISTORY, Priority.LIVE]
    begun = asyncio.create_task(_begin_all(pace, waiting))
    for _ in range(3):  # until each of them has asked
        await asyncio.sleep(0)
    pace.ended()
    assert await begun == sorted(waiting)


async def test_overload_halves_what_runs_at_once() -> None:
    """Failures that come together are one sign; successes allow more again, up to the most."""
    pace = Pace(most=16)
    for _ in range(8):
        await pace.begin(Priority.LIVE)
    for _ in range(8):
        pace.failed()
    assert pace.limit == 4
    for _ in range(1_000):
        await pace.begin(Priority.LIVE)
        pace.succeeded()
    assert pace.limit == 16


async def test_a_pause_asked_for_is_kept() -> None:
    """Retry-After holds all calls back."""
    pace, loop = Pace(), asyncio.get_running_loop()
    await pace.begin(Priority.LIVE)
    began = loop.time()
    pace.failed(0.1)
    await pace.begin(Priority.LIVE)
    assert loop.time() - began >= 0.09


async def test_who_gives_up_waiting_takes_no_turn() -> None:
    """A cancelled call leaves its turn to the next."""
    pace = Pace(most=1)
    await pace.begin(Priority.LIVE)
    first = asyncio.create_task(pace.begin(Priority.LIVE))
    second = asyncio.create_task(pace.begin(Priority.LIVE))
    await asyncio.sleep(0)
    first.cancel()
    pace.ended()
    await asyncio.wait_for(second, 1)
