"""Our own commands as processes: started, killed without warning, started again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
_INHERITED = ("PATH", "HOME", "LANG", "TMPDIR")
_END_TIMEOUT_S = 30


class Command:
    """`main.py ARGS…` with an environment of its own; what it prints is kept for the report."""

    def __init__(self, *args: str, env: dict[str, str], log: Path, root: Path = ROOT) -> None:
        """`root`: another checkout of the project, run with this one's Python."""
        self._args, self._log, self._root = args, log, root
        kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        self._env = kept | env
        self._process: asyncio.subprocess.Process | None = None
        self._is_wanted = False
        self._changing = asyncio.Lock()
        """Held while it is started or ended: a process that is on its way is never forgotten."""
        self.exits = 0
        """How often it ended by itself while it was wanted (see `supervise`)."""

    async def start(self) -> None:
        """Start it unless it runs; `log` collects what it prints, over all its lives."""
        self._is_wanted = True
        async with self._changing:
            if not self.is_running and self._is_wanted:
                await self._start()

    async def _start(self) -> None:
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, str(self._root / "main.py"), *self._args,
                cwd=self._root, env=self._env, stdin=asyncio.subprocess.DEVNULL, stdout=log,
                stderr=log,
            )  # fmt: skip

    async def kill(self) -> None:
        """kill -9: no goodbye, no flush."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> int:
        """SIGTERM, as an operator would; the exit status."""
        return await self._end(signal.SIGTERM)

    async def ended(self, timeout_s: float) -> int:
        """Wait until it ends by itself; the exit status. Raises TimeoutError, RuntimeError."""
        if self._process is None:
            raise RuntimeError("not started yet")
        return await asyncio.wait_for(self._process.wait(), timeout_s)

    async def supervise(self, pause_s: float = 0.5) -> None:
        """Start it again whenever it ends unasked, as docker or systemd do; until cancelled."""
        while True:
            process = self._process
            if process is not None:
                await process.wait()
                if self._is_wanted and self._process is process:
                    self.exits += 1
                    await asyncio.sleep(pause_s)
                    if self._is_wanted and self._process is process:
                        await self.start()
                        continue
            await asyncio.sleep(pause_s)

    async def _end(self, number: signal.Signals) -> int:
        self._is_wanted = False
        async with self._changing:
            return 0 if self._process is None else await _ended(self._process, number)

    @property
    def pid(self) -> int:
        """Of the process started last. Raises RuntimeError if there was none."""
        if self._process is None:
            raise RuntimeError("not started yet")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Started and not ended."""
        return self._process is not None and self._process.returncode is None

    @property
    def rss_bytes(self) -> int:
        """Resident memory of the process; 0 if it does not run."""
        try:
            return int(psutil.Process(self.pid).memory_info().rss)
        except psutil.Error:
            return 0

    @property
    def folder(self) -> Path:
        """Where its log lies, and its data in tests."""
        return self._log.parent

    @property
    def output(self) -> str:
        """All it printed so far."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""


async def _ended(process: asyncio.subprocess.Process, number: signal.Signals) -> int:
    """Its exit status, after this signal. Raises TimeoutError, having killed it."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
    try:
        async with asyncio.timeout(_END_TIMEOUT_S):
            return await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise


def traders_at(rpc_url: str, per_s: float, seed: int, home: Path) -> Command:
    """Traders in a process of their own: they would take their time from the chain's otherwise."""
    return Command(
        "traders", "--trades-per-second", str(per_s), "--seed", str(seed),
        env={"SOLANA_RPC_URL": rpc_url}, log=home / "traders.log",
    )  # fmt: skip
