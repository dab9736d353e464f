"""Who comes and goes, for those who watch the hub: a line each in the log, and the figures."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import structlog

from common.metrics import (
    HUB_CLOSED,
    HUB_CONNECTIONS,
    HUB_FRAMES,
    HUB_OPENED,
    HUB_ROOMS,
)

if TYPE_CHECKING:
    from api.services.hub import Hub
    from api.services.session import Session

log = structlog.get_logger()


def came(session: Session) -> None:
    """A connection was taken. Its line comes at the end: thousands may come in the same second."""
    HUB_OPENED.inc()
    log.debug("client_came", connection=session.id, address=session.address)


def gone(session: Session, code: str, after_s: float) -> None:
    """It ended, by the hub's close code or (`client`) by itself."""
    HUB_CLOSED.labels(code).inc()
    log.info(
        "client_gone", connection=session.id, address=session.address, wallet=session.wallet,
        code=code, after_s=round(after_s, 1),
    )  # fmt: skip


class Figures:
    """Of a hub; told once a second, since counting each frame would cost more than sending it."""

    def __init__(self) -> None:
        self._told: Counter[str] = Counter()

    def tell(self, hub: Hub) -> None:
        """What there is now, and what was sent since the last time."""
        HUB_CONNECTIONS.set(len(hub.sessions))
        HUB_ROOMS.set(len(hub.rooms))
        for event, count in hub.frames_sent.items():
            HUB_FRAMES.labels(event).inc(count - self._told[event])
        self._told = hub.frames_sent.copy()
