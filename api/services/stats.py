"""What a hub tells about itself."""

from __future__ import annotations

from pydantic import BaseModel, Field

from api.services.hub import Hub


class RoomStats(BaseModel):
    """One room; only administrators see it."""

    room: str
    members: int
    seq: int


class HubStats(BaseModel):
    """This instance, now."""

    server: str = Field(examples=["hub-3fa9c1"])
    is_ready: bool
    connections: int
    rooms: int
    subscriptions: int
    queued_bytes: int = Field(description="Waiting for clients whose sockets are full.")
    epoch: str
    seq: int = Field(description="Position in the feed up to which all is fanned out.")
    lag_seconds: float = Field(description="Since the hub last stood at the head of the feed.")
    frames: dict[str, int] = Field(description="Event frames handed to sockets, by event.")
    room_details: list[RoomStats] | None = Field(
        None, description="With the administrator's token: the hundred largest rooms."
    )


_MOST_ROOMS = 100


def stats_of(hub: Hub, *, has_details: bool) -> HubStats:
    """Figures of one hub."""
    details = None
    if has_details:
        largest = sorted(hub.rooms.values(), key=lambda room: -room.size)[:_MOST_ROOMS]
        details = [
            RoomStats(room=room.name.name, members=room.size, seq=room.last) for room in largest
        ]
    return HubStats(
        server=hub.name,
        is_ready=hub.is_ready,
        connections=len(hub.sessions),
        rooms=len(hub.rooms),
        subscriptions=sum(room.size for room in hub.rooms.values()),
        queued_bytes=sum(outbound.queued_bytes for outbound in hub.sessions),
        epoch=hub.epoch,
        seq=hub.ring.position.seq,
        lag_seconds=round(hub.lag_s, 3),
        frames=dict(hub.frames_sent),
        room_details=details,
    )
