"""What routes get handed in.

All `async`, though nothing here waits: FastAPI would run plain functions in its thread pool, which
cost a third of a WebSocket's handshake.
"""

from __future__ import annotations

import secrets
from typing import Annotated

import msgspec
from fastapi import Depends, Path, Query, Request, Response
from fastapi.requests import HTTPConnection
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from api.answers import respond
from api.cursors import MAX_LENGTH
from api.problems import ProblemError
from api.services.hub import Hub
from api.services.quotas import Quotas
from api.shared import Read, Shared
from common.settings import Settings
from db.pool import Pool
from programs.keys import key_of


class Services(msgspec.Struct, frozen=True):
    """What the application is made of; `app.state.services`."""

    settings: Settings
    pool: Pool
    hub: Hub
    origins: frozenset[str]
    reads: Pool
    """Where REST reads history: a replica, or the database by connections of its own."""
    has_replica: bool
    quotas: Quotas
    shared: Shared


async def services(connection: HTTPConnection) -> Services:
    """Of the application that serves this request."""
    found: Services = connection.app.state.services
    return found


ServicesOf = Annotated[Services, Depends(services)]


async def shared(
    request: Request, services: Services, read: Read, *, is_costly: bool = False
) -> Response:
    """What `read` gives, or gave others who asked just so a moment ago."""
    key = f"{request.url.path}?{request.url.query}"
    return respond(request, await services.shared.get(key, read, is_costly=is_costly))


def _key(text: str, what: str) -> bytes:
    try:
        return key_of(text)
    except ValueError:
        raise ProblemError(
            400,
            f"{text[:64]!r} is not a {what}",
            hint=f"A {what} is 32 bytes in base58: 32 to 44 letters and digits without 0, O, I, l",
        ) from None


async def mint_of(
    mint: Annotated[str, Path(examples=["So11111111111111111111111111111111111111112"])],
) -> bytes:
    """The mint in the path."""
    return _key(mint, "mint")


async def wallet_of(
    wallet: Annotated[str, Path(examples=["9xQeWvG816bUx9EPjHmaT23yvVM2ZWbrrpZb9PusVFin"])],
) -> bytes:
    """The wallet in the path."""
    return _key(wallet, "wallet")


MintOf = Annotated[bytes, Depends(mint_of)]
WalletOf = Annotated[bytes, Depends(wallet_of)]
Limit = Annotated[int, Query(ge=1, le=200, description="Most items of the page.")]
Cursor = Annotated[
    str | None, Query(max_length=MAX_LENGTH, description="`next` of the page before.")
]

_api_key = APIKeyHeader(
    name="X-API-Key",
    scheme_name="ApiKey",
    auto_error=False,
    description="Where API_KEYS is on: `./run apikey create NAME` makes one.",
)


async def metered(
    request: Request, services: ServicesOf, key: Annotated[str | None, Depends(_api_key)]
) -> None:
    """Count the request against its key or address; `request.state.headers` tells what is left."""
    host = request.client.host if request.client else None
    request.state.headers = services.quotas.admit(key, host)


_bearer = HTTPBearer(
    auto_error=False, description="ADMIN_TOKEN of the settings, or a wallet's access token."
)
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


async def is_admin(services: ServicesOf, credentials: Credentials) -> bool:
    """Does the request bear the administrator's token?"""
    token = services.settings.admin_token
    if token is None or credentials is None:
        return False
    return secrets.compare_digest(
        credentials.credentials.encode(), token.get_secret_value().encode()
    )


async def require_admin(
    services: ServicesOf, is_allowed: Annotated[bool, Depends(is_admin)]
) -> None:
    """Refuse others: 403 where no token is configured, else 401."""
    if services.settings.admin_token is None:
        raise ProblemError(
            403, "administrative calls are switched off", hint="Set ADMIN_TOKEN and restart"
        )
    if not is_allowed:
        raise ProblemError(
            401,
            "this call needs the administrator's token",
            hint="Authorization: Bearer <ADMIN_TOKEN>",
            headers={"WWW-Authenticate": "Bearer"},
        )
