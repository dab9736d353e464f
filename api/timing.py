"""How long each route takes."""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.metrics import HTTP_SECONDS

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Timing:
    """Middleware that measures HTTP requests until their last byte is handed over.

    Labels are bounded: routes by their template, what is no route of ours as `page`, made-up
    methods as `other`, the status by its hundreds.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        began = time.perf_counter()
        try:
            await self._app(scope, receive, noting)
        finally:
            route = getattr(scope.get("route"), "path_format", None) or "page"
            method = scope["method"] if scope["method"] in _METHODS else "other"
            taken = time.perf_counter() - began
            HTTP_SECONDS.labels(method, route, f"{status // 100}xx").observe(taken)
