"""The WebSocket endpoint and what stands beside it."""

from __future__ import annotations

from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Header, Path, Request, Response, WebSocket
from pydantic import BaseModel, Field
from starlette.responses import PlainTextResponse

from api.dependencies import Credentials, Services, ServicesOf, is_admin, require_admin
from api.problems import ProblemError, responses
from api.schemas import RoomAnswer, RoomData
from api.services.access import Arrival
from api.services.auth.rates import address_key
from api.services.auth.tokens import TICKET_PREFIX
from api.services.origins import is_origin_allowed
from api.services.protocol import (
    SUBPROTOCOL,
    Refusal,
    RoomName,
    parse_candles,
    parse_room,
    parse_since,
)
from api.services.publishing import publication
from api.services.session import Session
from api.services.stats import AllStats, Reporter
from api.services.subscription import Subscription
from api.snapshots import read_room
from api.wire.adopted import ADOPT, AdoptedConnection
from api.wire.asgi import AsgiWire
from common.metrics import HUB_REFUSED
from db import hubs

log = structlog.get_logger()

router = APIRouter(prefix="/api/v1/websocket", tags=["websocket"])

PATH = "/api/v1/websocket/ws"


@router.websocket("/ws")
async def websocket(socket: WebSocket) -> None:
    """hub.v1: see docs/protocol.md. Query: room=, since=, snapshot=, token=."""
    services: Services = socket.app.state.services  # solving it as a dependency takes 0.1 ms
    hub = services.hub
    if not is_origin_allowed(socket.headers.raw, socket.scope["scheme"], services.origins):
        HUB_REFUSED.labels("origin").inc()
        await socket.send_denial_response(
            PlainTextResponse("this origin may not connect: see WEBSOCKET_ALLOWED_ORIGINS", 403)
        )
        return
    if not hub.is_open:
        HUB_REFUSED.labels("full").inc()
        await socket.send_denial_response(
            PlainTextResponse("no connection can be taken now: try another instance or later", 503)
        )
        return
    address = address_key(socket.client.host if socket.client is not None else None)
    came = hub.door.arrive(address, hub.now())
    if came == "flood":
        HUB_REFUSED.labels("flood").inc()
        await socket.send_denial_response(
            PlainTextResponse("too many connections came from this address: wait a minute", 429)
        )
        return
    offered = socket.scope["subprotocols"]
    arrival = Arrival(address, is_welcome=False)
    if came == "welcome":
        arrival = await _arrival(socket, services, address)
    await socket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
    await _serve(socket, services, arrival)


async def _arrival(socket: WebSocket, services: Services, address: str) -> Arrival:
    """Looks at the token before the socket is accepted: whoever comes with one is who he is from
    the first frame on."""
    token = socket.query_params.get("token")
    origin = socket.headers.get("origin")
    if not token:
        return Arrival(address, origin)
    if not services.settings.websocket_token_in_url and not token.startswith(TICKET_PREFIX):
        refusal = Refusal("token_invalid", "only tickets go into the URL")
        return Arrival(address, origin, refusal=refusal)
    try:
        identity = await services.hub.authorizer.identify(token, origin)
        return Arrival(address, origin, identity)
    except Refusal as refusal:
        return Arrival(address, origin, refusal=refusal)


async def _serve(socket: WebSocket, services: Services, arrival: Arrival) -> None:
    """Hand the socket to the hub, or read and write it here where that isn't possible."""
    hub = services.hub
    outbound = hub.outbound()
    adopt = (
        socket.scope["extensions"].get(ADOPT) if services.settings.websocket_direct_writes else None
    )
    if adopt is None:
        wire = AsgiWire(socket, outbound, hub.limits.close_s)
        session = hub.open(outbound, arrival)
        _enter(session, socket, arrival)
        await wire.serve(session)
        return
    connection = AdoptedConnection(
        outbound, max_bytes=hub.limits.message_bytes, close_s=hub.limits.close_s
    )
    if adopt(connection):
        session = hub.open(outbound, arrival)
        connection.attach(session)
        _enter(session, socket, arrival)


def _enter(session: Session, socket: WebSocket, arrival: Arrival) -> None:
    """Obey the URL's query."""
    if session.is_over:
        return
    if arrival.refusal is not None:
        session.refuse(arrival.refusal)
        session.end(1013 if arrival.refusal.code == "unavailable" else 4401)
        return
    if session.credential.is_revoked:  # while the socket was being accepted
        session.end(4442)
        return
    offered = socket.scope["subprotocols"]
    if offered and SUBPROTOCOL not in offered:
        session.refuse(
            Refusal("unsupported_protocol", f"this server speaks {SUBPROTOCOL}, not {offered[:3]}")
        )
        session.end(4410)
        return
    query = socket.query_params
    for name in query.getlist("room"):
        try:
            subscription = _subscription(name, query.get("since"), query.get("snapshot"))
            if subscription.name.kind == "token":
                subscription.candles = parse_candles(query.getlist("candles"), subscription.name)
            session.subscribe(subscription)
        except Refusal as refusal:
            session.refuse(refusal)


