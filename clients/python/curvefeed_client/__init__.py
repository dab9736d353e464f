"""Client of curvefeed's hub: rooms as async iterators, gap-free or you are told.

    async with Feed("ws://127.0.0.1:8001/api/v1/websocket/ws") as feed:
        async for event in feed.subscribe("global"):
            if event["type"] == "new_trade":
                print(event["data"]["mint"], event["data"]["side"], event["data"]["quote_amount"])

Log events arrive in order and once, also over a reconnection. Where that cannot be kept, and at the
beginning, there is a `snapshot`: the room's whole state, from which everything starts anew.
"""

from curvefeed_client.errors import FeedClosed, FeedError, RoomDenied
from curvefeed_client.events import Event
from curvefeed_client.feed import Feed
from curvefeed_client.room import RoomStatus
from curvefeed_client.subscription import Subscription

__all__ = [
    "Event",
    "Feed",
    "FeedClosed",
    "FeedError",
    "RoomDenied",
    "RoomStatus",
    "Subscription",
]
