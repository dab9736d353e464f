"""A short coverage-guided run of the fuzzer; tests/fuzz says how to run a long one."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.helpers.environments import ROOT, python_of

SECONDS = 20


@pytest.mark.timeout(300)
def test_a_short_run_of_the_fuzzer_finds_nothing(tmp_path: Path) -> None:
    """Twenty seconds of inputs that look for new code break no decoder."""
    done = subprocess.run(
        [
            str(python_of("fuzz")),
            "-m",
            "tests.fuzz.fuzz",
            str(tmp_path / "corpus"),
            str(ROOT / "tests" / "fuzz" / "corpus"),
            "-max_len=4096",
            f"-max_total_time={SECONDS}",
            f"-artifact_prefix={tmp_path}/",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS + 120,
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    assert " runs in " in done.stderr
    assert not list(tmp_path.glob("crash-*"))
