"""The bounded way between a source and the pipeline."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from indexer.updates import Intake, Item, Update


def _update(slot: int) -> Update:
    return Update(signature="s", slot=slot, err=None)


def _slots(items: Sequence[Item]) -> list[int]:
    return [item.slot for item in items if isinstance(item, Update)]


async def test_what_was_put_is_taken_in_order() -> None:
    """A take gives all that is there, at most as many as asked for."""
    intake = Intake(10)
    for slot in range(5):
        await intake.put(_update(slot))
    assert _slots(await intake.take(3)) == [0, 1, 2]
    assert _slots(await intake.take(3)) == [3, 4]


async def test_a_full_intake_makes_its_source_wait() -> None:
    """Nothing is dropped: who puts into a full one goes on once there is room."""
    intake = Intake(2)
    await intake.put(_update(0))
    await intake.put(_update(1))
    third = asyncio.create_task(intake.put(_update(2)))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(third), 0.05)
    await intake.take(1)
    await asyncio.wait_for(third, 1)
    assert _slots(await intake.take(9)) == [1, 2]


async def test_a_closed_intake_is_drained_first() -> None:
    """After the close what is left is taken; then an empty take says that it is over."""
    intake = Intake(2)
    waiting = asyncio.create_task(intake.take(1))
    await intake.put(_update(0))
    assert len(await waiting) == 1
    await intake.put(_update(1))
    await intake.close()
    assert len(await intake.take(9)) == 1
    assert await intake.take(9) == []


async def test_a_close_wakes_who_waits() -> None:
    """A pipeline waiting for more learns that there will be none."""
    intake = Intake(2)
    waiting = asyncio.create_task(intake.take(1))
    await asyncio.sleep(0)
    await intake.close()
    assert await asyncio.wait_for(waiting, 1) == []
