"""@curvefeed/client, built as it is published."""

from __future__ import annotations

import subprocess
from pathlib import Path

from frontend.build import FRONTEND, install, npm

PACKAGE = FRONTEND / "packages" / "client"


def built_package() -> Path:
    """Its `dist`, after publint and attw have found nothing. Blocks for some seconds."""
    install(dev=True)
    done = subprocess.run(
        npm("run", "--silent", "package"), cwd=FRONTEND, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return PACKAGE / "dist"
