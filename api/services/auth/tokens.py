"""Access tokens: short-lived JWTs (RFC 9068), signed with Ed25519, and the opaque secrets beside
them.

Nothing in a token chooses how it is checked: the algorithm is fixed, the header has exactly three
members, and `kid` only selects among the keys of the settings.
"""

from __future__ import annotations

import hashlib
import secrets
import time

import jwt
import msgspec

from api.services.auth.errors import SignInRefused
from api.services.auth.keys import Access as Access
from api.services.auth.keys import SigningKeys
from programs.keys import b58, key_of

ALGORITHM = "EdDSA"
ISSUER = "curvefeed"
AUDIENCE = "hub"
TYPE = "at+jwt"
REQUIRED = ("iss", "aud", "sub", "exp", "iat", "jti", "tv", "sid")
MAX_CHARS = 1_024
LEEWAY_S = 5
"""How far the clock of the instance that issued a token may be ahead, or behind."""

TICKET_PREFIX = "cft_"
REFRESH_PREFIX = "cfr_"
"""Known prefixes, so that logs (and secret scanners) recognise what must not be shown."""
_SECRET_BYTES = 32
_SECRET_CHARS = 43


class _Claims(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As they are in the token. `sid` is hexadecimal."""

    iss: str
    aud: str
    sub: str
    exp: int
    iat: int
    jti: str
    tv: int
    sid: str


def issue(keys: SigningKeys, access: Access, issued_at: int) -> str:
    """The token; `issued_at` is unix seconds."""
    claims = _Claims(
        iss=ISSUER,
        aud=AUDIENCE,
        sub=b58(access.wallet),
        exp=access.exp,
        iat=issued_at,
        jti=secrets.token_hex(16),
        tv=access.version,
        sid=access.session.hex(),
    )
    return jwt.encode(
        msgspec.to_builtins(claims),
        keys.private,
        algorithm=ALGORITHM,
        headers={"kid": keys.kid, "typ": TYPE},
    )


def read(keys: SigningKeys, token: str) -> Access:
    """Whom it speaks for. Raises SignInRefused: token_expired, or token_invalid for all else.

    Signature and times only; whether it was revoked is asked elsewhere.
    """
    try:
        known = keys.seen.get(token)
        if known is not None and known.exp > time.time() - LEEWAY_S:
            return known
        access = _access(_verified(keys, token))
        keys.seen.put(token, access)
        return access
    except jwt.ExpiredSignatureError:
        raise SignInRefused(
            "token_expired", "the access token has expired", hint="POST /api/v1/auth/refresh"
        ) from None
    except (jwt.InvalidTokenError, msgspec.ValidationError, ValueError):
        raise SignInRefused(
            "token_invalid",
            "this is no access token of this server",
            hint="Refresh, or sign in again",
        ) from None


def _verified(keys: SigningKeys, token: str) -> _Claims:
    if len(token) > MAX_CHARS:
        raise jwt.InvalidTokenError
    head = token.partition(".")[0]
    kid = keys.heads.get(head) or _kid(token)
    key = keys.public(kid)
    if key is None:
        raise jwt.InvalidTokenError
    claims = jwt.decode(
        token,
        key,
        algorithms=[ALGORITHM],
        issuer=ISSUER,
        audience=AUDIENCE,
        leeway=LEEWAY_S,
        options={"require": list(REQUIRED), "strict_aud": True},
    )
    keys.heads[head] = kid  # of what we have signed ourselves: there are few
    return msgspec.convert(claims, _Claims)


def _kid(token: str) -> str:
    header = jwt.get_unverified_header(token)
    if set(header) != {"alg", "kid", "typ"} or header["typ"] != TYPE:
        raise jwt.InvalidTokenError
    kid: str = header["kid"]
    return kid


def _access(claims: _Claims) -> Access:
    session = bytes.fromhex(claims.sid)
    if len(session) != 16 or claims.tv < 0:
        raise ValueError("not what `issue` makes")
    return Access(key_of(claims.sub), session, claims.tv, claims.exp)


# --- opaque secrets: tickets, refresh tokens, the browser's binding


def new_secret(prefix: str = "") -> str:
    """256 random bits, in letters that a URL and a cookie can hold."""
    return prefix + secrets.token_urlsafe(_SECRET_BYTES)


def is_secret(text: str, prefix: str = "") -> bool:
    """Could `new_secret` have made it?"""
    return text.startswith(prefix) and len(text) == len(prefix) + _SECRET_CHARS


def hashed(secret: str) -> bytes:
    """What is stored of a secret. It has 256 random bits: SHA-256 needs no salt, nothing slow."""
    return hashlib.sha256(secret.encode()).digest()
