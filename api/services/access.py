"""Who may enter which room: the seam between the hub and sign-in."""

from __future__ import annotations

from typing import Protocol

import msgspec

from api.services.protocol import Refusal, RoomName


class Identity(msgspec.Struct, frozen=True):
    """Whom a credential speaks for: a wallet (base58), until `exp` (unix seconds)."""

    wallet: str
    exp: int


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


class PublicRooms:
    """Without sign-in: every room of public data, and no credential is worth anything.

    A wallet's room holds what anybody can read from the chain; on a localnet there is nobody to
    protect, so it is open there, and closed on a live cluster.
    """

    def __init__(self, *, has_open_wallets: bool) -> None:
        self._has_open_wallets = has_open_wallets

    async def identify(self, _token: str, _origin: str | None = None, /) -> Identity:
        """Always refuses."""
        raise Refusal(
            "unauthenticated",
            "this server has no sign-in: connect without a token, public rooms need none",
        )

    def admit(self, room: RoomName, _identity: Identity | None, /) -> None:
        """Refuses wallets' rooms unless they are open."""
        if room.kind == "user" and not self._has_open_wallets:
            raise Refusal(
                "unauthenticated",
                "a wallet's room needs sign-in, which this server doesn't have; "
                "its trades are also in REST: /api/v1/wallets/{wallet}/trades",
                room=room.name,
            )

    def is_revoked(self, _identity: Identity, /) -> bool:
        """Nobody is signed in."""
        return False
