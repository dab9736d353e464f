"""NATS for the tests: one nats-server per test process, a stream of its own for each test."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

import pytest

from benchmarks.fanout_peers.processes import free_port
from benchmarks.fanout_peers.tools import CACHE

_CONFIG = """listen: "127.0.0.1:{port}"
jetstream {{ store_dir: "{folder}", max_memory_store: 17179869184, max_file_store: 1048576 }}
logtime: false
log_file: "{folder}/log"
"""
_START_S = 30


def nats_program() -> str:
    """The system's nats-server, or what the benchmarks keep. Skips the test where there is none."""
    kept = CACHE / "nats" / "usr" / "sbin" / "nats-server"
    found = shutil.which("nats-server") or (str(kept) if kept.exists() else None)
    if found is None:
        pytest.skip("there is no nats-server: apt-get install nats-server")
    return found


class NatsForTests:
    """A context; `stop` and `start` under its users' feet are for tests of what survives that."""

    def __init__(self) -> None:
        self._program = nats_program()
        self._folder = Path(tempfile.mkdtemp(prefix="curvefeed-nats-"))
        self._port = free_port()
        self._numbers = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        config = self._folder / "nats.conf"
        config.write_text(_CONFIG.format(port=self._port, folder=self._folder))
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def url(self) -> str:
        """FEED_URL of a stream that nobody else uses."""
        return f"nats://127.0.0.1:{self._port}/test_{next(self._numbers)}"

    def start(self) -> None:
        """Start it; what it kept in memory is gone."""
        self._process = subprocess.Popen(
            [self._program, "-c", str(self._folder / "nats.conf")], stdin=subprocess.DEVNULL
        )
        log, deadline = self._folder / "log", time.monotonic() + _START_S
        while not (log.exists() and "Server is ready" in log.read_text()):
            assert self._process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, "nats-server does not start"
            time.sleep(0.02)

    def stop(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            (self._folder / "log").unlink(missing_ok=True)
            self._process = None