def _subscription(name: str, since: str | None, snapshot: str | None) -> Subscription:
    subscription = Subscription(
        parse_room(name), since=parse_since(since) if since is not None else None
    )
    subscription.wants_snapshot = snapshot in ("1", "true")
    return subscription


async def room_of(room: Annotated[str, Path(examples=["global"], max_length=64)]) -> RoomName:
    """The room in the path."""
    try:
        return parse_room(room)
    except Refusal as refusal:
        raise ProblemError(400, refusal.message, hint="See docs/protocol.md") from None


RoomOf = Annotated[RoomName, Depends(room_of)]


@router.get("/stats", summary="Figures of all hubs")
async def stats(request: Request, has_details: Annotated[bool, Depends(is_admin)]) -> AllStats:
    """Connections, rooms, rates, position and lag over all instances, and of each; with the
    administrator's token also their largest rooms. Others than the one that answers are as they
    were a few seconds ago."""
    reporter: Reporter = request.app.state.reporter
    return await reporter.everywhere(has_details=has_details)


@router.get(
    "/rooms/{room}/snapshot",
    summary="A room's state and position",
    responses=responses(400, 401, 403, 422, 503),
    response_model_exclude_unset=True,
)
async def snapshot(services: ServicesOf, room: RoomOf, credentials: Credentials) -> RoomAnswer:
    """The same state a subscriber's `snapshot` has: render it, then subscribe with its epoch and
    seq as `since`, and nothing is missed."""
    await _admit(services, room, credentials)
    found = await read_room(services.pool, room)
    data = RoomData.model_validate_json(found.data)
    return RoomAnswer(room=room.name, epoch=found.top.epoch, seq=found.seq, data=data)


class Members(BaseModel):
    """How many are in a room, on this instance."""

    room: str
    members: int


@router.get(
    "/rooms/{room}/members",
    summary="How many are in a room",
    responses=responses(400, 401, 403, 422),
)
async def members(services: ServicesOf, room: RoomOf, credentials: Credentials) -> Members:
    """Connections of this instance that are in the room now."""
    await _admit(services, room, credentials)
    found = services.hub.rooms.get(room.key)
    return Members(room=room.name, members=found.size if found is not None else 0)


async def _admit(services: Services, room: RoomName, credentials: Credentials) -> None:
    """Who may not enter the room may not look into it. A wallet's room takes its access token."""
    authorizer = services.hub.authorizer
    identity = None
    try:
        if credentials is not None and room.kind == "user":
            identity = await authorizer.identify(credentials.credentials)
        authorizer.admit(room, identity)
    except Refusal as refusal:
        status = {"forbidden": 403, "unavailable": 503}.get(refusal.code, 401)
        raise ProblemError(status, refusal.message) from None


class Broadcast(BaseModel):
    """An event to publish."""

    event: str = Field(examples=["market_stats"], max_length=64)
    data: dict[str, Any] = Field(examples=[{"volume_24h_quote": "12000000000"}])


class Published(BaseModel):
    """Where it stands in the feed."""

    seq: int


@router.post(
    "/broadcast",
    summary="Publish an event to every instance",
    status_code=201,
    responses=responses(401, 403, 422, 429, 503),
    dependencies=[Depends(require_admin)],
)
async def broadcast(
    body: Broadcast, request: Request, response: Response, services: ServicesOf,
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key", min_length=1, max_length=128,
            description="The same request under the same key is answered the same, and published "
            "once. A key is never forgotten.",
        ),
    ] = None,
) -> Published:  # fmt: skip
    """Checked against the event's model, then through the feed: it gets a `seq`, and its rooms
    follow from `mint` and `wallet` in `data`. At most 8 KiB, and few a minute; each is kept with
    time and address."""
    actor = request.client.host if request.client is not None else "?"
    asked = hubs.Broadcast(publication(body.event, body.data), actor, key)
    per_minute = services.settings.websocket_broadcasts_per_minute
    match await hubs.broadcast(services.pool, asked, per_minute):
        case "key_reused":
            raise ProblemError(
                422, "this Idempotency-Key was used for another event", hint="Take a new key"
            )
        case "too_many":
            raise ProblemError(
                429,
                f"at most {per_minute} broadcasts a minute",
                hint="Wait, or set WEBSOCKET_BROADCASTS_PER_MINUTE",
                headers={"Retry-After": "60"},
            )
        case hubs.Repeated(seq):
            response.headers["Idempotency-Replayed"] = "true"
            return Published(seq=seq)
        case seq:
            log.info("broadcast", actor=actor, event_name=body.event, seq=seq)
            return Published(seq=seq)
