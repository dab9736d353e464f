"""A real Prometheus beside the processes, with the rules of deploy/: which alerts fired, when."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import httpx2
import msgspec
import yaml

from chaos.processes import ROOT
from chaos.system import free_port
from chaos.unpacked import find_program
from common.errors import GiveUp

_DEPLOYED = ROOT / "deploy" / "prometheus"
_READY_S = 60.0
_STEP_S = 5
_NO_DATA_S = 2 * _STEP_S + 1
"""Two samples apart by more are of two firings."""


class Firing(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that fired. Unix seconds; `cleared` None: it still does."""

    alert: str
    began: float
    cleared: float | None


class Prometheus:
    """Scrapes `targets` (job → host:port …) as deploy/prometheus/prometheus.yml would."""

    def __init__(self, folder: Path, targets: dict[str, list[str]]) -> None:
        binary = find_program("prometheus")
        if binary is None:
            raise GiveUp("there is no prometheus", hint="apt-get install prometheus")
        folder.mkdir()
        self._folder = folder
        self._began = time.time()
        self._url = f"http://127.0.0.1:{(port := free_port())}"
        self._command = [
            binary, f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address=127.0.0.1:{port}",
        ]  # fmt: skip
        deployed = yaml.safe_load((_DEPLOYED / "prometheus.yml").read_text())
        config = {
            "global": deployed["global"],
            "rule_files": [str(_DEPLOYED / name) for name in deployed["rule_files"]],
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": places}]}
                for job, places in targets.items()
            ],
        }
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start it and wait until it answers. Raises GiveUp."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603, ASYNC220 - found above
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + _READY_S
        async with httpx2.AsyncClient() as http:
            while time.monotonic() < deadline and self._process.poll() is None:
                try:
                    if (await http.get(f"{self._url}/-/ready")).status_code == 200:
                        return
                except httpx2.HTTPError:
                    pass
                await asyncio.sleep(0.1)
        raise GiveUp("prometheus does not start", log=self._folder / "log")

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            os.kill(self._process.pid, signal.SIGTERM)
            self._process.wait()
            self._process = None

    async def firings(self) -> list[Firing]:
        """All so far, by their beginning. Instances of an alert count as one."""
        still = await self.firing_now()
        found = await self._get(
            "query_range",
            query='max by (alertname) (ALERTS{alertstate="firing"})',
            start=str(self._began),
            end=str(time.time()),
            step=str(_STEP_S),
        )
        firings: list[Firing] = []
        for series in found:
            name = series.metric["alertname"]
            firings += intervals(name, [at for at, _ in series.values], is_still=name in still)
        return sorted(firings, key=lambda firing: firing.began)

    async def firing_now(self) -> list[str]:
        """Names of the alerts that fire at this moment."""
        found = await self._get("query", query='ALERTS{alertstate="firing"}')
        return sorted({series.metric["alertname"] for series in found})

    async def _get(self, what: str, **params: str) -> list[_Series]:
        async with httpx2.AsyncClient(timeout=30) as http:
            response = await http.get(f"{self._url}/api/v1/{what}", params=params)
            response.raise_for_status()
            return msgspec.json.decode(response.content, type=_Answer).data.result


class _Series(msgspec.Struct, frozen=True):
    metric: dict[str, str]
    values: list[tuple[float, str]] = []


class _Result(msgspec.Struct, frozen=True):
    result: list[_Series]


class _Answer(msgspec.Struct, frozen=True):
    data: _Result


def intervals(alert: str, at: Sequence[float], *, is_still: bool) -> list[Firing]:
    """When an alert fired, of the moments at which it was seen firing; `is_still`: it does now."""
    firings: list[Firing] = []
    began = last = at[0] if at else 0.0
    for moment in at[1:]:
        if moment - last > _NO_DATA_S:
            firings.append(Firing(alert=alert, began=began, cleared=last + _STEP_S))
            began = moment
        last = moment
    if at:
        cleared = None if is_still else last + _STEP_S
        firings.append(Firing(alert=alert, began=began, cleared=cleared))
    return firings
