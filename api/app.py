"""The FastAPI application: routes, errors, the hub's life and the page."""

from __future__ import annotations

import asyncio
import contextlib
import html
from collections.abc import AsyncIterator
from pathlib import Path

import structlog
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import HTMLResponse

from api.config import allowed_origins, feed_of, hub_limits
from api.dependencies import Services
from api.direct import DirectRoutes
from api.page import PageFiles
from api.problems import add_problem_handlers
from api.routes import (
    asyncapi,
    auth,
    completeness,
    config,
    derived,
    market,
    ops,
    tokens,
    wallets,
    websocket,
)  # fmt: skip
from api.routes.metadata import router as metadata
from api.routes.prices import router as prices
from api.routes.trading import add_trading
from api.services.auth.authorizer import SignInRooms
from api.services.auth.service import SignIn
from api.services.hub import Hub
from api.services.limits import HubLimits
from api.services.protocol import RoomName
from api.services.quotas import Quotas
from api.services.snapshots import RoomSnapshot
from api.services.stats import Reporter
from api.services.websocket import websocket_manager
from api.shared import Shared
from api.snapshots import read_room
from api.timing import Timing
from common.settings import Settings
from db.pool import Pool, Pools

log = structlog.get_logger()

_DESCRIPTION = """
Bonding-curve launchpads of Solana: history over REST, everything new over one WebSocket.

* **WebSocket** `/api/v1/websocket/ws?room=global` (also `token_{mint}`, `user_{wallet}`): the
protocol is in
  docs/protocol.md, and for tools at [/asyncapi.json](/asyncapi.json). Resumable: every log event
  once, or you are told.
* **Every history answer carries `meta.feed_seq`**, the position in the feed of the moment it shows.
* Amounts are decimal strings of base units, prices decimal strings of quote per base in whole
tokens.
* Errors are problem+json with a `hint`.
"""

_FIRST_READ_S = 10.0


def create_app(
    settings: Settings,
    pool: Pool | Pools,
    page: Path | None,
    page_error: str | None,
    limits: HubLimits | None = None,
) -> FastAPI:
    """The application. `page` is the folder of the built page; without it `/` says why
    (`page_error`).
    """

    pools = pool if isinstance(pool, Pools) else Pools(pool, pool)
    pool = pools.main
    quotas = Quotas(pool, settings.api_keys, settings.api_anonymous_per_minute)

    async def read_snapshot(name: RoomName) -> RoomSnapshot:
        return await read_room(pools.main, name)

    sign_in = SignIn(settings, pool)
    has_open_wallets = settings.auth_open_wallets
    if has_open_wallets is None:
        has_open_wallets = settings.is_localnet
    authorizer = SignInRooms(sign_in, has_open_wallets=has_open_wallets)
    feed = feed_of(settings, pool)
    hub = Hub(pool, limits or hub_limits(settings), authorizer, read_snapshot, feed)
    hub.is_localnet = settings.is_localnet
    reporter = Reporter(hub, pool)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with (
            websocket_manager(pools.main, hub), running(hub),
            sign_in.running(hub.end_revoked), quotas.running(), reporter.running(),
        ):  # fmt: skip
            yield

    app = FastAPI(
        title="curvefeed", description=_DESCRIPTION, version="0.1.0", lifespan=lifespan,
        redoc_url=None, license_info={"name": "MIT", "identifier": "MIT"},
    )  # fmt: skip
    origins = allowed_origins(settings)
    app.state.services = Services(
        settings, pool, hub, origins, pools.reads, pools.is_replica, quotas,
        Shared(lambda: hub.ring.position.seq if hub.is_ready else None),
    )  # fmt: skip
    app.state.sign_in = sign_in
    app.state.reporter = reporter
    if origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=sorted(origins), allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "X-API-Key"],
            expose_headers=["ETag", "Retry-After", "X-Feed-Seq"], max_age=600,
            allow_credentials=True,  # for the one cookie there is, of /api/v1/auth
        )  # fmt: skip
    app.add_middleware(Timing)
    add_problem_handlers(app)
    _add_routes(app, settings)
    history = (tokens.router, derived.router, wallets.router, market.router)
    app.router.routes.insert(0, DirectRoutes(app.state.services, history))
    _add_page(app, page, page_error)
    return app


def _add_routes(app: FastAPI, settings: Settings) -> None:
    for router in (
        websocket.router,  # first: a handshake is compared with few routes
        auth.router, auth.tickets, tokens.router, derived.router, wallets.router,
        market.router, completeness.router, config.router, ops.router, asyncapi.router, prices,
        metadata,
    ):  # fmt: skip
        app.include_router(router)
    add_trading(app, settings)


@contextlib.asynccontextmanager
async def running(hub: Hub) -> AsyncIterator[None]:
    """Keep the hub running; it is usually reading the feed before the first request comes."""
    task = asyncio.create_task(hub.run())
    task.add_done_callback(_report)
    try:
        async with asyncio.timeout(_FIRST_READ_S):
            await hub.loaded()
    except TimeoutError:
        log.warning("hub_waits_for_database")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _report(task: asyncio.Task[None]) -> None:
    """A hub that stops by itself is a bug: say so; readiness says it too."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.critical("hub_stopped", error=repr(error), exc_info=error)


def _add_page(app: FastAPI, page: Path | None, page_error: str | None) -> None:
    if page is not None:
        app.frontend("/", directory=page, check_dir=True)  # redirects, and what is not there
        app.add_middleware(PageFiles, folder=page)
        return
    reason = html.escape(page_error or "it was not built")
    body = (
        "<!doctype html><meta charset=utf-8><title>curvefeed</title>"
        "<body style='font:16px/1.5 system-ui;max-width:40rem;margin:4rem auto;padding:0 1rem'>"
        "<h1>curvefeed</h1><p>The API is up. The page could not be built on this machine:</p>"
        f"<pre style='white-space:pre-wrap'>{reason}</pre>"
        "<p><a href=/docs>What the API offers</a> · "
        "<code>/api/v1/websocket/ws?room=global</code> for the live feed</p>"
    )

    @app.get("/", include_in_schema=False)
    @app.get("/trade", include_in_schema=False)
    async def why_no_page() -> HTMLResponse:
        return HTMLResponse(body)
