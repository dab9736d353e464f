"""Runs anchorpy, in the environment that uv.lock has for it alone (group `oracle`)."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from tests.helpers.environments import ROOT, python_of

SCRIPT = ROOT / "tests" / "oracle" / "oracle.py"


def ask(command: str, request: Any) -> Any:
    """The oracle's answer (see tests/oracle/oracle.py)."""
    done = subprocess.run(
        [str(python_of("oracle")), str(SCRIPT), command],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
