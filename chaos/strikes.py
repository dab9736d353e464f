"""What befalls hubs, Postgres and NATS while clients listen: each by name, alone or mixed."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from os import kill
from types import MappingProxyType

from chaos.hubs import Hubs
from chaos.system import kill_for

Strike = Callable[[Hubs, float], Awaitable[None]]
"""A fault on these hubs; outages are multiplied by the number."""

DROPS = "drops"
_CUT_LISTENERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE query ~ 'LISTEN' AND pid <> pg_backend_pid() AND datname = current_database()"
)


async def drops(hubs: Hubs, scale: float) -> None:  # noqa: ARG001 - as all strikes
    """Nothing but what befalls the clients' own connections."""
    await asyncio.sleep(30 * scale)


async def kill_hub(hubs: Hubs, scale: float) -> None:
    """kill -9 of one, and its return."""
    await kill_for(hubs.hubs[0], 3 * scale)


async def cut_listeners(hubs: Hubs, scale: float) -> None:  # noqa: ARG001
    """Every connection that LISTENs is ended by Postgres."""
    await hubs.execute(_CUT_LISTENERS)


async def kill_postgres(hubs: Hubs, scale: float) -> None:
    """kill -9 of the server with all its processes, and its return."""
    await hubs.database.kill(3 * scale)


async def stop_hub(hubs: Hubs, scale: float) -> None:
    """SIGSTOP, and SIGCONT after 30 s."""
    await stopped_for(hubs.hubs[1].pid, 30 * scale)


async def change_epoch(hubs: Hubs, scale: float) -> None:  # noqa: ARG001
    """As when history was rebuilt."""
    await hubs.execute("UPDATE feed_head SET epoch = md5(epoch)")


async def kill_nats(hubs: Hubs, scale: float) -> None:
    """kill -9 of nats-server, and its return, empty."""
    if hubs.nats is not None:
        await asyncio.to_thread(hubs.nats.kill)
        await asyncio.sleep(5 * scale)
        await asyncio.to_thread(hubs.nats.start)


async def kill_relays(hubs: Hubs, scale: float) -> None:
    """kill -9 of both relays, one after the other, and their return."""
    for relay in hubs.relays:
        await relay.kill()
        await asyncio.sleep(5 * scale)
    for relay in hubs.relays:
        await relay.start()


async def stopped_for(pid: int, seconds: float) -> None:
    """SIGSTOP, and later SIGCONT."""
    kill(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        kill(pid, signal.SIGCONT)


STRIKES = MappingProxyType({
    DROPS: drops, "kill_hub": kill_hub, "cut_listeners": cut_listeners,
    "kill_postgres": kill_postgres, "stop_hub": stop_hub, "change_epoch": change_epoch,
    "kill_nats": kill_nats, "kill_relays": kill_relays,
})  # fmt: skip
OF_NATS = frozenset({"kill_nats", "kill_relays"})
