"""`./run sbom`: what an installation consists of, as CycloneDX: Python packages, and the page's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

from common.errors import BuildError
from frontend.build import FRONTEND, npm

ROOT = Path(__file__).resolve().parents[1]
RUNTIME = ROOT / ".cache" / "runtime"
"""An environment with what a user gets, and nothing of ours for tests."""


def uv() -> str:
    """uv from PATH, or the one that ./run fetched. Raises BuildError."""
    from shutil import which

    found = which("uv") or next(map(str, (ROOT / ".cache").glob("uv-*")), None)
    if found is None:
        raise BuildError("there is no uv", hint="Start by ./run, which fetches it")
    return found


def told(command: list[str], folder: Path = ROOT, **environment: str) -> str:
    """What a tool prints. Raises BuildError with its words where it fails."""
    done = subprocess.run(  # noqa: S603 - our own tools
        command, cwd=folder, env=os.environ | environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        raise BuildError(
            f"{Path(command[0]).name} failed", hint=(done.stderr or done.stdout).strip()[-500:]
        )
    return done.stdout


def python_bill() -> dict[str, Any]:
    """The packages that uv.lock gives an installation, with hashes of nothing but themselves."""
    sync = [uv(), "sync", "--frozen", "--no-default-groups", "--quiet"]
    told(sync, UV_PROJECT_ENVIRONMENT=str(RUNTIME), VIRTUAL_ENV="")
    tool = str(Path(sys.executable).parent / "cyclonedx-py")
    shape = ["--no-validate", "--output-reproducible", "--output-format", "JSON"]
    described = [*shape, "--pyproject", "pyproject.toml", str(RUNTIME / "bin" / "python")]
    made = told([tool, "environment", *described])
    return dict(msgspec.json.decode(made))


def page_bill() -> dict[str, Any]:
    """The packages that package-lock.json gives the page's build, without those of development."""
    made = told(
        npm("sbom", "--sbom-format", "cyclonedx", "--omit", "dev", "--package-lock-only"), FRONTEND
    )
    return dict(msgspec.json.decode(made))


def write_bills(folder: Path) -> list[Path]:
    """Both, as files in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, bill in (("python", python_bill()), ("page", page_bill())):
        path = folder / f"curvefeed-{name}.cdx.json"
        path.write_bytes(msgspec.json.format(msgspec.json.encode(bill), indent=1) + b"\n")
        written.append(path)
    return written
