"""Sign-In With Solana over HTTP, and tickets for the WebSocket: docs/auth.md in code."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.types import Message

from api.problems import MEDIA_TYPE, Problem, responses
from api.services.auth.errors import SignInRefused
from api.services.auth.origins import Origin
from api.services.auth.rates import address_key
from api.services.auth.service import SignedInSession, SignIn
from api.services.auth.tokens import Access, is_secret, new_secret
from common.metrics import SIGN_IN_REQUESTS
from programs.keys import key_of

PATH = "/api/v1/auth"
MAX_BODY_BYTES = 8_192
_ASKER, _REFRESH = "curvefeed_asker", "curvefeed_refresh"
_WALLET = "9xQeWvG816bUx9EPjHmaT23yvVM2ZWbrrpZb9PusVFin"


class AuthProblem(Problem):
    """A problem with a code that a program can act on."""

    code: str = Field(examples=["nonce_unknown"])


class SignInRoute(APIRoute):
    """Answers SignInRefused as a problem, reads small bodies only, and is never cached."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """As FastAPI asks for it."""
        inner = super().get_route_handler()
        step = self.path_format.rpartition("/")[2]

        async def handle(request: Request) -> Response:
            outcome = "ok"
            try:
                response = await inner(_bounded(request))
            except SignInRefused as refused:
                response, outcome = _problem(refused, request), refused.code
            SIGN_IN_REQUESTS.labels(step, outcome).inc()
            response.headers["Cache-Control"] = "no-store"
            return response

        return handle


def _bounded(request: Request) -> Request:
    """The same request, whose body may not be larger than MAX_BODY_BYTES."""
    size = 0

    async def receive() -> Message:
        nonlocal size
        message = await request.receive()
        size += len(message.get("body", b""))
        if size > MAX_BODY_BYTES:
            # FastAPI makes a 400 of every other error that reading a body raises.
            raise HTTPException(413, f"the body has more than {MAX_BODY_BYTES} bytes")
        return message

    return Request(request.scope, receive)


def _problem(refused: SignInRefused, request: Request) -> Response:
    body = AuthProblem(
        title=HTTPStatus(refused.status).phrase,
        status=refused.status,
        detail=refused.detail,
        hint=refused.hint,
        code=refused.code,
    )
    response = JSONResponse(body.model_dump(), refused.status, media_type=MEDIA_TYPE)
    if refused.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if refused.retry_after_s is not None:
        response.headers["Retry-After"] = str(math.ceil(refused.retry_after_s))
    if refused.code in ("token_invalid", "token_reused") and request.url.path == f"{PATH}/refresh":
        _forget(request, response)
    return response


_STATUSES = (400, 401, 403, 413, 422, 429, 503)
router = APIRouter(prefix=PATH, tags=["auth"], route_class=SignInRoute)
tickets = APIRouter(prefix="/api/v1/websocket", tags=["websocket"], route_class=SignInRoute)


# --- what routes get handed in


async def sign_in_of(request: Request) -> SignIn:
    """The application's sign-in."""
    found: SignIn = request.app.state.sign_in
    return found


SignInOf = Annotated[SignIn, Depends(sign_in_of)]


async def origin_of(request: Request, sign_in: SignInOf) -> Origin:
    """The page that asks; refuses pages that are not the settings'."""
    return sign_in.origins.of(request.headers.getlist("origin"))


OriginOf = Annotated[Origin, Depends(origin_of)]


async def counted(request: Request, sign_in: SignInOf) -> None:
    """One attempt of this address."""
    sign_in.attempt(_address_of(request))


async def renewed(request: Request, sign_in: SignInOf) -> None:
    """One refresh or ticket of this address."""
    sign_in.renewal(_address_of(request))


def _address_of(request: Request) -> str:
    return address_key(request.client.host if request.client is not None else None)


_bearer = HTTPBearer(auto_error=False, scheme_name="AccessToken", description="An access token.")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


async def signed_in(sign_in: SignInOf, credentials: Credentials) -> Access:
    """Whom the request's access token speaks for: for every route that is a wallet's own."""
    if credentials is None:
        raise SignInRefused(
            "token_missing", "this call needs an access token", hint="Authorization: Bearer …"
        )
    return await sign_in.access(credentials.credentials)


# --- cookies: only for these paths, never for scripts, never from other sites


def _cookie(name: str, origin: Origin) -> str:
    """Over TLS a name that no page without it can set."""
    return f"__Secure-{name}" if origin.is_secure else name


def _set_cookie(
    response: Response, origin: Origin, name: str, value: str, max_age_s: int | None
) -> None:
    response.set_cookie(
        _cookie(name, origin), value, max_age=max_age_s, path=PATH, secure=origin.is_secure,
        httponly=True, samesite="strict",
    )  # fmt: skip


def _forget(request: Request, response: Response) -> None:
    for name in (_REFRESH, f"__Secure-{_REFRESH}"):
        if name in request.cookies:
            response.delete_cookie(
                name, path=PATH, secure=name.startswith("__"), httponly=True, samesite="strict"
            )


# --- models


class NonceRequest(BaseModel):
    """Who asks."""

    address: str | None = Field(
        None,
        description="The wallet, where it is known already: then `text` is answered too.",
        max_length=44,
        examples=[_WALLET],
    )
    binding: str | None = Field(
        None,
        description="For programs without cookies: any secret; /verify must repeat it.",
        min_length=22,
        max_length=128,
        pattern=r"^[A-Za-z0-9_-]+$",
    )


class NonceAnswer(BaseModel):
    """What to sign."""

    input: dict[str, str] = Field(
        description="For solana:signIn: sign all of it, unchanged.",
        examples=[{"domain": "curvefeed.example", "nonce": "k3x9…", "chainId": "solana:mainnet"}],
    )
    text: str | None = Field(
        description="For solana:signMessage, where the wallet has no signIn: sign its UTF-8 bytes. "
        "Null without `address`."
    )


