"""Keys of the REST API: made, revoked, counted. Only their SHA-256 is stored."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime

import asyncpg
import msgspec

from common.errors import GiveUp
from db.pool import Pool
from db.reads.moment import row_of

_PREFIX = "cf_"
_BYTES = 24
_TIMEOUT_S = 5.0


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that is not revoked, and the requests made with it today (UTC), over all instances."""

    hash: bytes
    name: str
    per_minute: int
    per_day: int | None
    today: int


class NewKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key to make. `per_day` None: as many as `per_minute` lets through."""

    name: str
    per_minute: int
    per_day: int | None = None


class KeyLine(msgspec.Struct, frozen=True, kw_only=True):
    """A key as its administrator sees it."""

    name: str
    per_minute: int
    per_day: int | None
    created_at: datetime
    revoked_at: datetime | None
    today: int

    def __str__(self) -> str:
        """One line of the list."""
        state = f"revoked {self.revoked_at:%Y-%m-%d}" if self.revoked_at else "valid"
        return (
            f"{self.name}  {state}  {self.per_minute}/min  {self.per_day or 'any'}/day  "
            f"today {self.today}  since {self.created_at:%Y-%m-%d}"
        )


def hash_of(key: str) -> bytes:
    """What of a key is stored: it is random enough for a plain hash."""
    return hashlib.sha256(key.encode()).digest()


async def create(pool: Pool, new: NewKey) -> str:
    """A new key, shown this once. Raises GiveUp where the name is taken."""
    key = _PREFIX + secrets.token_urlsafe(_BYTES)
    try:
        await pool.execute(
            "INSERT INTO api_keys (hash, name, per_minute, per_day) VALUES ($1, $2, $3, $4)",
            hash_of(key), new.name, new.per_minute, new.per_day,
        )  # fmt: skip
    except asyncpg.UniqueViolationError:
        raise GiveUp("there is a key of this name", hint="Choose another", name=new.name) from None
    return key


async def revoke(pool: Pool, name: str) -> None:
    """The key is refused from now on, within seconds on every instance. Raises GiveUp where there
    is none."""
    found = await pool.fetchval(
        "UPDATE api_keys SET revoked_at = now() WHERE name = $1 AND revoked_at IS NULL "
        "RETURNING true",
        name,
    )
    if not found:
        raise GiveUp("no key of this name is valid", hint="`apikey list` names them", name=name)


async def listed(pool: Pool) -> list[KeyLine]:
    """Every key, also revoked ones, by age."""
    records = await pool.fetch(
        "SELECT k.name, k.per_minute, k.per_day, k.created_at, k.revoked_at, "
        "coalesce(u.requests, 0) AS today FROM api_keys k "
        "LEFT JOIN api_key_usage u ON u.hash = k.hash AND u.day = $1 ORDER BY k.created_at",
        datetime.now(UTC).date(),
    )
    return [row_of(KeyLine, record) for record in records]


async def count(pool: Pool, served: Mapping[bytes, int]) -> dict[bytes, ApiKey]:
    """Add what an instance served since the last time; the valid keys by their hash."""
    today = datetime.now(UTC).date()
    async with pool.acquire(timeout=_TIMEOUT_S) as connection, connection.transaction():
        if served:
            await connection.execute(
                "INSERT INTO api_key_usage (hash, day, requests) "
                "SELECT u.hash, $3, u.requests FROM unnest($1::bytea[], $2::bigint[]) "
                "AS u (hash, requests) JOIN api_keys k ON k.hash = u.hash ORDER BY u.hash "
                "ON CONFLICT (hash, day) DO UPDATE "
                "SET requests = api_key_usage.requests + EXCLUDED.requests",
                list(served.keys()), list(served.values()), today, timeout=_TIMEOUT_S,
            )  # fmt: skip
        records = await connection.fetch(
            "SELECT k.hash, k.name, k.per_minute, k.per_day, coalesce(u.requests, 0) AS today "
            "FROM api_keys k LEFT JOIN api_key_usage u ON u.hash = k.hash AND u.day = $1 "
            "WHERE k.revoked_at IS NULL",
            today,
            timeout=_TIMEOUT_S,
        )
    return {record["hash"]: row_of(ApiKey, record) for record in records}
