"""A server on one core and the load generator on another."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from benchmarks.fanout_peers.tools import FOLDER, ROOT, Unavailable, compiled

_START_S = 20.0
_ANSWER_S = 60.0


class Settled(msgspec.Struct, frozen=True):
    """Connections after connecting, or connecting again. Times from the beginning of that."""

    live: int
    dead: int
    seconds: float
    p50_ms: float
    p99_ms: float


class Run(msgspec.Struct, frozen=True):
    """What arrived. Latencies from publishing to arrival."""

    published: int
    delivered: int
    expected: int
    seconds: float
    p50_ms: float
    p99_ms: float
    max_ms: float


class Status(msgspec.Struct, frozen=True):
    """Counts since the start. `pings`: the server's questions that were answered."""

    live: int
    dead: int
    closes: int
    pings: int


class Recorded(msgspec.Struct, frozen=True):
    """Events written to the file."""

    recorded: int


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _started(
    command: Sequence[str | Path], core: int | None, env: Mapping[str, str], *, is_piped: bool
) -> subprocess.Popen[bytes]:
    """A child that runs on one core alone, where there are two or more (None: on all)."""
    cores = sorted(os.sched_getaffinity(0))
    is_pinned = core is not None and len(cores) > 1
    if core is not None and is_pinned:
        os.sched_setaffinity(0, {cores[core]})
    pipe = subprocess.PIPE if is_piped else subprocess.DEVNULL
    try:
        return subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **env}, stdin=pipe, stdout=pipe
        )
    finally:
        if is_pinned:
            os.sched_setaffinity(0, set(cores))


def _ended(process: subprocess.Popen[bytes], *, is_killed: bool = False) -> None:
    process.kill() if is_killed else process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


class Server:
    """One server, from start to stop. `core` None: on all cores."""

    def __init__(
        self, command: Sequence[str | Path], port: int, *, core: int | None = 0,
        env: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.port = port
        self._process = _started(command, core, env or {}, is_piped=False)

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._process.pid

    def wait(self) -> None:
        """Until it listens. Raises Unavailable if it doesn't."""
        deadline = time.monotonic() + _START_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise Unavailable("the server does not listen (see above)") from None
                time.sleep(0.05)
            else:
                return

    def cpu_s(self) -> float:
        """CPU seconds that all its threads have used: the clock of another process
        (clock_getcpuclockid(3))."""
        return time.clock_gettime((~self.pid << 3) | 2)

    def rss_kib(self) -> int:
        """Resident memory."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        return 0

    def stop(self) -> None:
        """End it."""
        _ended(self._process)


class Load:
    """The load generator, connected to one server. See load.c for `options`."""

    def __init__(
        self, port: int, conns: int, options: Mapping[str, str], *, core: int | None = 1
    ) -> None:
        words = [f"{name}={value}" for name, value in options.items()]
        command = [str(compiled("load")), f"port={port}", f"conns={conns}", *words]
        self._process = _started(command, core, {}, is_piped=True)
        self._rest = b""
        self.conns = conns

    def settled(self) -> Settled:
        """Wait until all are connected. Raises Unavailable if one could not."""
        found = msgspec.json.decode(self._line(_ANSWER_S), type=Settled)
        if found.live < self.conns:
            raise Unavailable(f"only {found.live} of {self.conns} clients are connected")
        return found

    def run(self, burst: int, seconds: float, rate: float = 0) -> Run:
        """Publish bursts for some time: saturated, or `rate` messages a second."""
        line = self._ask(f"run {burst} {seconds} {rate}", seconds + _ANSWER_S)
        return msgspec.json.decode(line, type=Run)

    def record(self, seconds: float, file: Path) -> None:
        """Begin to write down every event that arrives; `recorded` waits for the end."""
        self._say(f"record {seconds} {file}")

    def recorded(self, within_s: float) -> int:
        """How many were written down."""
        return msgspec.json.decode(self._line(within_s), type=Recorded).recorded

    def drop(self, count: int) -> Settled:
        """Cut connections, all at once, and wait until all of them are live again."""
        self._say(f"drop {count}")
        return self.settled()

    def status(self) -> Status:
        """Right now."""
        return msgspec.json.decode(self._ask("status", _ANSWER_S), type=Status)

    def stop(self) -> None:
        """Cut all connections."""
        _ended(self._process, is_killed=True)

    def _say(self, command: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(command.encode() + b"\n")
        self._process.stdin.flush()

    def _ask(self, command: str, within_s: float) -> bytes:
        self._say(command)
        return self._line(within_s)

    def _line(self, within_s: float) -> bytes:
        assert self._process.stdout is not None
        pipe = self._process.stdout.fileno()
        deadline = time.monotonic() + within_s
        while b"\n" not in self._rest:
            ready, _, _ = select.select([pipe], [], [], max(0, deadline - time.monotonic()))
            data = os.read(pipe, 65_536) if ready else b""
            if not data:
                why = "has ended (see above)" if ready else f"has no answer after {within_s:.0f} s"
                raise Unavailable(f"the load generator {why}")
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line


def script(name: str) -> Path:
    """A file of this folder."""
    return FOLDER / name
