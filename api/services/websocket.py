"""The hub for the rest of the backend: `from api.services.websocket import get_websocket_manager`.

What is notified goes through the feed in Postgres, like everything the indexer writes: it gets a
`seq`, and reaches the clients of every instance.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from api.services.hub import Hub
from api.services.publishing import publication
from common.errors import GiveUp
from db.pool import Pool
from db.publish import append_event


class WebSocketManager:
    """Publishes events. Each method returns the event's `seq`, and raises InvalidEvent if `data` is
    not what docs/protocol.md says."""

    def __init__(self, pool: Pool, hub: Hub) -> None:
        self.hub = hub
        self._pool = pool

    async def notify_new_trade(self, data: Mapping[str, Any]) -> int:
        """A trade: to global, its token's and its wallet's room."""
        return await self.publish("new_trade", data)

    async def notify_price_update(self, data: Mapping[str, Any]) -> int:
        """A token's state: to global and its token's room. The latest wins."""
        return await self.publish("price_update", data)

    async def notify_token_created(self, data: Mapping[str, Any]) -> int:
        """A token: to global, its own and its creator's room."""
        return await self.publish("token_created", data)

    async def notify_portfolio_update(self, data: Mapping[str, Any]) -> int:
        """A wallet's position: to its room alone. The latest wins."""
        return await self.publish("portfolio_update", data)

    async def notify_market_stats(self, data: Mapping[str, Any]) -> int:
        """Figures of the whole market: to global. The latest wins."""
        return await self.publish("market_stats", data)

    async def publish(self, event: str, data: Mapping[str, Any]) -> int:
        """Any event of the registry."""
        return await append_event(self._pool, publication(event, data))


class _Current:
    """Which manager runs in this process: the one thing here that is global, because
    `get_websocket_manager()` takes no argument."""

    def __init__(self) -> None:
        self.managers: list[WebSocketManager] = []


_current = _Current()


def get_websocket_manager() -> WebSocketManager:
    """The manager of the API that runs in this process. Raises GiveUp if there is none."""
    if not _current.managers:
        raise GiveUp(
            "no hub runs in this process",
            hint="Call it while the API is up, or append to the feed with db.publish",
        )
    return _current.managers[-1]


@asynccontextmanager
async def websocket_manager(pool: Pool, hub: Hub) -> AsyncIterator[WebSocketManager]:
    """Make a manager the process's current one; several may run, the newest counts."""
    manager = WebSocketManager(pool, hub)
    _current.managers.append(manager)
    try:
        yield manager
    finally:
        _current.managers.remove(manager)
