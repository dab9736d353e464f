"""Our own commands as processes: started, killed without warning, started again."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_INHERITED = ("PATH", "HOME", "LANG", "TMPDIR")


class Command:
    """`main.py ARGS…` with an environment of its own; stderr is kept for the failure's report."""

    def __init__(self, *args: str, env: dict[str, str], log: Path) -> None:
        self._args, self._log = args, log
        kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        self._env = kept | env
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it; `log` collects what it prints, over all its lives."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, str(ROOT / "main.py"), *self._args,
                cwd=ROOT, env=self._env, stdout=log, stderr=log,
            )  # fmt: skip

    async def kill(self) -> None:
        """kill -9: no goodbye, no flush."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> int:
        """SIGTERM, as an operator would; the exit status."""
        return await self._end(signal.SIGTERM)

    async def _end(self, number: signal.Signals) -> int:
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(number)
        async with asyncio.timeout(30):
            return await self._process.wait()

    @property
    def pid(self) -> int:
        """Of the process started last."""
        assert self._process is not None
        return self._process.pid

    @property
    def folder(self) -> Path:
        """Where its log lies, and its data in tests."""
        return self._log.parent

    @property
    def output(self) -> str:
        """All it printed so far."""
        return self._log.read_text() if self._log.exists() else ""
