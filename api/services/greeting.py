"""What a connection is told first."""

from __future__ import annotations

from typing import Protocol

from api.services.access import Identity
from api.services.credentials import state_of
from api.services.limits import HubLimits
from api.services.messages import Limits, Welcome
from api.services.protocol import PROTOCOL_VERSION
from api.services.ring import Ring
from api.services.session import unix_ms


class Host(Protocol):
    """The hub that greets."""

    limits: HubLimits
    name: str
    is_localnet: bool

    @property
    def ring(self) -> Ring:
        """The newest rows."""


def welcome(host: Host, conn: str, identity: Identity | None) -> Welcome:
    """For this connection, which speaks for `identity`."""
    limits = host.limits
    return Welcome(
        protocol=PROTOCOL_VERSION,
        conn=conn,
        epoch=host.ring.position.epoch,
        seq=host.ring.position.seq,
        ts=unix_ms(),
        auth=state_of(identity),
        ping_interval_ms=int(limits.ping_interval_s * 1000),
        pong_timeout_ms=int(limits.pong_timeout_s * 1000),
        limits=Limits(
            rooms=limits.rooms if identity is not None else limits.rooms_anonymous,
            msg_per_s=limits.messages_per_s,
            burst=limits.message_burst,
            max_bytes=limits.message_bytes,
        ),
        server=host.name,
        cluster="localnet" if host.is_localnet else "live",
    )