class VerifyRequest(BaseModel):
    """What the wallet returned."""

    signed_message: str = Field(
        description="Base64 of the bytes that were signed.", max_length=4_096
    )
    signature: str = Field(description="Base64 of the signature, 64 bytes.", max_length=88)
    binding: str | None = Field(None, description="As given to /nonce.", max_length=128)


class LogoutRequest(BaseModel):
    """How far."""

    everywhere: bool = Field(False, description="End all of the wallet's sessions.")


class SessionAnswer(BaseModel):
    """Signed in. The refresh token is in a cookie that scripts can't read."""

    wallet: str = Field(examples=[_WALLET])
    access_token: str = Field(description="For Authorization: Bearer, and the hub's auth.")
    token_type: str = "Bearer"  # noqa: S105 - the scheme's name
    expires_at: int = Field(description="Unix seconds.", examples=[1795347900])


class TicketAnswer(BaseModel):
    """For one WebSocket handshake or `auth` message."""

    ticket: str
    expires_at: int = Field(description="Unix seconds.", examples=[1795347030])


class SignInStatus(BaseModel):
    """Can people sign in here?"""

    is_on: bool
    reason: str | None = Field(description="Why not.")
    chain_id: str = Field(examples=["solana:mainnet"])


# --- routes


@router.get("", summary="Can people sign in here?")
async def status(request: Request, sign_in: SignInOf) -> SignInStatus:
    """And to which chain."""
    chain_id = request.app.state.services.settings.auth_chain_id
    reason = sign_in.off_reason
    return SignInStatus(is_on=reason is None, reason=reason, chain_id=chain_id)


@router.post(
    "/nonce",
    summary="A message to sign",
    responses=responses(*_STATUSES),
    dependencies=[Depends(counted)],
)
async def nonce(
    body: NonceRequest, request: Request, response: Response, sign_in: SignInOf, origin: OriginOf
) -> NonceAnswer:
    """Valid for five minutes and one attempt, by who asked: a cookie, or `binding`, tells."""
    if body.address is not None:
        _require_address(body.address)
    binding = body.binding
    if binding is None:
        binding = request.cookies.get(_cookie(_ASKER, origin), "")
        if not is_secret(binding):
            binding = new_secret()
            _set_cookie(response, origin, _ASKER, binding, None)
    challenge = await sign_in.challenge(origin, body.address, binding)
    return NonceAnswer(input=msgspec.to_builtins(challenge.message), text=challenge.text)


@router.post(
    "/verify",
    summary="Sign in",
    responses=responses(*_STATUSES),
    dependencies=[Depends(counted)],
)
async def verify(
    body: VerifyRequest, request: Request, response: Response, sign_in: SignInOf, origin: OriginOf
) -> SessionAnswer:
    """Checks what was signed against what was asked for, field by field. Good or bad, the nonce is
    used up."""
    binding = body.binding or request.cookies.get(_cookie(_ASKER, origin), "")
    signed = _decoded(body.signed_message, "signed_message")
    signature = _decoded(body.signature, "signature")
    return _answer(response, origin, await sign_in.verify(origin, binding, signed, signature))


@router.post(
    "/refresh",
    summary="Another access token",
    responses=responses(401, 403, 429, 503),
    dependencies=[Depends(renewed)],
)
async def refresh(
    request: Request, response: Response, sign_in: SignInOf, origin: OriginOf
) -> SessionAnswer:
    """By the cookie, which is replaced: a refresh token is good once, and using one twice ends the
    session for whoever holds it. Pages take a Web Lock around it."""
    token = request.cookies.get(_cookie(_REFRESH, origin))
    return _answer(response, origin, await sign_in.refresh(token))


@router.post("/logout", summary="Sign out", status_code=204, responses=responses(403, 422, 503))
async def logout(
    request: Request, sign_in: SignInOf, origin: OriginOf, credentials: Credentials,
    body: LogoutRequest | None = None,
) -> Response:  # fmt: skip
    """Ends the session: its tokens, tickets and open WebSockets, on every instance."""
    await sign_in.logout(
        request.cookies.get(_cookie(_REFRESH, origin)),
        credentials.credentials if credentials is not None else None,
        everywhere=body is not None and body.everywhere,
    )
    response = Response(status_code=204)
    _forget(request, response)
    return response


@tickets.post(
    "/ticket",
    summary="A ticket for one handshake",
    responses=responses(401, 403, 429, 503),
    dependencies=[Depends(renewed)],
)
async def ticket(
    request: Request, sign_in: SignInOf, access: Annotated[Access, Depends(signed_in)]
) -> TicketAnswer:
    """Good once, within 30 seconds, from the same origin: for `?token=` of the WebSocket's URL,
    where an access token would end up in logs."""
    origins = request.headers.getlist("origin")
    if origins:
        sign_in.origins.of(origins)
    found = await sign_in.ticket(access, origins[0] if origins else None)
    return TicketAnswer(ticket=found.ticket, expires_at=found.expires_at)


def _answer(response: Response, origin: Origin, session: SignedInSession) -> SessionAnswer:
    _set_cookie(response, origin, _REFRESH, session.refresh_token, session.refresh_max_age_s)
    return SessionAnswer(
        wallet=session.wallet, access_token=session.access_token, expires_at=session.expires_at
    )


def _decoded(text: str, field: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise SignInRefused(
            "message_malformed", f"{field} is not base64", hint="Standard base64 with padding"
        ) from None


def _require_address(address: str) -> None:
    try:
        key_of(address)
    except ValueError:
        raise SignInRefused("message_malformed", "the address is not 32 bytes of base58") from None
