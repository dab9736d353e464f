"""Errors over HTTP: RFC 9457 problem+json, each with a hint that says what to do."""

from __future__ import annotations

from typing import Any

import asyncpg
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from api.examples import example_of
from common.errors import CurvefeedError, InvalidEvent
from db.feed import OUTAGE

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"
_WRONG_REPLICA = (
    asyncpg.InvalidCatalogNameError,
    asyncpg.InvalidAuthorizationSpecificationError,
)
"""Of a replica, which is first connected to by whoever reads: /readyz tells it."""


class Problem(BaseModel):
    """An error, as RFC 9457 has it, and a hint."""

    type: str = Field("about:blank", description="Always about:blank: the status says what it is.")
    title: str = Field(description="The status in words.", examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(description="What is wrong.", examples=["no trade of this mint was seen"])
    hint: str = Field("", description="What to do about it.")


class ProblemError(Exception):
    """Answers the request with this problem."""

    def __init__(
        self, status: int, detail: str, *, hint: str = "", headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.hint = hint
        self.headers = headers


_TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Content Too Large",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For a route's documentation: these statuses come as problems."""
    return {
        status: {
            "model": Problem,
            "description": _TITLES[status],
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }


def history(model: type[BaseModel], *statuses: int) -> dict[int | str, dict[str, Any]]:
    """The documentation of a route of the history: an example, and everything that may go wrong
    besides these statuses."""
    described: dict[int | str, dict[str, Any]] = {
        200: {
            "headers": _HEADERS,
            "content": {"application/json": {"example": example_of(model)}},
        },
        304: {"description": "Unchanged: you have it already", "headers": _HEADERS},
    }
    return described | responses(400, 401, *statuses, 422, 429, 503, 504)


_HEADERS = {
    "ETag": {
        "description": "Send it back as If-None-Match.",
        "schema": {"type": "string"},
    },
    "X-Feed-Seq": {
        "description": "meta.feed_seq, also of a 304.",
        "schema": {"type": "integer"},
    },
}


def problem(
    status: int, detail: str, hint: str = "", headers: dict[str, str] | None = None
) -> JSONResponse:
    """The response."""
    body = Problem(title=_TITLES.get(status, "Error"), status=status, detail=detail, hint=hint)
    return JSONResponse(body.model_dump(), status, headers, media_type=MEDIA_TYPE)


def add_problem_handlers(app: FastAPI) -> None:
    """Make every error of `app` a problem."""
    app.add_exception_handler(ProblemError, _on_problem)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(CurvefeedError, _on_ours)
    app.add_exception_handler(asyncpg.QueryCanceledError, _on_slow)
    for outage in (*OUTAGE, *_WRONG_REPLICA):
        app.add_exception_handler(outage, _on_outage)
    app.add_exception_handler(Exception, _on_unexpected)


async def _on_problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ProblemError)  # noqa: S101 - registered for it alone
    headers = getattr(request.state, "headers", {}) | (error.headers or {})
    return problem(error.status, error.detail, error.hint, headers)


async def _on_slow(request: Request, error: Exception) -> JSONResponse:
    log.warning("statement_timeout", path=request.url.path, error=repr(error))
    return problem(
        504,
        "the database needed too long for this",
        "Ask for less: a smaller limit, a shorter range of slots or times, fewer filters",
    )


async def _on_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it alone
    hint = ""
    if error.status_code == 404:
        hint = f"There is nothing at {request.url.path[:100]}; /docs lists what there is"
    headers = dict(error.headers) if error.headers else None
    return problem(error.status_code, str(error.detail), hint, headers)


async def _on_validation(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it alone
    wrong = "; ".join(
        f"{'.'.join(str(part) for part in each['loc'][1:]) or each['loc'][0]}: {each['msg']}"
        for each in error.errors()
    )
    return problem(422, wrong, "Correct the request; /docs says what is expected")


async def _on_ours(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, CurvefeedError)  # noqa: S101 - registered for it alone
    status = 422 if isinstance(error, InvalidEvent) else 503
    return problem(status, error.message, error.hint)


async def _on_outage(request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, ValueError):  # asyncpg's own kind for what can't be encoded
        return await _on_unexpected(request, error)
    log.warning("database_unavailable", path=request.url.path, error=repr(error))
    return problem(
        503,
        "the database does not answer in time",
        "Try again in a few seconds; /readyz tells when it is back",
        {"Retry-After": "2"},
    )


async def _on_unexpected(request: Request, error: Exception) -> JSONResponse:
    log.error("request_failed", path=request.url.path, error=repr(error))
    return problem(500, "an error in the server; it has been logged")
