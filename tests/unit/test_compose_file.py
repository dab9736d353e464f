"""docker-compose.yml says the same as the code: no engine runs here, so drift must fail a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from common.settings import Settings
from main import app

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
OURS = {name: spec for name, spec in COMPOSE["services"].items() if "build" in spec}


def test_the_system_of_the_brief_is_there() -> None:
    """Postgres 18, a validator, the indexer and the API are services."""
    assert set(COMPOSE["services"]) >= {"postgres", "validator", "indexer", "api"}
    assert COMPOSE["services"]["postgres"]["image"] == "postgres:18"


@pytest.mark.parametrize("name", OURS)
def test_commands_exist(name: str) -> None:
    """Each of our containers runs a command that main.py has."""
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert OURS[name]["command"][0] in commands


@pytest.mark.parametrize("name", OURS)
def test_environment_names_are_settings(name: str) -> None:
    """Each variable of our containers is a setting, and each secret too."""
    known = {field.upper() for field in Settings.model_fields}
    assert set(OURS[name].get("environment", {})) <= known
    assert {secret.upper() for secret in OURS[name]["secrets"]} <= known


def test_the_feed_over_nats() -> None:
    """The profile `nats` brings a server with JetStream and a relay; hubs are told by FEED_URL."""
    services = COMPOSE["services"]
    assert services["nats"]["profiles"] == services["relay"]["profiles"] == ["nats"]
    assert "--jetstream" in services["nats"]["command"]
    assert {"FEED_URL"} <= set(services["relay"]["environment"]) & set(
        services["api"]["environment"]
    )


def test_no_secret_is_written_down() -> None:
    """Passwords come from files that are not in the repository."""
    for secret in COMPOSE["secrets"].values():
        assert secret["file"].startswith("./secrets/")
    assert "secrets/" in (ROOT / ".gitignore").read_text().splitlines()
    assert "secrets" in (ROOT / ".dockerignore").read_text().splitlines()


def test_only_the_api_can_sign() -> None:
    """The keys of access tokens are given to the one service that signs them, with the settings of
    sign-in."""
    holders = {name for name, spec in OURS.items() if "auth_signing_keys" in spec["secrets"]}
    assert holders == {"api"}
    assert {"AUTH_ORIGINS", "AUTH_CHAIN"} <= set(OURS["api"]["environment"])


def test_the_validator_loads_our_program() -> None:
    """The program that the validator is given is in the repository."""
    command = COMPOSE["services"]["validator"]["command"]
    for path in (word for word in command if word.startswith("/programs/")):
        assert (ROOT / "programs" / "onchain" / Path(path).name).is_file()
