"""From settings to what the API's parts take."""

from __future__ import annotations

from api.services.feeding import Feed, PostgresFeed
from api.services.limits import HubLimits
from common.settings import Settings
from db.jetstream import place_of
from db.nats_feed import NatsFeed
from db.pool import Pool


def hub_limits(settings: Settings) -> HubLimits:
    """The hub's limits; those without a setting have the protocol's values."""
    return HubLimits(
        max_connections=settings.websocket_max_connections,
        connections_per_wallet=settings.websocket_connections_per_wallet,
        connections_per_address=_public(settings, settings.websocket_connections_per_address, 20),
        arrivals_per_minute=_public(settings, settings.websocket_arrivals_per_minute, 30),
        rooms=settings.websocket_rooms_per_connection,
        rooms_anonymous=settings.websocket_rooms_anonymous,
        messages_per_s=settings.websocket_messages_per_second,
        message_burst=settings.websocket_message_burst,
        message_bytes=settings.websocket_max_message_bytes,
        ping_interval_s=settings.websocket_ping_interval_s,
        replay_events=settings.websocket_replay_events,
        replay_s=settings.websocket_replay_s,
        replay_bytes=settings.websocket_replay_bytes,
        drain_s=settings.websocket_drain_s,
    )


def _public(settings: Settings, limit: int | None, default: int) -> int:
    """A limit for the public; by default there is none, 0, on the localnet."""
    if limit is None:
        return 0 if settings.is_localnet else default
    return limit


def feed_of(settings: Settings, pool: Pool) -> Feed:
    """Where the hub's rows come from. Raises SettingsError."""
    if settings.feed_url is None:
        return PostgresFeed(pool)
    return NatsFeed(pool, place_of(settings.feed_url.get_secret_value()))


def allowed_origins(settings: Settings) -> frozenset[str]:
    """Origins of pages that may connect, beside the API's own."""
    origins = settings.websocket_allowed_origins.split(",")
    return frozenset(origin.strip().rstrip("/") for origin in origins if origin.strip())
