"""What sign-in stores: nonces, sessions with their refresh tokens, tickets. Secrets come hashed.

Each of them is used up by one statement that changes the row: of any number of attempts at once,
on any number of instances, one succeeds.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from db.pool import Connection, Pool
from db.revocations import Revocation, record

LOCALNET_KID = "localnet"
_SWEEP_LOCK = 0x73776570
"""Number of the advisory lock: "swep"."""


class SessionRow(msgspec.Struct, frozen=True):
    """A session that is alive: `version` is its wallet's token version now."""

    session: bytes
    wallet: bytes
    version: int


class Rotation(Enum):
    """Why a refresh token was not replaced."""

    UNKNOWN = "unknown"
    ENDED = "ended"
    """Its session was revoked or has expired."""
    REUSED = "reused"
    """It had been replaced before; its session is revoked now."""


class TicketRow(msgspec.Struct, frozen=True):
    """A ticket that has just been used up. `origin` None: bought by a program."""

    wallet: bytes
    session: bytes
    version: int
    token_exp: int
    origin: str | None
    is_expired: bool


# --- nonces


async def store_nonce(pool: Pool, nonce: str, asker: bytes, message: str, ttl_s: int) -> None:
    """Keep what `asker` is going to sign."""
    await pool.execute(
        """INSERT INTO auth_nonces (nonce, asker, input, expires_at)
           VALUES ($1, $2, $3, now() + make_interval(secs => $4))""",
        nonce,
        asker,
        message,
        ttl_s,
    )


async def take_nonce(pool: Pool, nonce: str, asker: bytes) -> str | None:
    """The input stored for this asker, once; None if there is none (any more)."""
    found: str | None = await pool.fetchval(
        "DELETE FROM auth_nonces WHERE nonce = $1 AND asker = $2 RETURNING input", nonce, asker
    )
    return found


# --- sessions


async def start_session(
    pool: Pool, wallet: bytes, session: bytes, refresh: bytes, days: int
) -> int:
    """Store a session and the hash of its first refresh token; returns the wallet's version."""
    async with pool.acquire() as connection, connection.transaction():
        # The row's lock makes "sign out everywhere" come wholly before or wholly after this.
        version: int = await connection.fetchval(
            """INSERT INTO auth_wallets (wallet) VALUES ($1)
               ON CONFLICT (wallet) DO UPDATE SET touched_at = now() RETURNING token_version""",
            wallet,
        )
        await connection.execute(
            """INSERT INTO auth_sessions (session, wallet, expires_at)
               VALUES ($1, $2, now() + make_interval(days => $3))""",
            session,
            wallet,
            days,
        )
        await _add_refresh(connection, refresh, session)
    return version


async def rotate(
    pool: Pool, old: bytes, new: bytes, remember_s: int
) -> tuple[SessionRow | None, Rotation | None]:
    """Replace a refresh token: (session, None), or (the session if it is known, why not).

    A token that comes twice was stolen or its thief was faster: its session is revoked, which is
    remembered for `remember_s`.
    """
    async with pool.acquire() as connection, connection.transaction():
        row = await connection.fetchrow(
            """SELECT s.session, s.wallet, t.used_at IS NOT NULL AS is_used, w.token_version,
                      s.revoked_at IS NOT NULL OR s.expires_at <= now() AS is_over
               FROM auth_refresh_tokens t JOIN auth_sessions s USING (session)
                    JOIN auth_wallets w USING (wallet)
               WHERE t.hash = $1 FOR UPDATE OF s, t""",
            old,
        )
        if row is None:
            return None, Rotation.UNKNOWN
        found = SessionRow(row["session"], row["wallet"], row["token_version"])
        if row["is_over"]:
            return found, Rotation.ENDED
        if row["is_used"]:
            await _revoke(connection, found.wallet, found.session, remember_s)
            return found, Rotation.REUSED
        await connection.execute(
            "UPDATE auth_refresh_tokens SET used_at = now() WHERE hash = $1", old
        )
        await _add_refresh(connection, new, found.session)
    return found, None


async def session_of(pool: Pool, refresh: bytes) -> SessionRow | None:
    """The live session whose newest refresh token this is."""
    row = await pool.fetchrow(
        """SELECT s.session, s.wallet, w.token_version FROM auth_refresh_tokens t
           JOIN auth_sessions s USING (session) JOIN auth_wallets w USING (wallet)
           WHERE t.hash = $1 AND t.used_at IS NULL
                 AND s.revoked_at IS NULL AND s.expires_at > now()""",
        refresh,
    )
    return None if row is None else SessionRow(*row.values())


async def is_valid(pool: Pool, session: bytes, version: int) -> bool:
    """Is this session alive, and its wallet's version not above this one? The truth, which
    db.revocations only brings nearer."""
    found: bool | None = await pool.fetchval(
        """SELECT w.token_version <= $2 FROM auth_sessions s JOIN auth_wallets w USING (wallet)
           WHERE s.session = $1 AND s.revoked_at IS NULL AND s.expires_at > now()""",
        session,
        version,
    )
    return bool(found)


