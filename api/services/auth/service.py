"""Sign-in: what a wallet is asked to sign, what it gets for it, and how that ends."""

from __future__ import annotations

import asyncio
import secrets
import string
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import asyncpg
import msgspec
import structlog

from api.services.auth.check import check, opened
from api.services.auth.errors import SignInRefused
from api.services.auth.keys import SEED_BYTES, SigningKeys, parse_keys
from api.services.auth.origins import Origin, SignInOrigins
from api.services.auth.rates import Attempts
from api.services.auth.revoked import Revoked
from api.services.auth.siws import SignInMessage, render
from api.services.auth.tokens import (
    REFRESH_PREFIX,
    TICKET_PREFIX,
    Access,
    hashed,
    is_secret,
    issue,
    new_secret,
    read,
)
from common.settings import Settings
from db import sessions
from db.feed import OUTAGE
from db.pool import Pool
from db.sessions import NewTicket, Rotation, SessionRow
from programs.keys import b58

log = structlog.get_logger()

NONCE_S = 300
TICKET_S = 30
SWEEP_S = 60
_REMEMBER_SLACK_S = 120
"""Revocations are remembered this much longer than a token lives: clocks differ."""
_NONCE_CHARS = 24
_ALPHABET = string.ascii_letters + string.digits
_STATEMENT = "Sign in to curvefeed. This sends no transaction and costs nothing."


class Challenge(msgspec.Struct, frozen=True):
    """What to sign: `message` goes to a wallet's signIn; `text` (known once the address is) to
    signMessage of one that has no signIn."""

    message: SignInMessage
    text: str | None


class SignedInSession(msgspec.Struct, frozen=True):
    """What a wallet has after signing, and after each refresh. `expires_at`: unix seconds."""

    wallet: str
    access_token: str
    expires_at: int
    refresh_token: str
    refresh_max_age_s: int


class Ticket(msgspec.Struct, frozen=True):
    """For one WebSocket handshake. `expires_at`: unix seconds."""

    ticket: str
    expires_at: int


