"""Wall clocks of processes that can be stepped without being root: a preloaded library (Linux).

Needs a C compiler (the system's, or the wheel `ziglang` of the development group). Without one the
processes keep the true time, and only the chain's clock is stepped.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

SOURCE = Path(__file__).with_name("clock.c")
_OFFSET_BYTES = 8


def compiler() -> list[str] | None:
    """A command that compiles C; None: there is none."""
    for name in ("cc", "gcc", "clang"):
        if path := shutil.which(name):
            return [path]
    if find_spec("ziglang") is not None:
        return [sys.executable, "-m", "ziglang", "cc"]
    return None


def build_clock(folder: Path) -> Path | None:
    """The library, made in `folder`; None where it cannot be made."""
    command = compiler() if sys.platform == "linux" else None
    if command is None:
        return None
    library = folder / "clock.so"
    done = subprocess.run(  # noqa: S603 - a compiler on our own source
        [*command, "-shared", "-fPIC", "-O2", "-o", str(library), str(SOURCE)],
        capture_output=True,
        check=False,
    )
    return library if done.returncode == 0 else None


class Clock:
    """The wall clock of some processes: `env` before they start, `step` while they run."""

    def __init__(self, library: Path | None, file: Path) -> None:
        self._library, self._file = library, file
        self.step(0.0)

    @property
    def env(self) -> dict[str, str]:
        """What makes a process live by this clock."""
        if self._library is None:
            return {}
        return {"LD_PRELOAD": str(self._library), "CURVEFEED_CLOCK": str(self._file)}

    def step(self, seconds: float) -> None:
        """From now on the clock is off by so much."""
        offset = int(seconds * 1e9).to_bytes(_OFFSET_BYTES, sys.byteorder, signed=True)
        with self._file.open("r+b" if self._file.exists() else "wb") as file:
            file.write(offset)
