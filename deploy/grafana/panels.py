"""What the dashboards show. `python -m deploy.grafana.generate` makes Grafana's JSON of it."""

from __future__ import annotations

from typing import NamedTuple


class Panel(NamedTuple):
    """A graph: PromQL by legend. `unit` is one of Grafana's: s, short, bytes, reqps, …"""

    title: str
    queries: dict[str, str]
    unit: str = "short"
    about: str = ""
    is_stat: bool = False
    """One number in the place of a graph."""


class Board(NamedTuple):
    """A dashboard: its rows, each with a name and panels."""

    uid: str
    title: str
    rows: dict[str, list[Panel]]


_RATE = "$__rate_interval"
_OR_NONE = " or vector(0)"
"""For what has not happened yet: 0, not an empty graph."""


def quantiles(metric: str, by: str = "") -> dict[str, str]:
    """p50 and p99 of a histogram."""
    labels = f"le, {by}" if by else "le"
    name = f"{{{{{by}}}}} " if by else ""
    return {
        f"{name}p{share}": f"histogram_quantile(0.{share}, sum by ({labels}) "
        f"(rate({metric}_bucket[{_RATE}])))"
        for share in (50, 99)
    }


def rate(metric: str, by: str = "") -> str:
    """Per second, added up."""
    return f"sum by ({by}) (rate({metric}[{_RATE}]))" if by else f"sum(rate({metric}[{_RATE}]))"


def counted(*columns: str) -> str:
    """Per second, of columns of pg_stat_database, of which both indexers tell the same."""
    return " + ".join(
        f'max(rate(curvefeed_database_statistics{{column="{column}"}}[{_RATE}]))'
        for column in columns
    )


def share_found() -> str:
    """Of the blocks that were asked for, those that were in memory."""
    return f"{counted('blks_hit')} / clamp_min({counted('blks_hit', 'blks_read')}, 1)"


OVERVIEW = Board(
    "curvefeed-overview",
    "curvefeed: overview",
    {
        "Is all well?": [
            Panel(
                "Indexers",
                {
                    "up": 'sum(up{job="curvefeed-indexer"})',
                    "writing": "sum(curvefeed_indexer_is_active)",
                },
                is_stat=True,
            ),
            Panel("APIs up", {"": 'sum(up{job="curvefeed-api"})'}, is_stat=True),
            Panel(
                "Frontier behind the chain",
                {"": "max(curvefeed:frontier_lag:seconds)"},
                "s",
                "Every slot up to the frontier is verified and stored.",
                is_stat=True,
            ),
            Panel("Open gaps", {"": "max(curvefeed_sweep_gaps_open)"}, is_stat=True),
            Panel("Clients", {"": "sum(curvefeed_hub_connections)"}, is_stat=True),
            Panel(
                "Feed to sockets, p99", {"": "curvefeed:feed_lag_p99:seconds"}, "s", is_stat=True
            ),
        ],
        "From the chain to the sockets": [
            Panel("Events committed", {"{{program}} {{kind}}": "curvefeed:events:rate1m"}, "reqps"),
            Panel(
                "Time on the way",
                {
                    "first update of a batch to its commit, p99": "curvefeed:batch_p99:seconds",
                    "commit to the sockets, p99": "curvefeed:feed_lag_p99:seconds",
                },
                "s",
            ),
            Panel(
                "Frames handed to sockets",
                {"{{event}}": rate("curvefeed_hub_frames_total", "event")},
                "reqps",
            ),
            Panel(
                "HTTP requests",
                {"{{status}}": rate("curvefeed_http_request_seconds_count", "status")},
                "reqps",
            ),
        ],
        "Processes": [
            Panel(
                "CPU",
                {"{{job}} {{instance}}": f"rate(process_cpu_seconds_total[{_RATE}])"},
                "percentunit",
                "Each process has one busy thread: near 100 % it is at its end.",
            ),
            Panel("Memory", {"{{job}} {{instance}}": "process_resident_memory_bytes"}, "bytes"),
        ],
    },
)

