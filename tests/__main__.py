"""`./run test`: installs what the tests need, then every check and every test.

With arguments, only pytest runs, with those arguments.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from chaos.unpacked import DEBIAN_BIN, apt_get, unpack
from frontend.build import install
from tests import lint

ROOT = Path(__file__).resolve().parent.parent
UNPACKED = {"nats-server": "nats-server", "nginx": "nginx", "promtool": "prometheus"}
WORKERS = str(min(12, (os.cpu_count() or 2) + 1))
"""Most tests wait most of the time: of 32 minutes of theirs, on two cores, 8 are computed."""
CAPTURES = ROOT.parent / "shared" / "captures"


def find_chromium() -> str | None:
    """The system's Chromium, installed from Debian's packages where that is possible."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print("· installing Chromium from the system's packages", flush=True)
        apt_get("update")
        apt_get("install", "-y", "--no-install-recommends", "chromium")
    return shutil.which("chromium")


def environment() -> dict[str, str]:
    """What the tests read: where programs are, and recorded transactions if they lie beside.

    Without a program, the tests that need it are skipped.
    """
    for binary, package in UNPACKED.items():
        if reason := unpack(binary, package):
            print(f"· no {binary}: {reason}", flush=True)
    path = [*map(str, DEBIAN_BIN), os.environ["PATH"]]
    found = {**os.environ, "PATH": os.pathsep.join(path)}
    if chromium := find_chromium():
        found["CHROMIUM"] = chromium
    if CAPTURES.is_dir():
        found.setdefault("CURVEFEED_CAPTURES", str(CAPTURES))
    return found


def pytest(*args: str, env: dict[str, str]) -> int:
    """Run pytest in this environment; its exit status."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", *args], cwd=ROOT, env=env, check=False
    ).returncode


def is_passing(*args: str, env: dict[str, str]) -> bool:
    """Run tests side by side; those that fail once more, one by one, on a machine then idle.

    What passes only then is named aloud: it waits for something the wrong way, which is a bug of
    the test or of the code. What is wrong fails twice.
    """
    if not pytest(*args, env=env):
        return True
    print("· what failed is run once more, alone", flush=True)
    if pytest(*args, "-n", "0", "--last-failed", "--last-failed-no-failures", "none", env=env):
        return False
    print("UNSTEADY: the failures above passed alone. Please mend what they wait for.", flush=True)
    return True


def main(args: list[str]) -> int:
    """Exit status 0 only if everything passed."""
    began = time.monotonic()
    env = environment()
    if args:
        return pytest(*args, env=env)
    install(dev=True)
    failed = [name for name, is_good in lint.run_all() if not is_good]
    suites = ("tests/unit", "tests/integration", "tests/conformance")
    if not is_passing("-n", WORKERS, "--dist", "loadfile", *suites, env=env):
        failed.append("unit, integration and conformance")
    if not is_passing("-n", "2", "tests/chaos", env=env):
        failed.append("chaos")
    if not is_passing("tests/e2e", env=env):
        failed.append("end to end")
    verdict = f"FAILED: {', '.join(failed)}" if failed else "all passed"
    print(f"{verdict} in {time.monotonic() - began:.0f} s")
    return 1 if failed else 0
