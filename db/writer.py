"""The one writer of a database: a connection that holds the lease, and transactions on it.

Whoever writes holds the lease (db.lease) by the very connection it writes with, and every
transaction proves it. A second indexer on the same database waits as a hot standby: it takes over
at once when the holder's connection is gone, and within seconds when the holder hangs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from types import TracebackType
from typing import TypeAlias

import asyncpg
import structlog
from asyncpg.pool import PoolConnectionProxy

from common import metrics
from common.errors import DatabaseUnavailable
from db.lease import Lease, beat, is_held, release
from db.pool import Connection, Pool

_STANDBY_POLL_S = 0.25
_TIMEOUT_S = 10
TRANSIENT = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the server went away in the middle of an answer
    OSError,
    TimeoutError,
)

_PLANS = """
    SET enable_hashjoin = off;
    SET enable_mergejoin = off;
    SET enable_seqscan = off;
    SET plan_cache_mode = force_generic_plan
"""
"""A writer only looks up keys. On a young table without statistics the planner would rather read
all of it, and it would plan the same large statements anew each time."""

Holder: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"

_log = structlog.get_logger(__name__)


class Writer:
    """Use as an async context; several tasks may share it, and take turns. `lease` counts the
    leases it took: cached state is good for one.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._holder: Holder | None = None
        self._lease = Lease()
        self._token = 0
        self._pulse: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self.lease = 0
        self.partitions: set[int] = set()
        """Partitions of trades that are known to exist (db.partitions)."""

    async def __aenter__(self) -> Writer:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop_pulse()
        if self._holder is not None:
            holder, self._holder = self._holder, None
            metrics.INDEXER_IS_ACTIVE.set(0)
            with suppress(*TRANSIENT):
                await release(holder, self._token)
                await self._pool.release(holder, timeout=5)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A transaction under the lease; waits for the lease while another writer has it.

        Raises DatabaseUnavailable for whatever may pass: the transaction may or may not have been
        committed then, and the next one may run under another lease.
        """
        async with self._session() as connection, connection.transaction():
            if not await is_held(connection, self._token):
                _log.warning("lease_lost", reason="another indexer took it over")
                raise DatabaseUnavailable("another writer has the lease")
            yield connection

    async def is_holding(self) -> bool:
        """Take the lease if it is free; False if another writer has it. May DatabaseUnavailable."""
        async with self._turn:
            with transient_errors():
                return await self._try() is not None

    async def wait(self) -> None:
        """Wait until the lease is ours. Raises DatabaseUnavailable."""
        async with self._session():
            pass

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[Connection]:
        async with self._turn:
            try:
                with transient_errors():
                    yield await self._held()
            except (DatabaseUnavailable, asyncio.CancelledError):
                self._abandon()
                raise

    async def _held(self) -> Holder:
        is_waiting = False
        while (holder := await self._try()) is None:
            if not is_waiting:
                _log.info("standing_by", reason="another indexer writes to this database")
                is_waiting = True
            await asyncio.sleep(_STANDBY_POLL_S)
        if is_waiting:
            _log.info("took_over")
        return holder

    async def _try(self) -> Holder | None:
        if self._holder is not None and _is_usable(self._holder):
            return self._holder
        self._abandon()
        connection = await self._pool.acquire(timeout=_TIMEOUT_S)
        try:
            token = await self._lease.take(connection)
            if token is not None:
                await connection.execute(_PLANS, timeout=_TIMEOUT_S)
        except BaseException:
            connection.terminate()
            raise
        if token is None:
            metrics.INDEXER_IS_ACTIVE.set(0)
            await self._pool.release(connection)
            return None
        self._holder, self._token = connection, token
        metrics.INDEXER_IS_ACTIVE.set(1)
        self._pulse = asyncio.create_task(beat(self._pool, token, TRANSIENT))
        self.lease += 1
        return connection

    def _stop_pulse(self) -> None:
        if self._pulse is not None:
            self._pulse.cancel()
            self._pulse = None

    def _abandon(self) -> None:
        """Cut the connection: what it was doing must not be finished behind our back."""
        self._stop_pulse()
        if self._holder is not None:
            holder, self._holder = self._holder, None
            with suppress(asyncpg.InterfaceError):  # the pool may have noticed before us
                holder.terminate()


def _is_usable(holder: Holder) -> bool:
    try:
        return not holder.is_closed()
    except asyncpg.InterfaceError:  # lost, and given back to the pool by that
        return False


@contextmanager
def transient_errors() -> Iterator[None]:
    """Errors of the driver after which trying again helps become DatabaseUnavailable."""
    try:
        yield
    except TRANSIENT as error:
        if isinstance(error, ValueError):  # the driver's own kind for what can't be encoded
            raise
        raise DatabaseUnavailable(
            "Postgres does not answer", reason=f'"{error or type(error).__name__}"'
        ) from error