async def revoke_session(pool: Pool, session: SessionRow, remember_s: int) -> None:
    """End one session everywhere. Again is fine."""
    async with pool.acquire() as connection, connection.transaction():
        await _revoke(connection, session.wallet, session.session, remember_s)


async def revoke_wallet(pool: Pool, wallet: bytes, remember_s: int) -> None:
    """End all of a wallet's sessions everywhere."""
    async with pool.acquire() as connection, connection.transaction():
        version: int = await connection.fetchval(
            """INSERT INTO auth_wallets (wallet, token_version) VALUES ($1, 1)
               ON CONFLICT (wallet) DO UPDATE
               SET token_version = auth_wallets.token_version + 1, touched_at = now()
               RETURNING token_version""",
            wallet,
        )
        await connection.execute(
            """UPDATE auth_sessions SET revoked_at = now()
               WHERE wallet = $1 AND revoked_at IS NULL""",
            wallet,
        )
        await record(connection, Revocation(wallet, below_version=version), remember_s)


async def _add_refresh(connection: Connection, refresh: bytes, session: bytes) -> None:
    await connection.execute(
        "INSERT INTO auth_refresh_tokens (hash, session) VALUES ($1, $2)", refresh, session
    )


async def _revoke(connection: Connection, wallet: bytes, session: bytes, remember_s: int) -> None:
    changed = await connection.execute(
        "UPDATE auth_sessions SET revoked_at = now() WHERE session = $1 AND revoked_at IS NULL",
        session,
    )
    if changed != "UPDATE 0":
        await record(connection, Revocation(wallet, session=session), remember_s)


# --- tickets


class NewTicket(msgspec.Struct, frozen=True):
    """A ticket to store; `token_exp` is unix seconds, `origin` the page's."""

    hash: bytes
    wallet: bytes
    session: bytes
    version: int
    token_exp: int
    origin: str | None


async def store_ticket(pool: Pool, ticket: NewTicket, ttl_s: int) -> None:
    """Keep a ticket for `ttl_s` seconds."""
    await pool.execute(
        """INSERT INTO auth_tickets
               (hash, wallet, session, token_version, token_exp, origin, expires_at)
           VALUES ($1, $2, $3, $4, $5, $6, now() + make_interval(secs => $7))""",
        ticket.hash,
        ticket.wallet,
        ticket.session,
        ticket.version,
        ticket.token_exp,
        ticket.origin,
        ttl_s,
    )


async def use_ticket(pool: Pool, ticket: bytes) -> TicketRow | None:
    """The ticket with this hash, for the first who asks; None if it is used or unknown."""
    row = await pool.fetchrow(
        """UPDATE auth_tickets SET used_at = now() WHERE hash = $1 AND used_at IS NULL
           RETURNING wallet, session, token_version, token_exp, origin, expires_at <= now()""",
        ticket,
    )
    return None if row is None else TicketRow(*row.values())


async def is_ticket_known(pool: Pool, ticket: bytes) -> bool:
    """Was there such a ticket lately?"""
    found: bool = await pool.fetchval(
        "SELECT EXISTS (SELECT FROM auth_tickets WHERE hash = $1)", ticket
    )
    return found


# --- housekeeping


async def localnet_seed(pool: Pool, seed: bytes) -> bytes:
    """The localnet's signing key: `seed` if there is none yet, else the one there is."""
    await pool.execute(
        "INSERT INTO auth_keys (kid, seed) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        LOCALNET_KID,
        seed,
    )
    # A statement of its own: it sees what another process has just inserted.
    found: bytes = await pool.fetchval("SELECT seed FROM auth_keys WHERE kid = $1", LOCALNET_KID)
    return found


_SWEEPS = (
    "DELETE FROM auth_nonces WHERE expires_at < now()",
    # A used ticket is told from an unknown one for a while longer.
    "DELETE FROM auth_tickets WHERE expires_at < now() - interval '10 minutes'",
    "DELETE FROM auth_sessions WHERE expires_at < now()",
    """DELETE FROM auth_refresh_tokens WHERE session IN
           (SELECT session FROM auth_sessions WHERE revoked_at < now() - interval '1 day')""",
    "DELETE FROM auth_revocations WHERE expires_at < now()",
    # Its tokens have all expired, so its version may begin anew.
    """DELETE FROM auth_wallets w WHERE touched_at < now() - interval '1 day'
           AND NOT EXISTS (SELECT FROM auth_sessions s WHERE s.wallet = w.wallet)""",
)


async def sweep(pool: Pool) -> int:
    """Delete what has expired; returns the number of rows. Any instance may, at any time: of
    several at once, one does."""
    deleted = 0
    async with pool.acquire() as connection, connection.transaction():
        if not await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", _SWEEP_LOCK):
            return 0
        for statement in _SWEEPS:
            deleted += int((await connection.execute(statement)).rpartition(" ")[2])
    return deleted