class SignIn:
    """One process's sign-in. `running` keeps it informed of who signs out elsewhere.

    Raises SettingsError where AUTH_SIGNING_KEYS or AUTH_ORIGINS are wrong.
    """

    def __init__(
        self, settings: Settings, pool: Pool, *, now: Callable[[], float] = time.time
    ) -> None:
        self.origins = SignInOrigins(settings)
        self.revoked = Revoked(pool)
        self._settings = settings
        self._pool = pool
        self._now = now
        self._attempts = Attempts(settings.auth_attempts_per_minute)
        self._renewals = Attempts(settings.auth_renewals_per_minute)
        self._remember_s = settings.auth_access_s + _REMEMBER_SLACK_S
        configured = settings.auth_signing_keys
        self._keys = parse_keys(configured) if configured is not None else None
        self._keys_lock = asyncio.Lock()

    @property
    def off_reason(self) -> str | None:
        """Why nobody can sign in here; None: it is on."""
        if self._keys is None and not self._settings.is_localnet:
            return "AUTH_SIGNING_KEYS is not set; on a live cluster there is no key by default"
        if not self.origins.is_any:
            return "AUTH_ORIGINS is not set: the page's address, such as https://curvefeed.example"
        return None

    @asynccontextmanager
    async def running(self, on_revoked: Callable[[], None]) -> AsyncIterator[None]:
        """Follow revocations and delete what has expired. `on_revoked` is called when
        `is_revoked` has begun to hold for more."""
        if self.off_reason is not None:
            log.info("sign_in_off", reason=self.off_reason)
            yield
            return
        tasks = [
            asyncio.create_task(self.revoked.run(on_revoked)),
            asyncio.create_task(self._keep_clean()),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def attempt(self, key: str) -> None:
        """Count one attempt of an address or a wallet. Raises SignInRefused (rate_limited)."""
        self._attempts.take(key, time.monotonic())

    def renewal(self, key: str) -> None:
        """Count one refresh or ticket of an address or a wallet. Raises SignInRefused
        (rate_limited)."""
        self._renewals.take(key, time.monotonic())

    # --- signing in

    async def challenge(self, origin: Origin, address: str | None, binding: str) -> Challenge:
        """A message to sign on this page, by this address if it is given, for this asker."""
        self._require_on()
        if address is not None:
            self.attempt(address)
        now = self._now()
        message = SignInMessage(
            domain=origin.domain,
            address=address,
            statement=_STATEMENT,
            uri=origin.text,
            version="1",
            chain_id=self._settings.auth_chain_id,
            nonce="".join(secrets.choice(_ALPHABET) for _ in range(_NONCE_CHARS)),
            issued_at=_rfc3339(now),
            expiration_time=_rfc3339(now + NONCE_S),
            request_id=secrets.token_hex(8),
        )
        stored = msgspec.json.encode(message).decode()
        await sessions.store_nonce(
            self._pool, message.nonce or "", hashed(binding), stored, NONCE_S
        )
        return Challenge(message, render(message) if address is not None else None)

    async def verify(
        self, origin: Origin, binding: str, signed: bytes, signature: bytes
    ) -> SignedInSession:
        """Open a session for who signed. Whatever comes of it, the nonce is gone."""
        self._require_on()
        message = opened(signed, accepts_envelope=self._settings.auth_offchain_messages)
        self.attempt(message.address)
        stored = await sessions.take_nonce(self._pool, message.nonce, hashed(binding))
        if stored is None:
            raise SignInRefused(
                "nonce_unknown",
                "this nonce was not given to you, has been used or has expired",
                hint="Ask for a new one: POST /api/v1/auth/nonce",
            )
        expected = msgspec.json.decode(stored, type=SignInMessage)
        if expected.uri != origin.text:
            raise SignInRefused(
                "origin_forbidden", "the nonce was asked for on another page", hint="Ask here"
            )
        wallet = check(message, expected, signature, self._now())
        session, refresh = secrets.token_bytes(16), new_secret(REFRESH_PREFIX)
        days = self._settings.auth_session_days
        version = await sessions.start_session(self._pool, wallet, session, hashed(refresh), days)
        log.info("signed_in", wallet=b58(wallet), session=session.hex())
        return await self._session(SessionRow(session, wallet, version), refresh)

    async def refresh(self, token: str | None) -> SignedInSession:
        """Another access token, and another refresh token instead of this one."""
        self._require_on()
        if token is None:
            raise SignInRefused("token_missing", "no refresh token came", hint="Sign in")
        if not is_secret(token, REFRESH_PREFIX):
            raise _refused_refresh("token_invalid")
        new = new_secret(REFRESH_PREFIX)
        found, why = await sessions.rotate(self._pool, hashed(token), hashed(new), self._remember_s)
        if why is Rotation.REUSED and found is not None:
            log.warning("refresh_reused", wallet=b58(found.wallet), session=found.session.hex())
            raise _refused_refresh("token_reused")
        if why is not None or found is None:
            raise _refused_refresh("token_invalid")
        return await self._session(found, new)

    async def _session(self, row: SessionRow, refresh: str) -> SignedInSession:
        issued_at = int(self._now())
        access = Access(
            row.wallet, row.session, row.version, issued_at + self._settings.auth_access_s
        )
        return SignedInSession(
            wallet=b58(row.wallet),
            access_token=issue(await self._signing_keys(), access, issued_at),
            expires_at=access.exp,
            refresh_token=refresh,
            refresh_max_age_s=self._settings.auth_session_days * 86_400,
        )

    # --- being signed in

    async def access(self, token: str) -> Access:
        """Whom an access token speaks for. Raises SignInRefused."""
        self._require_on()
        access = read(await self._signing_keys(), token)
        await self._check_revoked(access)
        return access

    async def ticket(self, access: Access, origin: str | None) -> Ticket:
        """A ticket for one handshake from this origin; None: by a program, which sends none."""
        self.renewal(b58(access.wallet))
        secret = new_secret(TICKET_PREFIX)
        expires_at = min(int(self._now()) + TICKET_S, access.exp)
        ticket = NewTicket(
            hashed(secret), access.wallet, access.session, access.version, access.exp, origin
        )
        await sessions.store_ticket(self._pool, ticket, TICKET_S)
        return Ticket(secret, expires_at)

    async def redeem(self, ticket: str, origin: str | None) -> Access:
        """Use up a ticket. Raises SignInRefused."""
        self._require_on()
        if not is_secret(ticket, TICKET_PREFIX):
            raise SignInRefused("token_invalid", "this is no ticket of this server")
        found = await sessions.use_ticket(self._pool, hashed(ticket))
        if found is None:
            if await sessions.is_ticket_known(self._pool, hashed(ticket)):
                raise SignInRefused("ticket_used", "this ticket has been used", hint=_ANOTHER)
            raise SignInRefused("token_invalid", "this ticket is not known", hint=_ANOTHER)
        if found.origin != origin:
            raise SignInRefused(
                "ticket_origin", "this ticket was bought on another page", hint=_ANOTHER
            )
        if found.is_expired or found.token_exp <= self._now():
            raise SignInRefused("token_expired", "this ticket has expired", hint=_ANOTHER)
        access = Access(found.wallet, found.session, found.version, found.token_exp)
        await self._check_revoked(access)
        return access

    async def _check_revoked(self, access: Access) -> None:
        """The list in memory comes last, with no pause after it: what is revoked later than this
        finds the connection among those to be ended."""
        is_known = self.revoked.is_fresh
        is_valid = is_known or await sessions.is_valid(self._pool, access.session, access.version)
        if not is_valid or self.revoked.covers(access.wallet, access.session, access.version):
            raise SignInRefused("token_invalid", "signed out", hint="Sign in again")

    # --- signing out

    async def logout(self, refresh: str | None, access: str | None, *, everywhere: bool) -> None:
        """End the session of either token, or all of its wallet's. What is over stays over, so
        without a valid token there is nothing to do."""
        session = await self._session_to_end(refresh, access)
        if session is None:
            return
        if everywhere:
            await sessions.revoke_wallet(self._pool, session.wallet, self._remember_s)
        else:
            await sessions.revoke_session(self._pool, session, self._remember_s)
        log.info("signed_out", wallet=b58(session.wallet), everywhere=everywhere)

    async def _session_to_end(self, refresh: str | None, access: str | None) -> SessionRow | None:
        self._require_on()
        if access is not None:
            try:
                found = await self.access(access)
            except SignInRefused:
                pass
            else:
                return SessionRow(found.session, found.wallet, found.version)
        if refresh is not None and is_secret(refresh, REFRESH_PREFIX):
            return await sessions.session_of(self._pool, hashed(refresh))
        return None

    # --- keys and housekeeping

    def _require_on(self) -> None:
        if self.off_reason is not None:
            raise SignInRefused(
                "sign_in_off", "sign-in is off on this server", hint=self.off_reason
            )

    async def _signing_keys(self) -> SigningKeys:
        """Of the settings; on a localnet without any: one made at the first need, which its
        processes share through the database."""
        if self._keys is None:
            self._require_on()
            async with self._keys_lock:
                if self._keys is None:
                    seed = secrets.token_bytes(SEED_BYTES)
                    seed = await sessions.localnet_seed(self._pool, seed)
                    self._keys = SigningKeys({sessions.LOCALNET_KID: seed})
        return self._keys

    async def _keep_clean(self) -> None:
        while True:
            try:
                await sessions.sweep(self._pool)
            except (*OUTAGE, asyncpg.PostgresError) as error:
                log.warning("sign_in_sweep_failed", error=repr(error))
            await asyncio.sleep(SWEEP_S)


_ANOTHER = "Buy another: POST /api/v1/websocket/ticket"


def _refused_refresh(code: str) -> SignInRefused:
    if code == "token_reused":
        return SignInRefused(
            "token_reused",
            "this refresh token had been used before: the session is ended",
            hint="Sign in again",
        )
    return SignInRefused(
        "token_invalid", "this refresh token is not valid (any more)", hint="Sign in again"
    )


def _rfc3339(unix_s: float) -> str:
    """As JavaScript's toISOString writes it: wallets parse and print it without a change."""
    text = datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
