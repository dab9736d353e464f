"""The wheel, in an empty environment outside of the repository: one command starts the demo."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx2
import pytest
import typer

from chaos.processes import ROOT
from main import app
from tests.e2e.running import free_ports
from tests.helpers.environments import uv
from tests.helpers.reader import Served

COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def told(*command: str, folder: Path = ROOT) -> str:
    """What a tool prints; it must end well. Nothing is fetched: all of it is in uv's cache."""
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=500,
        env={**os.environ, "UV_OFFLINE": "1", "VIRTUAL_ENV": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed() -> Iterator[Path]:
    """`curvefeed` in an environment that has the wheel and what uv.lock says, and nothing else.

    Not below pytest's folder, which Postgres' user may not enter.
    """
    with TemporaryDirectory(prefix="curvefeed-wheel-") as folder:
        Path(folder).chmod(0o755)
        environment, locked = Path(folder, "environment"), Path(folder, "pylock.toml")
        told(uv(), "build", "--wheel", "--no-build-isolation", "--python", sys.executable,
             "--out-dir", folder)  # fmt: skip
        (wheel,) = Path(folder).glob("*.whl")
        told(uv(), "venv", "--python", sys.executable, str(environment))
        told(uv(), "export", "--frozen", "--no-default-groups", "--no-emit-project", "--quiet",
             "--format", "pylock.toml", "--output-file", str(locked))  # fmt: skip
        into = ("pip", "install", "--quiet", "--python", str(environment))
        told(uv(), *into, "--requirements", str(locked))
        told(uv(), *into, "--no-deps", str(wheel))
        yield environment / "bin" / "curvefeed"


def is_traded(http: httpx2.Client) -> bool:
    """Whether somebody traded one of the tokens that REST lists."""
    return any(token["trades"] for token in http.get("/api/v1/tokens").json()["items"])


@pytest.mark.timeout(600)
def test_the_demo_from_the_wheel(installed: Path) -> None:
    """`curvefeed` in an empty folder, of a user without a home, shows the page and a trade of the
    crowd's, and ends well.
    """
    api, node = free_ports(2)
    folder = installed.parents[2] / "somewhere"
    folder.mkdir()
    environment = {
        "PATH": os.defpath,
        "HOME": str(folder),
        "WEBSOCKET_PORT": str(api),
        "LOCALNET_PORT": str(node),
    }
    with (
        Served([str(installed)], folder, environment, ready="Ctrl-C stops everything") as served,
        httpx2.Client(base_url=f"http://127.0.0.1:{api}") as http,
    ):
        assert "<html" in http.get("/").text
        served.wait(lambda: is_traded(http))
    assert served.status == 0, served.output


def test_the_same_commands(installed: Path) -> None:
    """The console script takes every command of ./run; those that need a clone say so."""
    shown = told(str(installed), "--help", folder=installed.parents[2])
    assert COMMANDS
    for name in COMMANDS:
        assert f" {name} " in shown, name
    done = subprocess.run([installed, "lint"], capture_output=True, text=True, check=False)
    assert (done.returncode, "needs a clone" in done.stderr) == (1, True)
