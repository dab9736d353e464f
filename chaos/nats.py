"""A nats-server with JetStream as a process: started, killed, started again."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

from chaos.processes import ROOT
from chaos.system import free_port
from common.errors import GiveUp

_KEPT = ROOT / ".cache" / "bench" / "nats" / "usr" / "sbin" / "nats-server"
_START_S = 30
_CONFIG = """listen: "127.0.0.1:{port}"
jetstream {{ store_dir: "{folder}", max_memory_store: 17179869184, max_file_store: 1048576 }}
logtime: false
log_file: "{folder}/log"
"""


def nats_program() -> str | None:
    """The system's nats-server, or the one that the benchmarks unpacked; None: there is none."""
    return shutil.which("nats-server") or (str(_KEPT) if _KEPT.exists() else None)


class NatsServer:
    """One server on a port of its own. Methods block for the moment it takes."""

    def __init__(self, folder: Path) -> None:
        program = nats_program()
        if program is None:
            raise GiveUp("there is no nats-server", hint="apt-get install nats-server")
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._command = [program, "-c", str(folder / "nats.conf")]
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"nats://127.0.0.1:{(port := free_port())}"
        (folder / "nats.conf").write_text(_CONFIG.format(port=port, folder=folder))

    def start(self) -> None:
        """Start it; what it kept in memory is gone. Raises GiveUp."""
        self._process = subprocess.Popen(  # noqa: S603 - found above
            self._command, stdin=subprocess.DEVNULL
        )
        log, deadline = self._folder / "log", time.monotonic() + _START_S
        while not (log.exists() and "Server is ready" in log.read_text()):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise GiveUp("nats-server does not start", hint="Look into its log", log=log)
            time.sleep(0.02)

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            (self._folder / "log").unlink(missing_ok=True)
            self._process = None
