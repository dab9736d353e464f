"""Grafana's dashboards are what deploy/grafana/panels.py says, and ask for what there is."""

from __future__ import annotations

import json
import re

import pytest
import yaml
from grafana_foundation_sdk.models.dashboard import Dashboard, RowPanel
from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase

from common import metrics
from deploy.grafana.generate import FOLDER, SOURCE, files
from deploy.grafana.panels import BOARDS, Board, Panel

PROVISIONING = FOLDER.parent / "provisioning"
RULES = yaml.safe_load((FOLDER.parents[1] / "prometheus" / "rules.yml").read_text())


def panels() -> list[tuple[Board, Panel]]:
    """Of all dashboards."""
    return [(board, panel) for board in BOARDS for row in board.rows.values() for panel in row]


def test_the_files_are_what_the_generator_writes() -> None:
    """`python -m deploy.grafana.generate` would change nothing."""
    written = {path.name: path.read_text() for path in FOLDER.glob("*.json")}
    assert written == files()


@pytest.mark.parametrize("name", files())
def test_grafanas_own_types_take_a_file(name: str) -> None:
    """Read into them and written again nothing is lost: every field is one that Grafana knows."""
    text = (FOLDER / name).read_text()
    read = Dashboard.from_json(json.loads(text))
    assert read.title
    assert read.panels
    shown = [each for each in read.panels if not isinstance(each, RowPanel)]
    assert all(each.targets and each.grid_pos and each.type_val for each in shown)
    assert len({each.id_val for each in read.panels}) == len(read.panels)


def test_dashboards_use_the_source_that_is_provisioned() -> None:
    """One source of data, at the service of docker-compose.yml, for all panels."""
    found = yaml.safe_load((PROVISIONING / "datasources" / "prometheus.yml").read_text())
    (source,) = found["datasources"]
    assert (source["uid"], source["type"]) == (SOURCE.uid, SOURCE.type_val)
    assert source["url"] == "http://prometheus:9090"
    (provider,) = yaml.safe_load((PROVISIONING / "dashboards" / "curvefeed.yml").read_text())[
        "providers"
    ]
    assert provider["options"]["path"] == "/etc/grafana/dashboards"


def exist() -> set[str]:
    """Names of series: what the code counts and what the rules record."""
    assert metrics.INDEXER_EVENTS
    counted = {
        f"{metric.name}{suffix}"
        for metric in REGISTRY.collect()
        for suffix in ("", "_total", "_bucket", "_count")
    }
    rules = [rule for group in RULES["groups"] for rule in group["rules"]]
    return counted | {rule["record"] for rule in rules if "record" in rule} | {"up"}


@pytest.mark.parametrize(
    ("board", "panel"), panels(), ids=[f"{board.uid}: {panel.title}" for board, panel in panels()]
)
def test_a_panel_asks_for_metrics_that_exist(board: Board, panel: Panel) -> None:
    """A metric that was renamed is noticed here, not by a graph that stays empty."""
    assert board.uid.startswith("curvefeed-")
    for query in panel.queries.values():
        asked = set(re.findall(r"(?:curvefeed|process)[_:][a-z0-9_:]+|\bup\b", query))
        assert asked
        assert asked <= exist()


def test_every_metric_of_the_issue_is_on_a_dashboard() -> None:
    """Whoever looks for lag, reconnects, drops or closes finds a graph of it."""
    shown = " ".join(query for _, panel in panels() for query in panel.queries.values())
    for name in (
        "curvefeed_sweep_frontier_lag_slots", "curvefeed_indexer_tip_slot",
        "curvefeed_indexer_reconnects_total", "curvefeed_sweep_missed_by_hint_total",
        "curvefeed_indexer_quarantined_total", "curvefeed_indexer_drift_alarm",
        "curvefeed_indexer_batch_seconds", "curvefeed_hub_feed_lag_seconds", "curvefeed:calls:",
        "curvefeed_hub_connections", "curvefeed_hub_rooms", "curvefeed_hub_frames_total",
        "curvefeed_hub_conflated_total", "curvefeed_hub_slow_total", "curvefeed_hub_closed_total",
        "curvefeed_http_request_seconds", "curvefeed_database_",
    ):  # fmt: skip
        assert name in shown, name


def test_labels_are_bounded() -> None:
    """No metric has a label for what users make up: mints, wallets, addresses, sessions."""
    found = [each for each in vars(metrics).values() if isinstance(each, MetricWrapperBase)]
    labels = {label for each in found for label in each._labelnames}
    assert labels <= {
        "program", "kind", "sign", "method", "endpoint", "outcome", "commitment", "event",
        "action", "code", "reason", "route", "status", "state", "column", "quote_mint", "step",
    }  # fmt: skip
