"""A reader who follows a page: a clone of his own, a shell, and servers that end with the page."""

from __future__ import annotations

import contextlib
import copy
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from localnet.npm import node_binary
from tests.e2e.running import free_ports
from tests.helpers.documents import ROOT, Block, commands, server_of

READY = {
    "up": "Ctrl-C stops everything",
    "serve": "Ctrl-C stops everything",
    "localnet": "localnet_started",
    "index": "live",
    "traders": "traders_started",
    "relay": "relay_leads",
}
"""What each of our servers says when it is there."""
DATABASE = "postgresql://user@host/curvefeed"
DEADLINE_S = 120
_KEPT = (".venv", ".cache", "frontend/.cache", "frontend/node_modules")
"""What takes minutes to make and is the same everywhere: shared with the tree under test."""
_PYTHON = """
import ast, asyncio, sys
code = compile(open(sys.argv[1]).read(), sys.argv[1], "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
made = eval(code, {"__name__": "__main__"})
asyncio.run(made) if made is not None else None
"""


def clone(folder: Path) -> Path:
    """A copy of what git knows, beside nothing else."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        source, target = ROOT / name, folder / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    for name in _KEPT:
        if (ROOT / name).exists():
            (folder / name).symlink_to(ROOT / name)
    return folder


class Places:
    """The ports and the database that stand for those of the documentation."""

    def __init__(self, database_url: str) -> None:
        api, second, third, node, *metrics = free_ports(8)
        self.database_url = database_url
        self.api, self.node = api, node
        self.ports = {8001: api, 8002: second, 8003: third, 8899: node, 8900: node + 1}
        self.ports |= dict(zip(range(9101, 9104), metrics, strict=False))

    def with_database(self, url: str) -> Places:
        """The same ports and another database."""
        found = copy.copy(self)
        found.database_url = url
        return found

    def put_into(self, text: str) -> str:
        """The text with this reader's ports and database."""
        found = re.sub(r"\b(8\d{3}|910\d)\b", lambda it: self._port(it[1]), text)
        return found.replace(DATABASE, self.database_url)

    def _port(self, text: str) -> str:
        return str(self.ports.get(int(text), text))


class Served:
    """A server of ours as a process group: there when it says so, ended by Ctrl-C."""

    def __init__(
        self, command: Sequence[str], folder: Path, environment: Mapping[str, str], ready: str
    ) -> None:
        self._log = folder.parent / f"{folder.name}.{secrets.token_hex(4)}.log"
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip
        self._ready = ready

    def __enter__(self) -> Served:
        try:
            self.wait(lambda: self._ready in self.output)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def output(self) -> str:
        """All it printed so far."""
        return self._log.read_text(errors="replace")

    @property
    def status(self) -> int | None:
        """Its exit status; None while it runs."""
        return self._process.poll()

    def wait(self, is_so: Callable[[], bool]) -> None:
        """Wait for something while it runs. Raises AssertionError with what it printed."""
        _wait(lambda: self.status is not None or is_so(), lambda: self.output)
        assert self.status is None, self.output

    def stop(self) -> None:
        """Ctrl-C, as a terminal does it: to the whole group; then, without mercy, -9."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGINT)
        try:
            self._process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


class Reader:
    """Follows a page from top to bottom; `leave` stops what it started, as Ctrl-C does. The
    programs of Postgres (psql, pg_dump) are those in the folder `postgres`.
    """

    def __init__(self, folder: Path, places: Places, postgres: Path) -> None:
        self.folder, self.places = folder, places
        self.state = folder.parent / f"{folder.name}.state"
        self.home = folder.parent / f"{folder.name}.home"
        self.home.mkdir()
        (self.home / ".curlrc").write_text("fail\nsilent\nshow-error\n")
        # The Python that made the environment, which is shared: with another, ./run remakes it.
        self.environment = {
            "PATH": f"{Path(sys.base_exec_prefix) / 'bin'}:{postgres}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "WEBSOCKET_PORT": str(places.api),
            "LOCALNET_PORT": str(places.node),
            "UV_CACHE_DIR": str(Path("~/.cache/uv").expanduser()),
            "UV_OFFLINE": "1",
            "PYTHONPATH": f"{folder}/clients/python",
        }
        self.servers: dict[str, Served] = {}
        self.has_demo = False
        """Whether `./run` already runs where this reader looks."""

    def follow(self, block: Block) -> None:
        """Do what the block says. Raises AssertionError naming the block and what was printed."""
        text = self.places.put_into(block.text)
        until = self.places.put_into(block.said) if block.mark == "run until" else None
        if block.language == "sh":
            for command in commands(text):
                self._do(command, until if server_of(command) is None else None, block)
            return
        file = self.folder / f"block_{block.line}.{'py' if block.language == 'python' else 'mjs'}"
        file.write_text(text)
        if block.language == "python":
            self._program(
                [str(self.folder / ".venv/bin/python"), "-c", _PYTHON, str(file)], until, block
            )
        else:
            self._program([node_binary(), str(file)], until, block)

    def leave(self) -> None:
        """Ctrl-C to every server, the last one first. Raises AssertionError if one ends badly."""
        servers, self.servers = self.servers, {}
        for served in reversed(servers.values()):
            served.stop()
        bad = [f"{name}\n{each.output}" for name, each in servers.items() if each.status]
        assert not bad, "\n".join(bad)

    def _do(self, command: str, until: str | None, block: Block) -> None:
        server = server_of(command)
        if server is not None:
            if not (self.has_demo and command.split("#")[0].strip() == "./run"):
                self.start(command, block.place)
        elif until is None:
            done = self._shell(command)
            assert done.returncode == 0, _told(block, command, done.stdout)
        else:
            _wait(
                lambda: until in self._shell(command).stdout,
                lambda: _told(block, command, self._shell(command).stdout),
            )

    def _script(self, command: str) -> str:
        return (
            f'if [ -e "{self.state}" ]; then . "{self.state}"; fi\nset -eu\n{command}\n'
            f'{{ export -p; echo "cd \'$PWD\'"; }} > "{self.state}"'
        )

    def _shell(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", self._script(command)],
            cwd=self.folder, env=self.environment, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=DEADLINE_S, check=False,
        )  # fmt: skip

    def start(self, command: str, place: str = "the demo") -> None:
        """Start a server and wait until it is ready."""
        ready = READY[server_of(command) or "up"]
        script = ["bash", "-c", self._script(command)]
        served = Served(script, self.folder, self.environment, ready)
        self.servers[f"{place}: {command}"] = served
        served.wait(lambda: ready in served.output)

    def _program(self, command: list[str], until: str | None, block: Block) -> None:
        log = self.folder.parent / f"{self.folder.name}.{block.line}.out"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, cwd=self.folder, env=self.environment,
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            )  # fmt: skip
        try:
            _wait(
                lambda: (
                    process.poll() is not None
                    if until is None
                    else until in log.read_text() or process.poll() is not None
                ),
                lambda: _told(block, block.language, log.read_text()),
            )
            if until is None:
                assert process.poll() == 0, _told(block, block.language, log.read_text())
            else:
                assert until in log.read_text(), _told(block, block.language, log.read_text())
        finally:
            process.kill()
            process.wait()


def _wait(is_so: Callable[[], bool], told: Callable[[], str]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not is_so():
        assert time.monotonic() < deadline, told()
        time.sleep(0.1)


def _told(block: Block, command: str, output: str) -> str:
    return f"{block.place}: {command}\n{output}"
