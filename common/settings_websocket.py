"""The settings of the API's socket and of its hub."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings


class WebSocketSettings(BaseSettings):
    """Where the API listens, and what its clients may do."""

    websocket_host: str = Field("127.0.0.1", description="Address the API listens on.")
    websocket_port: int = Field(
        8001, ge=0, le=65535, description="Port of API, WebSocket and page."
    )
    websocket_max_connections: int = Field(
        1_000, ge=1, le=100_000, description="Sockets per process; more get HTTP 503."
    )
    websocket_connections_per_wallet: int = Field(
        10, ge=0, description="Sockets of one wallet, per process; 0: no limit."
    )
    websocket_connections_per_address: int | None = Field(
        None,
        ge=0,
        description="Sockets of one address (of one /64 of IPv6), per process; 0: no limit. "
        "Default: 20, and no limit on the localnet.",
    )
    websocket_arrivals_per_minute: int | None = Field(
        None,
        ge=0,
        description="New sockets of one address within a minute; 0: no limit. Default: 30, and no "
        "limit on the localnet.",
    )
    websocket_allowed_origins: str = Field(
        "", description="Comma-separated origins of pages that may connect, beside the API's own."
    )
    websocket_max_message_bytes: int = Field(
        16_384, ge=1_024, le=1_048_576, description="Largest message a client may send."
    )
    websocket_messages_per_second: float = Field(
        10, gt=0, description="Messages a client may send, on average."
    )
    websocket_message_burst: int = Field(
        20, ge=1, description="Messages a client may send at once."
    )
    websocket_rooms_per_connection: int = Field(
        100, ge=1, le=10_000, description="Rooms of a connection that has signed in."
    )
    websocket_rooms_anonymous: int = Field(
        20, ge=1, le=10_000, description="Rooms of a connection that has not."
    )
    websocket_ping_interval_s: float = Field(
        25, ge=1, le=300, description="Silence after which a client is pinged."
    )
    websocket_replay_events: int = Field(
        512, ge=0, le=10_000, description="Events a resume replays; more get a snapshot."
    )
    websocket_replay_s: float = Field(
        300, ge=0, le=86_400, description="Age up to which a resume replays."
    )
    websocket_replay_bytes: int = Field(
        262_144, ge=0, le=67_108_864, description="Size up to which a resume replays."
    )
    websocket_broadcasts_per_minute: int = Field(
        10, ge=0, description="Events an administrator may publish by hand, on all instances."
    )
    websocket_drain_s: float = Field(
        20, ge=0, le=300, description="Time over which many clients are sent away at the end."
    )
    websocket_token_in_url: bool = Field(
        True, description="Take access tokens in the URL's ?token=, too; off: tickets alone."
    )
    websocket_direct_writes: bool = Field(
        True, description="Write frames to the sockets directly. Off: plain ASGI sends."
    )
    websocket_deflate: bool = Field(
        False,
        description="Compress messages for clients that offer permessage-deflate: each once for "
        "all. Saves two thirds of the traffic, costs latency.",
    )
