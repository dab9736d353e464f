"""Alerts: they fire and clear as deploy/prometheus/rules_test.yml says, and each has its page."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client import REGISTRY

from common import metrics

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "prometheus"
RULES = yaml.safe_load((FOLDER / "rules.yml").read_text())
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"] if "alert" in rule]


@pytest.fixture
def promtool() -> str:
    """Prometheus' own checker; `./run test` brings it."""
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not installed")
    return found


@pytest.mark.parametrize(
    "command",
    [
        ["check", "config", "prometheus.yml"],
        ["check", "rules", "rules.yml"],
        ["test", "rules", "rules_test.yml"],
    ],
    ids=lambda command: " ".join(command),
)
def test_prometheus_agrees(promtool: str, command: list[str]) -> None:
    """Prometheus accepts the configuration, and every alert fires and clears at its time."""
    done = subprocess.run(
        [promtool, *command], cwd=FOLDER, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_has_its_page(alert: dict[str, dict[str, str]]) -> None:
    """What an alert links to says what to do."""
    page, _, anchor = alert["annotations"]["runbook"].partition("#")
    headings = re.findall(r"^## (\w+)$", (ROOT / page).read_text(), re.MULTILINE)
    assert alert["alert"] in headings
    assert anchor == str(alert["alert"]).lower()


def test_rules_ask_for_metrics_that_exist() -> None:
    """A metric that was renamed is noticed here, not by an alert that never fires again."""
    assert metrics.INDEXER_EVENTS
    exist = {
        f"{metric.name}{suffix}"
        for metric in REGISTRY.collect()
        for suffix in ("", "_total", "_bucket", "_count")
    }
    rules = [rule for group in RULES["groups"] for rule in group["rules"]]
    asked = {name for rule in rules for name in re.findall(r"curvefeed_[a-z_0-9]+", rule["expr"])}
    assert asked
    assert asked <= exist
