"""A short way to the routes of the history, for requests that are plainly right.

FastAPI describes these routes, and answers whatever is unusual about a request: an unknown path, a
key that is none, a parameter it has to explain. For all others its solving of dependencies took
more time than reading and writing a short answer, and they need none of it.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, get_type_hints
from urllib.parse import parse_qsl

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from api.dependencies import Services, metered
from programs.keys import key_of

_GIVEN = frozenset({"request", "services", "mint", "wallet", "query"})
"""What a route may take to be reached this way."""
_KEYS = ("mint", "wallet")


class _Way(msgspec.Struct, frozen=True):
    """To one route."""

    route: APIRoute
    call: Callable[..., Awaitable[Response]]
    key: str | None
    """Name of the key in its path."""
    query: type[BaseModel] | None
    takes: frozenset[str]

    def arguments(self, key: str | None, query_string: bytes) -> dict[str, Any] | None:
        """What the request says; None: that is for FastAPI to look at."""
        found: dict[str, Any] = {}
        try:
            if self.key is not None and key is not None:
                found[self.key] = key_of(key)
            if self.query is None:
                return None if query_string else found
            given = parse_qsl(query_string.decode("latin-1"), keep_blank_values=True)
            values = dict(given)
            found["query"] = self.query.model_validate(values)
        except (ValueError, ValidationError):
            return None
        return found if len(values) == len(given) else None


class DirectRoutes(BaseRoute):
    """Comes before the routers it was made of."""

    def __init__(self, services: Services, routers: Iterable[APIRouter]) -> None:
        self._services = services
        self._ways = {
            _shape(route.path): way
            for router in routers
            for route in router.routes
            if isinstance(route, APIRoute) and (way := _way(route)) is not None
        }

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As Starlette has it."""
        if scope["type"] != "http" or scope["method"] != "GET":
            return Match.NONE, {}
        parts = scope["path"].split("/")
        key = None
        way = self._ways.get(tuple(parts))
        if way is None and len(parts) > 4:
            key, parts[4] = parts[4], ""
            way = self._ways.get(tuple(parts))
        elif way is not None and way.key is not None:
            return Match.NONE, {}  # nothing stands where its key should
        arguments = None if way is None else way.arguments(key, scope["query_string"])
        if way is None or arguments is None:
            return Match.NONE, {}
        params = {} if key is None else {way.key: key}
        return Match.FULL, {
            "route": way.route, "endpoint": way.call, "path_params": params,
            "direct": (way, arguments),
        }  # fmt: skip

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As Starlette has it."""
        way, arguments = scope["direct"]
        request, services = Request(scope, receive, send), self._services
        await metered(request, services, request.headers.get("x-api-key"))
        if "request" in way.takes:
            arguments["request"] = request
        if "services" in way.takes:
            arguments["services"] = services
        response = await way.call(**arguments)
        await response(scope, receive, send)


def _shape(path: str) -> tuple[str, ...]:
    """Its parts, with nothing where the key stands."""
    return tuple("" if part.startswith("{") else part for part in path.split("/"))


def _way(route: APIRoute) -> _Way | None:
    """None: it takes more than is known here."""
    takes = frozenset(inspect.signature(route.endpoint).parameters)
    is_metered = [each.dependency for each in route.dependencies] == [metered]
    if not (takes <= _GIVEN and is_metered and route.methods == {"GET"}):
        return None
    hints: Mapping[str, Any] = get_type_hints(route.endpoint)
    if hints["return"] is not Response:
        return None
    key = next((each for each in _KEYS if each in takes), None)
    return _Way(route, route.endpoint, key, hints.get("query"), takes)
