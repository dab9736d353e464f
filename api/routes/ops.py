"""What operators and their machines ask."""

from __future__ import annotations

import asyncio

import asyncpg
from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field

from api.dependencies import Services, ServicesOf
from common.errors import FeedGap
from common.metrics import DATABASE_POOL, PROCESS_TASKS, READ_REPLICA_LAG
from db.feed import OUTAGE, head
from db.migrate import is_current

router = APIRouter(tags=["operations"])

_TIMEOUT_S = 2.0


class Health(BaseModel):
    """The process answers."""

    status: str = "ok"


class Readiness(BaseModel):
    """Can this instance serve? Each part, and why not."""

    is_ready: bool
    database: str = Field(examples=["ok"])
    migrations: str = Field(examples=["ok"])
    feed: str = Field(examples=["ok"])
    read_replica: str = Field(
        description="Where REST reads history. The hub does without it, so readiness does too.",
        examples=["ok", "none", "no answer: ConnectionRefusedError", "12 events behind"],
    )


@router.get("/healthz", summary="Is the process alive?")
async def healthz() -> Health:
    """Always, while it answers at all."""
    return Health()


@router.get(
    "/readyz",
    summary="Can it serve?",
    responses={503: {"model": Readiness, "description": "Not now; the parts say why"}},
)
async def readyz(services: ServicesOf, response: Response) -> Readiness:
    """The database answers, its schema is the code's, and the hub follows the feed."""
    database, migrations = await _database(services)
    feed = "ok" if services.hub.is_ready else "the hub does not follow the feed"
    if services.hub.is_draining:
        feed = "the hub drains"
    replica = await _replica(services)
    is_ready = (database, migrations, feed) == ("ok", "ok", "ok")
    response.status_code = 200 if is_ready else 503
    return Readiness(
        is_ready=is_ready, database=database, migrations=migrations, feed=feed,
        read_replica=replica,
    )  # fmt: skip


async def _database(services: Services) -> tuple[str, str]:
    try:
        async with services.pool.acquire(timeout=_TIMEOUT_S) as connection:
            is_ok = await is_current(connection)
    except OUTAGE as error:
        return f"no answer: {type(error).__name__}", "unknown"
    return "ok", "ok" if is_ok else "the schema is not this version's: run `migrate`"


async def _replica(services: Services) -> str:
    if not services.has_replica:
        return "none"
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            there = await head(services.reads)
            here = await head(services.pool)
    except (*OUTAGE, asyncpg.PostgresError, FeedGap) as error:
        READ_REPLICA_LAG.set(float("nan"))
        return f"no answer: {type(error).__name__}"
    lag = here.seq - there.seq
    READ_REPLICA_LAG.set(max(0, lag))
    return "ok" if lag <= 0 else f"{lag} events behind"


@router.get("/metrics", summary="Prometheus", response_class=Response)
async def metrics(services: ServicesOf) -> Response:
    """All metrics, in Prometheus' text format."""
    idle = services.pool.get_idle_size()
    DATABASE_POOL.labels("idle").set(idle)
    DATABASE_POOL.labels("busy").set(services.pool.get_size() - idle)
    PROCESS_TASKS.set(len(asyncio.all_tasks()))
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
