"""Every Prometheus metric of the project. Full words, unit suffixes, bounded labels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Counter, Gauge, Histogram, start_http_server
from prometheus_client.metrics_core import Metric

from common.ports import require_free_port

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

INDEXER_IS_ACTIVE = Gauge(
    "curvefeed_indexer_is_active", "1 while this indexer has the lease and writes; 0: a standby"
)


class WritersGauge(Gauge):
    """What only the indexer that writes knows. A standby exports nothing of it: what one knew
    before it lost the lease would stay as it was, and an alert with it.
    """

    def collect(self) -> list[Metric]:
        """See Gauge."""
        (family,) = super().collect()
        if not is_active():
            family.samples.clear()
        return [family]


def is_active() -> bool:
    """Whether this process is the indexer that writes, as far as it knows."""
    (family,) = INDEXER_IS_ACTIVE.collect()
    return family.samples[0].value == 1


# --- indexer
INDEXER_TIP_SLOT = Gauge("curvefeed_indexer_tip_slot", "Newest slot the node told us of")
INDEXER_RECONNECTS = Counter(
    "curvefeed_indexer_reconnects_total", "Subscriptions that had to be renewed"
)
INDEXER_EVENTS = Counter("curvefeed_indexer_events_total", "Events committed", ["program", "kind"])
INDEXER_BATCH_SECONDS = Histogram(
    "curvefeed_indexer_batch_seconds",
    "From first update of a batch to its commit",
    buckets=_SECONDS,
)
INDEXER_DUPLICATES = Counter(
    "curvefeed_indexer_duplicates_total", "Events seen again that were stored already"
)
INDEXER_QUARANTINED = Counter(
    "curvefeed_indexer_quarantined_total", "Payloads set aside because they could not be decoded"
)
INDEXER_DRIFT = WritersGauge(
    "curvefeed_indexer_drift_alarm",
    "1 while a share of a program's traffic does not fit its interface",
    ["program", "sign"],
)
INDEXER_PENDING = Gauge(
    "curvefeed_indexer_pending_updates", "Notifications received and not yet handed on"
)
INDEXER_STORED_SLOT = WritersGauge(
    "curvefeed_indexer_stored_slot", "Newest slot with committed updates"
)
INDEXER_CALLS = Counter("curvefeed_indexer_calls_total", "Calls to JSON-RPC endpoints", ["method"])

# --- forks, endpoints, lease
INDEXER_RETRACTED = Counter(
    "curvefeed_indexer_retracted_total", "Events taken back because a fork abandoned their slot"
)
SLOT_SECONDS = Gauge("curvefeed_slot_seconds", "How long a slot takes, as measured")
ENDPOINT_LAG_SLOTS = Gauge(
    "curvefeed_endpoint_lag_slots",
    "Slots an endpoint lies behind the best one, by its place in SOLANA_RPC_URL",
    ["endpoint"],
)
ENDPOINT_SWITCHES = Counter("curvefeed_endpoint_switches_total", "Changes of the endpoint in use")
ENDPOINT_OMITTED = Counter(
    "curvefeed_endpoint_omitted_total",
    "Transactions of final slots that another endpoint lists and this one does not",
    ["endpoint"],
)
CROSS_CHECK_SLOTS = Counter(
    "curvefeed_cross_check_slots_total",
    "Slots whose lists of two endpoints were compared, or passed over because they were too long",
    ["program", "outcome"],
)
CROSS_CHECK_FETCHED = Counter(
    "curvefeed_cross_check_fetched_total",
    "Transactions found only by comparing endpoints, fetched from the one that lists them",
)
FINALITY_SLOT = WritersGauge(
    "curvefeed_finality_slot", "Newest slot at this commitment, when last asked", ["commitment"]
)
FINALITY_DISAGREEMENTS = Counter(
    "curvefeed_finality_disagreements_total",
    "Times a node still gave a transaction whose slot it said has no block",
)
CONTINUITY_LINKS = Counter(
    "curvefeed_continuity_links_total",
    "Neighbouring trades of a curve whose reserves were compared",
)
CONTINUITY_BREAKS = Counter(
    "curvefeed_continuity_breaks_total",
    "Places where a curve's reserves do not follow: found, and how each ended",
    ["outcome"],
)

# --- completeness
SWEEP_FRONTIER_SLOT = WritersGauge(
    "curvefeed_sweep_frontier_slot", "Every slot up to here is verified and stored", ["program"]
)
SWEEP_FRONTIER_LAG_SLOTS = WritersGauge(
    "curvefeed_sweep_frontier_lag_slots",
    "Slots from the frontier to the node's tip at our commitment",
    ["program"],
)
SWEEP_TIP_SLOT = WritersGauge(
    "curvefeed_sweep_tip_slot", "Newest slot at our commitment, when last asked"
)
SWEEP_MISSED = Counter(
    "curvefeed_sweep_missed_by_hint_total",
    "Transactions the subscription did not deliver and the sweep fetched",
)
SWEEP_ABSENT = Counter(
    "curvefeed_sweep_absent_total",
    "Transactions the subscription delivered and the node's history does not list",
)
SWEEP_ROUNDS = Counter("curvefeed_sweep_rounds_total", "Rounds of the sweep", ["outcome"])
SWEEP_GAPS_OPEN = WritersGauge(
    "curvefeed_sweep_gaps_open", "Transactions known to exist that could not be fetched yet"
)

# --- hub
HUB_CONNECTIONS = Gauge("curvefeed_hub_connections", "Open WebSocket connections")
HUB_ROOMS = Gauge("curvefeed_hub_rooms", "Rooms with at least one member")
HUB_FRAMES = Counter("curvefeed_hub_frames_total", "Frames handed to sockets", ["event"])
HUB_SLOW = Counter(
    "curvefeed_hub_slow_total",
    "What was done about clients that read too slowly: shed a room, resync it, cut the client",
    ["action"],
)
HUB_CONFLATED = Counter(
    "curvefeed_hub_conflated_total",
    "States that a slow client was not sent, because a newer one of the same thing came",
)
HUB_OPENED = Counter("curvefeed_hub_opened_total", "WebSocket connections taken")
HUB_CLOSED = Counter(
    "curvefeed_hub_closed_total",
    "WebSocket connections that ended, by the hub's close code; client: it went by itself",
    ["code"],
)
HUB_REFUSED = Counter(
    "curvefeed_hub_refused_total",
    "WebSocket handshakes refused: wrong origin, no room for more, too many from one address",
    ["reason"],
)
HUB_FEED_LAG_SECONDS = Histogram(
    "curvefeed_hub_feed_lag_seconds",
    "From commit in Postgres to the hub's fan-out",
    buckets=_SECONDS,
)

PROCESS_TASKS = Gauge("curvefeed_process_tasks", "Tasks of the API's event loop, when last asked")

# --- feed over NATS
RELAY_POSITION = Gauge(
    "curvefeed_relay_position_seq", "The relay has published the feed up to here, as last heard"
)
RELAY_ROWS = Counter("curvefeed_relay_rows_total", "Rows of the feed published on NATS")
FEED_FALLBACK = Gauge(
    "curvefeed_feed_fallback_active", "1 while a hub with a FEED_URL reads the feed from Postgres"
)
FEED_FETCHED = Counter(
    "curvefeed_feed_fetched_rows_total",
    "Rows a hub read from Postgres because NATS did not bring them",
)

# --- REST
HTTP_SECONDS = Histogram(
    "curvefeed_http_request_seconds",
    "Time an HTTP request takes, by the route's template and the hundreds of its status",
    ["method", "route", "status"],
    buckets=_SECONDS,
)
READ_REPLICA_LAG = Gauge(
    "curvefeed_read_replica_lag_events",
    "Events the replica that REST reads from is behind, when readiness was last asked; NaN: away",
)

# --- Postgres, as the indexers ask it every few seconds; totals since its statistics were reset
DATABASE_BYTES = Gauge("curvefeed_database_bytes", "Size of the database on disk")
DATABASE_SESSIONS = Gauge(
    "curvefeed_database_sessions", "Connections to the database, by what they do", ["state"]
)
DATABASE_OLDEST_SECONDS = Gauge(
    "curvefeed_database_oldest_transaction_seconds", "Age of the oldest open transaction"
)
DATABASE_WAL_BYTES = Gauge(
    "curvefeed_database_wal_position_bytes", "Write-ahead log written so far; NaN on a replica"
)
DATABASE_STATISTICS = Gauge(
    "curvefeed_database_statistics",
    "What pg_stat_database counts, by its column",
    ["column"],
)
DATABASE_POOL = Gauge(
    "curvefeed_database_pool_connections", "Connections of this API to Postgres", ["state"]
)

# --- from outside the chain
QUOTE_PRICE_OBSERVED = Gauge(
    "curvefeed_quote_price_observed_seconds",
    "Unix time of the newest price in dollars, per quote mint of the settings",
    ["quote_mint"],
)

METADATA_FETCHES = Counter(
    "curvefeed_metadata_fetches_total",
    "Tokens whose JSON and picture were fetched; outcome is ok, failed or retry",
    ["outcome"],
)

# --- sign-in
SIGN_IN_REQUESTS = Counter(
    "curvefeed_sign_in_requests_total",
    "Requests of each step of sign-in; outcome is ok or the code of the refusal",
    ["step", "outcome"],
)
SIGN_IN_REVOCATIONS = Counter(
    "curvefeed_sign_in_revocations_total", "Sign-outs this instance has heard of"
)


@contextmanager
def exposed(host: str, port: int | None) -> Iterator[None]:
    """Serve /metrics on a port of its own, for processes without the API's. Raises PortInUse."""
    if port is None:
        yield
        return
    require_free_port(host, port, option="METRICS_PORT")
    server, thread = start_http_server(port, host)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
