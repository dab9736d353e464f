"""Requests that never become whole (slow loris): uvicorn would wait for ever.

Looked at from outside, once in a while, so that no request pays for it: whichever class of uvicorn
reads the connection, `cycle` is the request it is at. A WebSocket's own deadlines are the hub's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any, Protocol


class _Request(Protocol):
    """uvicorn's, in each of its implementations."""

    more_body: bool
    response_complete: bool


class Patience:
    """`limit_s` for each request, from the opening of the connection, or from the answer to the one
    before, until the last byte of its body. Idle connections are uvicorn's to close, sooner."""

    def __init__(self, connections: Collection[Any], limit_s: float) -> None:
        self._connections = connections
        self._limit_s = limit_s
        self._waiting: dict[Any, tuple[_Request | None, float]] = {}

    def sweep(self, now: float) -> int:
        """Cut who has taken too long; how many those were."""
        before, self._waiting = self._waiting, {}
        cut: list[asyncio.Transport] = []
        for connection in self._connections:
            if not is_waiting(connection):
                continue
            request: _Request | None = getattr(connection, "cycle", None)
            known, since = before.get(connection, (None, now))
            if known is not request:
                since = now
            if now - since > self._limit_s:
                cut.append(connection.transport)
            else:
                self._waiting[connection] = request, since
        for transport in cut:
            transport.abort()
        return len(cut)


def is_waiting(connection: Any) -> bool:
    """Is it waiting for (the rest of) a request? `cycle`: what a reader of requests has, and a
    WebSocket has not."""
    if not hasattr(connection, "cycle"):
        return False
    request: _Request | None = connection.cycle
    return request is None or request.response_complete or request.more_body
