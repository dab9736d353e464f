"""Who may enter which room: the seam between the hub and sign-in."""

from __future__ import annotations

from typing import Protocol

import msgspec

from api.services.protocol import Refusal, RoomName


class Identity(msgspec.Struct, frozen=True):
    """Whom a credential speaks for: a wallet (base58), until `exp` (unix seconds)."""

    wallet: str
    exp: int


class Arrival(msgspec.Struct, frozen=True):
    """Who comes: from which address (see services.door) and page, by the credential of the URL."""

    address: str = ""
    origin: str | None = None
    identity: Identity | None = None
    refusal: Refusal | None = None
    is_welcome: bool = True
    """Not one of too many who come from there."""


class Authorizer(Protocol):
    """Decides about credentials and rooms."""

    async def identify(self, token: str, origin: str | None = None, /) -> Identity:
        """Whose token or ticket this is; `origin` is the handshake's, None where it had none.

        Raises Refusal (token_invalid, token_expired, ticket_used, forbidden, unauthenticated …).
        """

    def admit(self, room: RoomName, identity: Identity | None, /) -> None:
        """Raises Refusal (unauthenticated, forbidden) if the connection may not be in this room."""

    def is_revoked(self, identity: Identity, /) -> bool:
        """Has who signed in like this been signed out since?"""
