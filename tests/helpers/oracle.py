"""Runs anchorpy, in the environment that uv.lock has for it alone (group `oracle`)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
ENVIRONMENT = ROOT / ".cache" / "oracle"
SCRIPT = ROOT / "tests" / "oracle" / "oracle.py"


def uv() -> str:
    """uv from PATH, or the one that ./run fetched."""
    found = shutil.which("uv") or next(map(str, (ROOT / ".cache").glob("uv-*")), None)
    assert found is not None, "no uv: start tests by ./run test, which fetches it"
    return found


def install() -> Path:
    """Its Python, with the packages of uv.lock; a second call takes no time."""
    subprocess.run(
        [uv(), "sync", "--frozen", "--only-group", "oracle", "--quiet"],
        cwd=ROOT,
        env={**os.environ, "UV_PROJECT_ENVIRONMENT": str(ENVIRONMENT), "VIRTUAL_ENV": ""},
        check=True,
        timeout=300,
    )
    return ENVIRONMENT / "bin" / "python"


def ask(command: str, request: Any) -> Any:
    """The oracle's answer (see tests/oracle/oracle.py)."""
    done = subprocess.run(
        [str(install()), str(SCRIPT), command],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
