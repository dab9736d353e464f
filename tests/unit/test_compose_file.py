"""docker-compose.yml says the same as the code: no engine runs here, so drift must fail a test.

That what it says also works is tested in tests/integration/deploy.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from common.secret_files import SUFFIX
from common.settings import Settings
from main import app
from tests.helpers.compose_file import ROOT, ComposeFile, seconds

COMPOSE = ComposeFile()
SERVICES = COMPOSE.services
OURS = {name: spec for name, spec in SERVICES.items() if "build" in spec}
LASTING = {name: spec for name, spec in SERVICES.items() if spec.get("restart") != "no"}
OTHERS = "OTEL_"


def test_the_system_of_the_brief_is_there() -> None:
    """Postgres 18, a chain to try it on, two indexers and two APIs behind a proxy."""
    assert set(SERVICES) >= {"postgres", "migrate", "indexer", "api", "proxy", "localnet"}
    assert SERVICES["postgres"]["image"].startswith("postgres:18.")
    assert COMPOSE.replicas("indexer") == COMPOSE.replicas("api") == 2
    profiles = {each for spec in SERVICES.values() for each in spec.get("profiles", [])}
    assert profiles == {"localnet", "nats", "prometheus", "grafana"}


@pytest.mark.parametrize("name", OURS)
def test_commands_exist(name: str) -> None:
    """Each of our containers runs a command that main.py has."""
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert COMPOSE.command(name)[0] in commands


@pytest.mark.parametrize("name", OURS)
def test_environment_names_are_settings(name: str) -> None:
    """Each variable of our containers is a setting or the file of one, or OpenTelemetry's; and each
    secret that is mounted is read, and no other."""
    known = {field.upper() for field in Settings.model_fields}
    environment = COMPOSE.environment(name)
    ours = {key for key in environment if not key.startswith(OTHERS)}
    assert {key.removesuffix(SUFFIX) for key in ours} <= known
    files = {value for key, value in environment.items() if key.endswith(SUFFIX)}
    assert files == {f"/run/secrets/{secret}" for secret in OURS[name]["secrets"]}


@pytest.mark.parametrize("name", SERVICES)
def test_containers_can_do_little(name: str) -> None:
    """No capabilities, a read-only file system, no root; every image by its exact version."""
    spec = SERVICES[name]
    assert spec["cap_drop"] == ["ALL"]
    assert spec["read_only"] is True
    assert spec["security_opt"] == ["no-new-privileges:true"]
    assert re.search(r":v?\d+\.\d+(\.\d+)?(-[a-z]+)?$", spec["image"]), spec["image"]
    is_chown = name == "proxy-volume"
    assert spec.get("cap_add", []) == (["CHOWN"] if is_chown else [])
    assert is_chown or str(spec["user"]).partition(":")[0] not in ("", "0", "root")


@pytest.mark.parametrize("name", LASTING)
def test_what_lasts_is_watched_and_bounded(name: str) -> None:
    """Services that stay up are started again, may use so much, and are asked how they are."""
    spec = LASTING[name]
    assert spec["restart"] == "unless-stopped"
    assert set(spec["deploy"]["resources"]["limits"]) == {"cpus", "memory"}
    assert name == "traders" or spec["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")


def test_postgres_is_not_to_be_reached_from_outside() -> None:
    """It publishes no port, and its network leads nowhere."""
    postgres = SERVICES["postgres"]
    assert "ports" not in postgres
    assert postgres["networks"] == ["data"]
    assert COMPOSE.top["networks"]["data"] == {"internal": True}
    for name in ("migrate", "indexer", "api", "relay"):
        assert "data" in SERVICES[name]["networks"]


def test_what_is_published_is_published_to_this_machine() -> None:
    """Until PUBLISH_ADDRESS says otherwise, and then the proxy alone."""
    ports = {name: spec["ports"] for name, spec in SERVICES.items() if "ports" in spec}
    assert all(port.startswith("127.0.0.1:") for each in ports.values() for port in each)
    opened = ComposeFile({"PUBLISH_ADDRESS": "0.0.0.0"}).services  # noqa: S104
    assert opened["proxy"]["ports"][0].startswith("0.0.0.0:")
    assert all(
        port.startswith("127.0.0.1:")
        for name, spec in opened.items()
        if name != "proxy"
        for port in spec.get("ports", [])
    )


def test_only_the_proxy_is_believed() -> None:
    """The address whose X-Forwarded-For counts is the one the proxy has."""
    address = SERVICES["proxy"]["networks"]["front"]["ipv4_address"]
    assert COMPOSE.environment("api")["TRUSTED_PROXIES"] == address
    assert "ports" not in SERVICES["api"]


def test_nothing_is_killed_while_it_stops_in_good_order() -> None:
    """The API may take its drain and some more, the proxy longer than the API."""
    drain_s = float(COMPOSE.environment("api")["WEBSOCKET_DRAIN_S"])
    assert COMPOSE.grace_s("api") >= drain_s + 10
    caddy = (ROOT / "deploy" / "caddy" / "Caddyfile").read_text()
    (grace,) = re.findall(r"^\s*grace_period (\S+)", caddy, re.MULTILINE)
    assert COMPOSE.grace_s("proxy") > seconds(grace) > COMPOSE.grace_s("api")
    assert COMPOSE.grace_s("indexer") > 5


def test_the_feed_over_nats() -> None:
    """The profile `nats` brings a server with JetStream and a relay; hubs are told by FEED_URL."""
    assert SERVICES["nats"]["profiles"] == SERVICES["relay"]["profiles"] == ["nats"]
    assert "--jetstream" in SERVICES["nats"]["command"]
    assert "FEED_URL" in COMPOSE.environment("relay").keys() & COMPOSE.environment("api").keys()


def test_no_secret_is_written_down(tmp_path: Path) -> None:
    """They come from files outside of the repository and of images, which the script makes: new
    ones for everybody, and what is there stays."""
    assert "secrets/" in (ROOT / ".gitignore").read_text().splitlines()
    assert "secrets" in (ROOT / ".dockerignore").read_text().splitlines()
    for folder in ("one", "other", "one"):
        script = ["sh", str(ROOT / "deploy" / "secrets.sh"), str(tmp_path / folder)]
        subprocess.run(script, check=True)
    for name, secret in COMPOSE.top["secrets"].items():
        assert secret == {"file": f"./secrets/{name}"}
        one, other = ((tmp_path / folder / name).read_text() for folder in ("one", "other"))
        assert one != other or name == "solana_rpc_url"
    assert {path.name for path in (tmp_path / "one").iterdir()} == set(COMPOSE.top["secrets"])
    assert (tmp_path / "one").stat().st_mode & 0o777 == 0o700


def test_only_the_api_can_sign() -> None:
    """The keys of access tokens are given to the one service that signs them, with the settings of
    sign-in."""
    holders = {name for name, spec in OURS.items() if "auth_signing_keys" in spec["secrets"]}
    assert holders == {"api"}
    assert {"AUTH_ORIGINS", "AUTH_CHAIN"} <= set(COMPOSE.environment("api"))


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_mounted_is_there(name: str) -> None:
    """Files and folders of the repository that containers see exist, and are read-only."""
    for volume in SERVICES[name].get("volumes", []):
        source, _, rest = volume.partition(":")
        if source.startswith("./"):
            assert (ROOT / source).exists(), source
            assert rest.endswith(":ro")
        else:
            assert source in COMPOSE.top["volumes"]


def test_the_image_has_the_versions_of_the_repository() -> None:
    """uv is the one that `./run` fetches; Python the one of requires-python's least."""
    dockerfile = (ROOT / "Dockerfile").read_text()
    (uv,) = re.findall(r'^UV_VERSION = "(.+)"$', (ROOT / "run").read_text(), re.MULTILINE)
    assert f"ghcr.io/astral-sh/uv:{uv} " in dockerfile
    assert {each.split("-")[0] for each in re.findall(r"FROM (python:\S+)", dockerfile)} == {
        "python:3.11.14"
    }


def test_docker_compose_takes_the_file(tmp_path: Path) -> None:
    """Every profile of it. Most machines of ours have no plugin for that."""
    compose = ["docker", "compose"]
    plugin = shutil.which("docker-compose")
    if plugin is not None:
        compose = [plugin]
    elif shutil.which("docker") is None or run_in_root([*compose, "version"]).returncode:
        pytest.skip("there is no docker compose")
    empty = tmp_path / ".env"
    empty.touch()
    done = run_in_root([*compose, "--env-file", str(empty), "--profile", "*", "config", "--quiet"])
    assert done.returncode == 0, done.stderr


def run_in_root(command: list[str]) -> subprocess.CompletedProcess[str]:
    """In the repository."""
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "command",
    [
        ["hadolint", "Dockerfile"],
        ["caddy", "validate", "--adapter", "caddyfile", "--config", "deploy/caddy/Caddyfile"],
    ],
    ids=["hadolint", "caddy"],
)
def test_those_who_read_these_files_find_nothing_wrong(command: list[str]) -> None:
    """hadolint has no complaint about the Dockerfile, Caddy none about its file."""
    done = run_in_root([str(Path(sys.executable).parent / command[0]), *command[1:]])
    assert done.returncode == 0, done.stdout + done.stderr
