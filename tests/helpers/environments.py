"""Environments beside ours, for what must not share one with it: dependency groups of uv.lock."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def uv() -> str:
    """uv from PATH, or the one that ./run fetched."""
    found = shutil.which("uv") or next(map(str, (ROOT / ".cache").glob("uv-*")), None)
    assert found is not None, "no uv: start tests by ./run test, which fetches it"
    return found


def python_of(group: str) -> Path:
    """Python of .cache/<group>, with that group's packages; a second call takes no time."""
    environment = ROOT / ".cache" / group
    subprocess.run(
        [uv(), "sync", "--frozen", "--only-group", group, "--quiet"],
        cwd=ROOT,
        env={**os.environ, "UV_PROJECT_ENVIRONMENT": str(environment), "VIRTUAL_ENV": ""},
        check=True,
        timeout=300,
    )
    return environment / "bin" / "python"