INDEXER = Board(
    "curvefeed-indexer",
    "curvefeed: indexer",
    {
        "Completeness": [
            Panel(
                "Frontier behind the tip",
                {"{{program}}": "max by (program) (curvefeed_sweep_frontier_lag_slots)"},
                "short",
                "In slots.",
            ),
            Panel(
                "Found by the sweep alone",
                {"transactions": rate("curvefeed_sweep_missed_by_hint_total")},
                "reqps",
                "What the subscription left out.",
            ),
            Panel("Open gaps", {"gaps": "max(curvefeed_sweep_gaps_open)"}),
            Panel(
                "Sweep's rounds",
                {"{{outcome}}": rate("curvefeed_sweep_rounds_total", "outcome")},
                "reqps",
            ),
            Panel(
                "Reserves compared", {"links": rate("curvefeed_continuity_links_total")}, "reqps"
            ),
            Panel(
                "Taken back by forks",
                {"events": rate("curvefeed_indexer_retracted_total")},
                "reqps",
            ),
        ],
        "Node": [
            Panel(
                "Newest slot",
                {
                    "notified": "max(curvefeed_indexer_tip_slot)",
                    "stored": "max(curvefeed_indexer_stored_slot)",
                },
            ),
            Panel("Length of a slot", {"seconds": "max(curvefeed_slot_seconds)"}, "s"),
            Panel("Calls", {"{{method}}": "curvefeed:calls:rate1m"}, "reqps"),
            Panel(
                "Subscriptions renewed",
                {"reconnects": rate("curvefeed_indexer_reconnects_total")},
                "reqps",
            ),
            Panel(
                "Endpoints behind the best one",
                {"{{endpoint}}": "max by (endpoint) (curvefeed_endpoint_lag_slots)" + _OR_NONE},
            ),
            Panel(
                "Changes of endpoint",
                {"switches": rate("curvefeed_endpoint_switches_total")},
                "reqps",
            ),
        ],
        "Decoding and storing": [
            Panel(
                "Batches",
                quantiles("curvefeed_indexer_batch_seconds"),
                "s",
                "From a batch's first update to its commit.",
            ),
            Panel("Notifications waiting", {"{{instance}}": "curvefeed_indexer_pending_updates"}),
            Panel(
                "Drift of interfaces",
                {
                    "{{program}} {{sign}}": "max by (program, sign) (curvefeed_indexer_drift_alarm)"
                    + _OR_NONE
                },
                about="1: a share of a program's traffic does not fit what we know of it.",
            ),
            Panel(
                "Quarantined", {"payloads": rate("curvefeed_indexer_quarantined_total")}, "reqps"
            ),
            Panel("Seen again", {"events": rate("curvefeed_indexer_duplicates_total")}, "reqps"),
        ],
    },
)

HUB = Board(
    "curvefeed-hub",
    "curvefeed: hub and REST",
    {
        "Clients": [
            Panel("Connections", {"{{instance}}": "curvefeed_hub_connections"}),
            Panel("Rooms", {"{{instance}}": "curvefeed_hub_rooms"}),
            Panel(
                "Coming and going",
                {
                    "came": rate("curvefeed_hub_opened_total"),
                    "gone: {{code}}": rate("curvefeed_hub_closed_total", "code"),
                },
                "reqps",
                "By the hub's close code; client: it went by itself.",
            ),
            Panel(
                "Refused handshakes",
                {"{{reason}}": rate("curvefeed_hub_refused_total", "reason") + _OR_NONE},
                "reqps",
            ),
        ],
        "Delivery": [
            Panel("Frames", {"{{event}}": rate("curvefeed_hub_frames_total", "event")}, "reqps"),
            Panel("Commit to sockets", quantiles("curvefeed_hub_feed_lag_seconds"), "s"),
            Panel(
                "Slow clients",
                {
                    "{{action}}": rate("curvefeed_hub_slow_total", "action") + _OR_NONE,
                    "conflated": rate("curvefeed_hub_conflated_total"),
                },
                "reqps",
                "Rooms shed, resyncs, cuts; states of which only the newest was sent.",
            ),
            Panel(
                "Feed read from Postgres in the place of NATS",
                {"{{instance}}": "curvefeed_feed_fallback_active"},
            ),
        ],
        "REST": [
            Panel(
                "Requests",
                {"{{route}}": rate("curvefeed_http_request_seconds_count", "route")},
                "reqps",
            ),
            Panel(
                "Time, p99",
                {
                    "{{route}}": quantiles("curvefeed_http_request_seconds", "route")[
                        "{{route}} p99"
                    ]
                },
                "s",
            ),
            Panel(
                "Errors of ours",
                {
                    "{{route}}": rate('curvefeed_http_request_seconds_count{status="5xx"}', "route")
                    + _OR_NONE
                },
                "reqps",
            ),
            Panel("Tasks of the event loop", {"{{instance}}": "curvefeed_process_tasks"}),
        ],
    },
)

DATABASE = Board(
    "curvefeed-database",
    "curvefeed: database",
    {
        "Load": [
            Panel(
                "Transactions",
                {"committed": counted("xact_commit"), "rolled back": counted("xact_rollback")},
                "reqps",
            ),
            Panel(
                "Found in shared buffers",
                {"share": share_found()},
                "percentunit",
            ),
            Panel(
                "Write-ahead log",
                {"written": "max(rate(curvefeed_database_wal_position_bytes[$__rate_interval]))"},
                "Bps",
            ),
            Panel("Batches of the indexer", quantiles("curvefeed_indexer_batch_seconds"), "s"),
        ],
        "Connections": [
            Panel("Sessions", {"{{state}}": "max by (state) (curvefeed_database_sessions)"}),
            Panel(
                "Oldest transaction",
                {"age": "max(curvefeed_database_oldest_transaction_seconds)"},
                "s",
                "One that stays open keeps vacuum from cleaning up.",
            ),
            Panel(
                "Pools of the APIs",
                {"{{instance}} {{state}}": "curvefeed_database_pool_connections"},
            ),
            Panel("Deadlocks and conflicts", {"both": counted("deadlocks", "conflicts")}, "reqps"),
        ],
        "Size": [
            Panel("Database", {"on disk": "max(curvefeed_database_bytes)"}, "bytes"),
            Panel(
                "Temporary files",
                {"written": counted("temp_bytes")},
                "Bps",
                "Sorts that did not fit into work_mem.",
            ),
            Panel(
                "A replica's lag",
                {"{{instance}}": "curvefeed_read_replica_lag_events"},
                "short",
                "In events; only with DATABASE_READ_URL.",
            ),
        ],
    },
)

BOARDS = (OVERVIEW, INDEXER, HUB, DATABASE)
