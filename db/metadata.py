"""What tokens say of themselves off-chain, and the work of fetching it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from db.pool import Connection, Pool

_ENOUGH_DUE = 500
_DISCOVERED_AT_ONCE = 1_000
_CLAIM_S = 300
"""Whoever claims a token and dies leaves it to others after so long."""


class Task(msgspec.Struct, frozen=True):
    """A token to fetch for; `attempts` counts this one."""

    mint: bytes
    uri: str
    attempts: int


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a fetch. `retry_s`: try again then; `error`: what was wrong."""

    description: str | None = None
    image_uri: str | None = None
    website: str | None = None
    twitter: str | None = None
    telegram: str | None = None
    thumbnail: bytes | None = None
    error: str | None = None
    has_document: bool = False
    retry_s: float | None = None


class Metadata(msgspec.Struct, frozen=True):
    """What is known of a token's own words. `state`: due, done or given_up."""

    mint: bytes
    uri: str
    state: str
    error: str | None
    description: str | None
    website: str | None
    twitter: str | None
    telegram: str | None
    has_image: bool
    fetched_at: int | None
    """Unix seconds."""


async def discover(target: Pool | Connection, newest: int | None = None) -> int:
    """Put down tokens that have a URI and were not put down yet, the newest first; how many.

    Looks at the `newest` alone where that is given: cheap enough for each second. Adds nothing
    while enough is waiting.
    """
    done: str = await target.execute(
        """INSERT INTO token_metadata (mint, uri)
           SELECT t.mint, t.uri
           FROM (SELECT mint, uri, first_seq FROM tokens ORDER BY first_seq DESC LIMIT $1) t
           WHERE t.uri <> '' AND length(t.uri) <= 4096
             AND NOT EXISTS (SELECT FROM token_metadata m WHERE m.mint = t.mint)
             AND (SELECT count(*) FROM (SELECT FROM token_metadata
                                        WHERE state = 'due' AND due_at <= now()
                                        LIMIT $2) waiting) < $2
           ORDER BY t.first_seq DESC LIMIT $3
           ON CONFLICT DO NOTHING""",
        newest, _ENOUGH_DUE, _DISCOVERED_AT_ONCE,
    )  # fmt: skip
    return int(done.rpartition(" ")[2])


async def claim(target: Pool | Connection, most: int) -> list[Task]:
    """Take up to `most` tokens that are due; nobody else gets them for five minutes."""
    rows = await target.fetch(
        """UPDATE token_metadata m
           SET due_at = now() + make_interval(secs => $2), attempts = attempts + 1
           WHERE mint IN (SELECT mint FROM token_metadata
                          WHERE state = 'due' AND due_at <= now()
                          ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED)
           RETURNING mint, uri, attempts""",
        most, _CLAIM_S,
    )  # fmt: skip
    return [Task(row["mint"], row["uri"], row["attempts"]) for row in rows]


async def settle(target: Pool | Connection, mint: bytes, found: Found) -> None:
    """Write down what came of it. What this attempt has nothing of stays as it was."""
    state = "due" if found.retry_s is not None else "done" if found.has_document else "given_up"
    digest = None if found.thumbnail is None else hashlib.sha256(found.thumbnail).digest()
    await target.execute(
        """UPDATE token_metadata SET
               state = $2, error = $3, due_at = now() + make_interval(secs => $4),
               description = coalesce($5, description), image_uri = coalesce($6, image_uri),
               website = coalesce($7, website), twitter = coalesce($8, twitter),
               telegram = coalesce($9, telegram), thumbnail = coalesce($10, thumbnail),
               thumbnail_hash = coalesce($11, thumbnail_hash),
               fetched_at = CASE WHEN $12 THEN now() ELSE fetched_at END
           WHERE mint = $1""",
        mint, state, found.error, found.retry_s or 0, found.description, found.image_uri,
        found.website, found.twitter, found.telegram, found.thumbnail, digest, found.has_document,
    )  # fmt: skip


async def metadata_of(target: Pool | Connection, mints: Sequence[bytes]) -> dict[bytes, Metadata]:
    """Of those tokens that somebody has put down."""
    rows = await target.fetch(
        """SELECT mint, uri, state, error, description, website, twitter, telegram,
                  thumbnail_hash IS NOT NULL AS has_image,
                  extract(epoch FROM fetched_at)::bigint AS fetched_at
           FROM token_metadata WHERE mint = ANY($1)""",
        list(mints),
    )
    return {row["mint"]: Metadata(**dict(row)) for row in rows}


async def thumbnail_hash(target: Pool | Connection, mint: bytes) -> bytes | None:
    """SHA-256 of the token's thumbnail; None: there is none."""
    found: bytes | None = await target.fetchval(
        "SELECT thumbnail_hash FROM token_metadata WHERE mint = $1", mint
    )
    return found


async def thumbnail(target: Pool | Connection, mint: bytes) -> tuple[bytes, bytes] | None:
    """The token's thumbnail (WebP) and its SHA-256."""
    row = await target.fetchrow(
        """SELECT thumbnail, thumbnail_hash FROM token_metadata
           WHERE mint = $1 AND thumbnail IS NOT NULL""",
        mint,
    )
    return None if row is None else (row["thumbnail"], row["thumbnail_hash"])
