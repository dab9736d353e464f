"""docker-compose.yml, read as `docker compose` reads it: variables filled in, defaults merged."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
PATH = ROOT / "docker-compose.yml"
_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::-(?P<default>[^}]*))?\}")


class ComposeFile:
    """The file with these variables in the environment of `docker compose`."""

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        self._variables = dict(variables or {})
        self._file: dict[str, Any] = self._filled(yaml.safe_load(PATH.read_text()))

    @property
    def services(self) -> dict[str, dict[str, Any]]:
        """All of them, whatever their profile."""
        found: dict[str, dict[str, Any]] = self._file["services"]
        return found

    @property
    def top(self) -> dict[str, Any]:
        """The whole file: networks, volumes, secrets."""
        return self._file

    def environment(self, name: str) -> dict[str, str]:
        """What the service's processes find in their environment."""
        given = self.services[name].get("environment", {})
        return {key: "" if value is None else str(value) for key, value in given.items()}

    def command(self, name: str) -> list[str]:
        """The words of its command."""
        return [str(word) for word in self.services[name]["command"]]

    def replicas(self, name: str) -> int:
        """How many containers of it run."""
        return int(self.services[name].get("deploy", {}).get("replicas", 1))

    def grace_s(self, name: str) -> float:
        """How long it may take to stop before it is killed."""
        return seconds(str(self.services[name].get("stop_grace_period", "10s")))

    def in_order(self, wanted: set[str]) -> Iterator[str]:
        """These services, each after those that it depends on."""
        done: set[str] = set()
        while wanted - done:
            for name in sorted(wanted - done):
                if set(self.services[name].get("depends_on", {})) & wanted <= done:
                    done.add(name)
                    yield name

    def _filled(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._filled(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self._filled(each) for each in value]
        if isinstance(value, str):
            return _VARIABLE.sub(
                lambda found: self._variables.get(found["name"]) or found["default"] or "", value
            )
        return value


def seconds(text: str) -> float:
    """A duration such as 1m30s."""
    units = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
    return sum(
        float(number) * units[unit] for number, unit in re.findall(r"([\d.]+)(ms|s|m|h)", text)
    )
