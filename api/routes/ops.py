"""What operators and their machines ask."""

from __future__ import annotations

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field

from api.dependencies import Services, ServicesOf
from db.feed import OUTAGE
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
    is_ready = (database, migrations, feed) == ("ok", "ok", "ok")
    response.status_code = 200 if is_ready else 503
    return Readiness(is_ready=is_ready, database=database, migrations=migrations, feed=feed)


async def _database(services: Services) -> tuple[str, str]:
    try:
        async with services.pool.acquire(timeout=_TIMEOUT_S) as connection:
            is_ok = await is_current(connection)
    except OUTAGE as error:
        return f"no answer: {type(error).__name__}", "unknown"
    return "ok", "ok" if is_ok else "the schema is not this version's: run `migrate`"


@router.get("/metrics", summary="Prometheus", response_class=Response)
async def metrics() -> Response:
    """All metrics, in Prometheus' text format."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
