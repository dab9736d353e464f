"""What a release says of itself is one thing everywhere."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import typer
import yaml

from api.asyncapi import document
from docs.generate import openapi
from main import app

ROOT = Path(__file__).resolve().parents[2]
WORKFLOW: dict[str, Any] = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


async def test_the_version_is_the_same_everywhere() -> None:
    """pyproject.toml has it; API, messages, packages and the image follow."""
    version = PROJECT["version"]
    client = tomllib.loads((ROOT / "clients/python/pyproject.toml").read_text())
    packages = ("frontend/package.json", "frontend/packages/client/package.json")
    image = re.search(r"image: curvefeed:(\S+)", (ROOT / "docker-compose.yml").read_text())
    assert (await openapi())["info"]["version"] == version
    assert json.loads(document())["info"]["version"] == version
    assert client["project"]["version"] == version
    assert [json.loads((ROOT / each).read_text())["version"] for each in packages] == [version] * 2
    assert image is not None
    assert image[1] == version


def test_the_changelog_has_what_comes_next() -> None:
    """It begins with what is not released; every release below it is a version with a day."""
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert all(re.fullmatch(r"\d+\.\d+\.\d+ \(\d{4}-\d\d-\d\d\)", each) for each in headings[1:])


def test_the_release_runs_commands_that_exist() -> None:
    """Every `./run` of the workflow is a command of ours."""
    steps = [step for job in WORKFLOW["jobs"].values() for step in job["steps"]]
    ran = [found for step in steps for found in re.findall(r"\./run (\w+)", step.get("run", ""))]
    assert ran
    assert set(ran) <= set(COMMANDS)


def test_a_release_needs_no_stored_secret() -> None:
    """Only the job that publishes may ask for an identity, and no secret is read."""
    assert "secrets." not in (ROOT / ".github/workflows/release.yml").read_text()
    asks = {n for n, job in WORKFLOW["jobs"].items() if "id-token" in job["permissions"]}
    assert asks == {"publish"}
    assert WORKFLOW["permissions"] == {}


def test_the_licence_is_there() -> None:
    """What pyproject.toml names is in the repository."""
    assert (ROOT / "LICENSE").read_text().startswith(f"{PROJECT['license']} License")
