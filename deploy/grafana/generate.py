"""`python -m deploy.grafana.generate` writes dashboards/*.json, with Grafana's own types. A test
compares."""

from __future__ import annotations

import itertools
from pathlib import Path

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    TooltipDisplayMode,
)
from grafana_foundation_sdk.models.dashboard import DataSourceRef

from deploy.grafana.panels import BOARDS, Board, Panel

FOLDER = Path(__file__).parent / "dashboards"
SOURCE = DataSourceRef(type_val="prometheus", uid="curvefeed-prometheus")
_WIDTH = 24


def files() -> dict[str, str]:
    """Text of each dashboard by its file's name."""
    return {f"{board.uid}.json": _json(board) for board in BOARDS}


def _json(board: Board) -> str:
    built = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .tags(["curvefeed"])
        .editable()
        .refresh("10s")
        .time("now-1h", "now")
        .timezone("utc")
    )
    number = itertools.count(1)
    for name, panels in board.rows.items():
        built = built.with_row(dashboard.Row(name).id(next(number)))
        for panel in panels:
            built = built.with_panel(_panel(panel, len(panels)).id(next(number)))
    return JSONEncoder(sort_keys=True, indent=1).encode(built.build()) + "\n"


def _panel(panel: Panel, beside: int) -> stat.Panel | timeseries.Panel:
    made: stat.Panel | timeseries.Panel
    if panel.is_stat:
        made = stat.Panel().span(_WIDTH // beside).height(4)
    else:
        made = timeseries.Panel().span(_WIDTH // min(beside, 3)).height(8)
        made = made.fill_opacity(8).min(0).legend(_legend()).tooltip(_tooltip())
    made = made.title(panel.title).unit(panel.unit).datasource(SOURCE).description(panel.about)
    for number, (legend, expression) in enumerate(panel.queries.items()):
        query = prometheus.Dataquery().expr(expression).ref_id(chr(ord("A") + number))
        made = made.with_target(query.legend_format(legend or "now").datasource(SOURCE))
    return made


def _legend() -> common.VizLegendOptions:
    shown = common.VizLegendOptions().show_legend(True).calcs(["lastNotNull", "max"])
    return shown.display_mode(LegendDisplayMode.TABLE).placement(LegendPlacement.BOTTOM)


def _tooltip() -> common.VizTooltipOptions:
    return common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING)


if __name__ == "__main__":
    for file, text in files().items():
        (FOLDER / file).write_text(text)
