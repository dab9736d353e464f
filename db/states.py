"""States that no log event brings, such as `finality`: of each the newest value, no history.

Who puts one does it inside the transaction that makes it true. Readers look for versions they do
not know: what changed twice between two looks is seen once, as a state event promises.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec

from db.feed import OUTAGE
from db.pool import Connection, Pool

_TIMEOUT_S = 10
_POLL_S = 0.25


class State(msgspec.Struct, frozen=True, gc=False):
    """One event's newest value. `data` is JSON text, `ts` unix milliseconds of the change."""

    event: str
    data: str
    version: int
    ts: int


async def put_state(target: Pool | Connection, event: str, data: str) -> None:
    """Make `data` (JSON) the newest value of `event`; the same value again changes nothing."""
    await target.execute(
        """INSERT INTO states (event, data, version) VALUES ($1, $2, nextval('state_versions'))
           ON CONFLICT (event) DO UPDATE
           SET data = excluded.data, version = excluded.version, changed_at = clock_timestamp()
           WHERE states.data <> excluded.data""",
        event,
        data,
        timeout=_TIMEOUT_S,
    )


async def states(target: Pool | Connection) -> list[State]:
    """The newest value of every event that has one."""
    rows = await target.fetch(
        """SELECT event, data, version, (extract(epoch FROM changed_at) * 1000)::bigint AS ts
           FROM states ORDER BY event""",
        timeout=_TIMEOUT_S,
    )
    return [State(**row) for row in rows]


class StateFollower:
    """Looks at the few rows of the table every `poll_s`: a state that is a quarter of a second old
    is worth neither a connection that listens nor a place in the feed's way.
    """

    def __init__(self, pool: Pool, *, poll_s: float = _POLL_S) -> None:
        self._pool = pool
        self._poll_s = poll_s
        self._known: dict[str, int] = {}

    async def changes(self) -> AsyncIterator[list[State]]:
        """Non-empty lists of what is new, all of it at first; through outages, for ever."""
        while True:
            try:
                found = await states(self._pool)
            except OUTAGE:
                found = []
            new = [state for state in found if self._known.get(state.event) != state.version]
            if new:
                self._known |= {state.event: state.version for state in new}
                yield new
            await asyncio.sleep(self._poll_s)
