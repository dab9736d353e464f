"""Sign-in as the hub sees it: credentials of a connection, and who may enter a wallet's room."""

from __future__ import annotations

from types import MappingProxyType

from api.services.access import Identity
from api.services.auth.errors import SignInRefused
from api.services.auth.service import SignIn
from api.services.auth.tokens import TICKET_PREFIX, Access
from api.services.protocol import ErrorCode, Refusal, RoomName
from db.feed import OUTAGE
from programs.keys import b58


class SignedIn(Identity, frozen=True):
    """An identity that can be revoked: its session, and its wallet's token version then."""

    key: bytes
    session: bytes
    version: int

    @classmethod
    def of(cls, access: Access) -> SignedIn:
        """From a token or ticket that was found good."""
        return cls(
            wallet=b58(access.wallet),
            exp=access.exp,
            key=access.wallet,
            session=access.session,
            version=access.version,
        )


_CODES = MappingProxyType[str, ErrorCode](
    {
        "token_expired": "token_expired",
        "ticket_used": "ticket_used",
        "ticket_origin": "forbidden",
        "sign_in_off": "unauthenticated",
    }
)
"""Codes of the protocol by ours; all others are token_invalid."""


class SignInRooms:
    """An Authorizer: takes access tokens and tickets, keeps `user_` rooms to their wallets."""

    def __init__(self, sign_in: SignIn, *, has_open_wallets: bool) -> None:
        self._sign_in = sign_in
        self._has_open_wallets = has_open_wallets

    async def identify(self, token: str, origin: str | None = None, /) -> Identity:
        """Whose token or ticket this is; `origin` is the handshake's Origin header, None without.

        Raises Refusal: token_invalid (also when signed out), token_expired, ticket_used, forbidden
        (a ticket of another origin), unauthenticated (sign-in is off), unavailable.
        """
        try:
            if token.startswith(TICKET_PREFIX):
                return SignedIn.of(await self._sign_in.redeem(token, origin))
            return SignedIn.of(await self._sign_in.access(token))
        except SignInRefused as refused:
            code = _CODES.get(refused.code, "token_invalid")
            raise Refusal(code, f"{refused.detail}. {refused.hint}".rstrip(". ")) from None
        except OUTAGE:
            refusal = Refusal("unavailable", "credentials can't be checked now: try again")
            refusal.retry_after_ms = 2_000
            raise refusal from None

    def admit(self, room: RoomName, identity: Identity | None, /) -> None:
        """Let everybody into public rooms, and a wallet into its own."""
        if room.kind != "user" or self._has_open_wallets:
            return
        if identity is None:
            raise Refusal(
                "unauthenticated",
                "a wallet's room needs its sign-in: send auth with a token or ticket first",
                room=room.name,
            )
        if identity.wallet != room.wallet:
            raise Refusal("forbidden", f"{room.name} belongs to another wallet", room=room.name)

    def is_revoked(self, identity: Identity, /) -> bool:
        """Has who signed in like this been signed out since?"""
        return isinstance(identity, SignedIn) and self._sign_in.revoked.covers(
            identity.key, identity.session, identity.version
        )
