"""Processes whose wall clock is stepped while they run."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

import pytest

from chaos.clock import Clock, build_clock

TELL = """import sys, time
for _ in sys.stdin:
    print(time.time(), time.time_ns() / 1e9, time.monotonic(), flush=True)
"""


class Teller:
    """A process that says what time it is when asked."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def ask(self) -> list[float]:
        """time, time_ns as seconds, monotonic."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"\n")
        return [float(word) for word in (await self._process.stdout.readline()).split()]


async def test_a_step_moves_the_wall_clock_only(tmp_path: Path) -> None:
    """Forward and back while the process runs; its monotonic clock goes on as it was."""
    library = build_clock(tmp_path)
    if library is None:
        pytest.skip("no C compiler")
    clock = Clock(library, tmp_path / "clock")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", TELL, env={**os.environ, **clock.env},
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    teller = Teller(process)
    for step_s in (0.0, 3600.0, -7200.5, 0.0):
        clock.step(step_s)
        wall, precise, monotonic = await teller.ask()
        assert wall == pytest.approx(time.time() + step_s, abs=1)
        assert precise == pytest.approx(wall, abs=1)
        assert monotonic == pytest.approx(time.monotonic(), abs=1)
    process.kill()
    await process.wait()


def test_without_a_compiler_clocks_stay_true(tmp_path: Path) -> None:
    """No library: processes are started as they are."""
    clock = Clock(None, tmp_path / "clock")
    clock.step(5)
    assert clock.env == {}
