"""The connection pool, and what is said when the database cannot be reached."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from decimal import Decimal
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import asyncpg
import msgspec

from common.errors import DatabaseUnavailable, SettingsError

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Connection: TypeAlias = (
    "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
)

MIN_VERSION = 15
_CONNECT_TIMEOUT_S = 10


def number_of(text: str) -> int | Decimal:
    """A numeric as Postgres prints it: whole ones as int (any size), the rest as Decimal."""
    return Decimal(text) if "." in text or text == "NaN" else int(text)


async def _prepare(connection: Connection) -> None:
    # numeric as text: asyncpg's default makes every u64 a Decimal. jsonb is text both ways already.
    await connection.set_type_codec(
        "numeric", schema="pg_catalog", encoder=str, decoder=number_of, format="text"
    )


async def open_pool(url: str, size: int) -> Pool:
    """A pool of 1 … `size` connections. numeric ↔ int (whole) or Decimal; jsonb ↔ text.

    Raises SettingsError where the URL, its user, password or database is wrong or the server older
    than 15, DatabaseUnavailable where nothing answers.
    """
    with _explained(url):
        pool: Pool = await asyncpg.create_pool(
            url, min_size=1, max_size=size, init=_prepare, timeout=_CONNECT_TIMEOUT_S,
            server_settings={"application_name": "curvefeed"},
        )  # fmt: skip
    async with pool.acquire() as connection:
        version = connection.get_server_version()
    if version.major < MIN_VERSION:
        await pool.close()
        raise SettingsError(
            "this Postgres is too old",
            hint=f"Use version {MIN_VERSION} or newer, or leave DATABASE_URL empty",
            version=version.major,
            **_place(url),
        )
    return pool


@asynccontextmanager
async def pool_of(url: str, size: int) -> AsyncIterator[Pool]:
    """`open_pool` as a context; connections still busy five seconds after its end are cut."""
    pool = await open_pool(url, size)
    try:
        yield pool
    finally:
        try:
            await asyncio.wait_for(pool.close(), 5)
        except TimeoutError:
            pool.terminate()


class Pools(msgspec.Struct, frozen=True):
    """The database, and where REST reads: a replica, or the same one by connections of its own."""

    main: Pool
    reads: Pool
    is_replica: bool = False


@asynccontextmanager
async def reads_of(url: str, size: int, statement_timeout_ms: int) -> AsyncIterator[Pool]:
    """A pool for reading alone, in which every statement has so much time.

    It opens without asking: a replica that is away is told by whoever reads, and when it is back
    it is used again. Raises SettingsError where the URL is wrong.
    """
    settings = {
        "application_name": "curvefeed-reads",
        "default_transaction_read_only": "on",
        "statement_timeout": str(statement_timeout_ms),
        # Busy tokens have a thousand times the rows of the average one, by which plans are made: an
        # index in the list's order is right for both, and is what a low cost of pages gets.
        "random_page_cost": "1.1",
    }
    with _explained(url):
        pool: Pool = await asyncpg.create_pool(
            url, min_size=0, max_size=size, init=_prepare, timeout=_CONNECT_TIMEOUT_S,
            server_settings=settings, reset=_leave,
        )  # fmt: skip
    try:
        yield pool
    finally:
        pool.terminate()


async def _leave(_: Connection) -> None:
    """Who only reads leaves nothing in a session: no question to the server after each request."""


@contextmanager
def _explained(url: str) -> Iterator[None]:
    """Turn the driver's errors into ours: what is wrong, where, what to do; never the password."""
    try:
        yield
    except (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError) as error:
        raise _wrong(
            url, "Postgres refused the user or password", "Correct the user in it", error
        ) from None
    except asyncpg.InvalidCatalogNameError as error:
        name = _place(url)["database"]
        raise _wrong(
            url, "the database does not exist", f"Create it: createdb {name}", error
        ) from None
    except (asyncpg.InterfaceError, ValueError) as error:
        hint = "It looks like postgresql://user:password@host:5432/database"
        raise _wrong(url, "the URL of the database is wrong", hint, error) from None
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise DatabaseUnavailable(
            "Postgres does not answer",
            hint="Start it, correct DATABASE_URL, or leave it empty for the embedded one",
            reason=_reason(error),
            **_place(url),
        ) from None


def _wrong(url: str, message: str, hint: str, error: Exception) -> SettingsError:
    return SettingsError(
        message, hint=f"DATABASE_URL: {hint}", reason=_reason(error), **_place(url)
    )


def _reason(error: Exception) -> str:
    text = str(error) or type(error).__name__
    return f'"{text}"'


def _place(url: str) -> dict[str, Any]:
    """Where the URL points to, without its secrets."""
    try:
        parts = urlsplit(url)
        return {
            "host": parts.hostname or "(socket)",
            "port": parts.port or 5432,
            "user": parts.username or "",
            "database": parts.path.lstrip("/"),
        }
    except ValueError:
        return {"host": "(unreadable)", "database": ""}
