"""`./run lint`: formatting, lint, types, layers, and the page's own checks."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from frontend.build import install, npm

ROOT = Path(__file__).resolve().parent.parent
VULNERABILITIES = "vulnerabilities"
BIN = Path(sys.executable).parent
PACKAGES = (
    "main.py",
    "compose.py",
    "developing.py",
    "deploy",
    "docs/generate.py",
    "benchmarks",
    "common",
    "programs",
    "db",
    "localnet",
    "indexer",
    "api",
    "chaos",
    "clients/python/curvefeed_client",
    "frontend/build.py",
    "supply",
    "examples",
    "tests",
)


def commands() -> Iterator[tuple[str, list[str], Path]]:
    """(name, command, folder) of every check."""
    yield "ruff check", [str(BIN / "ruff"), "check", "."], ROOT
    yield "ruff format", [str(BIN / "ruff"), "format", "--check", "."], ROOT
    yield (
        "mypy",
        [str(BIN / "mypy"), *PACKAGES],
        ROOT,
    )
    yield "docs", [str(BIN / "mkdocs"), "build", "--quiet"], ROOT
    yield "licences", [sys.executable, "-m", "supply.licences", "--check"], ROOT
    yield VULNERABILITIES, [sys.executable, "-m", "supply.vulnerabilities"], ROOT
    yield "import-linter", [str(BIN / "lint-imports")], ROOT
    for script in ("lint", "typecheck", "package", "test"):
        yield f"page: {script}", npm("run", "--silent", script), ROOT / "frontend"


def run_all() -> Iterator[tuple[str, bool]]:
    """Run them one after the other; print the output of what fails."""
    for name, command, folder in commands():
        began = time.monotonic()
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        is_good = done.returncode == 0
        print(
            f"{'ok    ' if is_good else 'FAILED'} {name} ({time.monotonic() - began:.1f} s)",
            flush=True,
        )
        if not is_good:
            print(done.stdout + done.stderr, flush=True)
        elif name == VULNERABILITIES:
            print(done.stdout, end="", flush=True)  # what could not be asked is said aloud
        yield name, is_good


def main() -> int:
    """Exit status 0 only if every check passed."""
    install(dev=True)
    return 0 if {is_good for _, is_good in run_all()} == {True} else 1
