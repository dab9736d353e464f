"""The API as a server inside the running loop: uvicorn, without its signal handlers."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import gc
import logging
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import structlog
import uvicorn

from api.app import create_app
from api.routes.websocket import PATH
from api.services.hub import Hub
from api.services.limits import HubLimits
from api.wire.adopted import AdoptableProtocol
from api.wire.deflate import SharedDeflateFactory
from api.wire.handshake import Entrance
from api.wire.http import BoundedHttp
from api.wire.patience import Patience
from common.errors import PortInUse
from common.ports import describe_port_holder
from common.settings import Settings
from db.pool import Pool, Pools

log = structlog.get_logger()

_BACKLOG = 4_096
_GRACE_S = 5
_TICKS_PER_SWEEP = 5
_YOUNG_OBJECTS = 10_000
"""Allocated between two looks for cycles; there are few."""
_UNACKNOWLEDGED_MS = 12_000
"""A peer that takes nothing for so long is cut by the kernel, whatever the server is waiting
for.
"""


class ApiServer:
    """One listening API. `port` is the real one, also where the settings say 0."""

    def __init__(
        self,
        settings: Settings,
        pool: Pool | Pools,
        page: Path | None = None,
        page_error: str | None = None,
        limits: HubLimits | None = None,
    ) -> None:
        self.app = create_app(settings, pool, page, page_error, limits)
        self._socket = listening_socket(settings.websocket_host, settings.websocket_port)
        self.port: int = self._socket.getsockname()[1]
        self.hub: Hub = self.app.state.services.hub
        limits = self.hub.limits
        config = uvicorn.Config(
            self.app,
            http=_http(settings),
            ws=_protocol(settings),
            # A little more than the hub takes, so that it is the hub that answers.
            ws_max_size=limits.message_bytes * 4,
            ws_ping_interval=limits.ping_interval_s,
            ws_ping_timeout=limits.pong_timeout_s,
            ws_per_message_deflate=False,
            backlog=_BACKLOG,
            timeout_graceful_shutdown=_GRACE_S,
            log_config=None,
            access_log=False,
            server_header=False,
            # Explicitly: by itself uvicorn believes whoever connects from this machine.
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=settings.trusted_proxies,
            lifespan="on",
        )
        # A line for every connection is not a change of state.
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
        self._server = _Server(config, limits.request_s)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns once it answers."""
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        up = asyncio.create_task(self._server.is_up.wait())
        await asyncio.wait((self._task, up), return_when=asyncio.FIRST_COMPLETED)
        up.cancel()
        if self._task.done():
            await self._task

    async def wait(self) -> None:
        """Until it stops or is stopped."""
        if self._task is not None:
            await asyncio.shield(self._task)

    async def stop(self) -> None:
        """Send clients away in good order, then stop."""
        await self.hub.drain()
        self._server.should_exit = True
        if self._task is not None:
            await self._task


def _protocol(settings: Settings) -> type[asyncio.Protocol]:
    """What uvicorn makes of a connection that becomes a WebSocket."""
    if not settings.websocket_deflate:
        return AdoptableProtocol
    # uvicorn only calls it; its types want a class.
    made = functools.partial(AdoptableProtocol, deflate=SharedDeflateFactory())
    return cast("type[asyncio.Protocol]", made)


def _http(settings: Settings) -> type[asyncio.Protocol]:
    """What uvicorn makes of every connection."""
    if not settings.websocket_direct_writes:
        return BoundedHttp
    entrance = Entrance(BoundedHttp, {PATH.encode()}, has_deflate=settings.websocket_deflate)
    return cast("type[asyncio.Protocol]", entrance)  # as above


class _Server(uvicorn.Server):
    """uvicorn that leaves signals alone, says when it is up, and doesn't wait for ever."""

    def __init__(self, config: uvicorn.Config, request_s: float) -> None:
        super().__init__(config)
        self.is_up = asyncio.Event()
        self._patience = Patience(self.server_state.connections, request_s)

    async def on_tick(self, counter: int) -> bool:
        """As in uvicorn, ten times a second."""
        if counter % _TICKS_PER_SWEEP == 0:
            self._patience.sweep(asyncio.get_running_loop().time())
        return await super().on_tick(counter)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are main.py's."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As in uvicorn."""
        await super().startup(sockets)
        self.is_up.set()


async def serve(
    settings: Settings,
    pool: Pool | Pools,
    page: Path | None,
    page_error: str | None,
    on_started: Callable[[], object] | None = None,
) -> None:
    """Serve until cancelled; then drain within the settings' time and stop.

    Raises PortInUse if the port is taken. `on_started` is called once it listens.
    """
    server = ApiServer(settings, pool, page, page_error)
    await server.start()
    calm_collector()
    log.info("api_started", port=server.port)
    if on_started is not None:
        on_started()
    try:
        await server.wait()
    finally:
        await server.stop()
        log.info("api_stopped")


def calm_collector() -> None:
    """What there is once the API is up stays to the end: no collection looks at it again. One of
    everything took 70 ms and more, in which no client got anything."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, 10, 10)


def listening_socket(host: str, port: int) -> socket.socket:
    """Bound, not yet listening. Raises PortInUse naming who holds the port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named, or asyncio does not take it for TCP and leaves Nagle on: 40 ms for many an answer.
    found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKNOWLEDGED_MS)
    try:
        found.bind((host, port))
    except OSError as error:
        found.close()
        if error.errno != errno.EADDRINUSE:
            raise
        raise PortInUse(
            f"port {port} is taken by {describe_port_holder(port)}",
            hint="Stop it, or choose another port with --port",
        ) from None
    found.setblocking(False)
    return found
