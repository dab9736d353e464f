"""Peer: python-socketio on uvicorn, everybody in one room. `socketio_app.py PORT`."""

from __future__ import annotations

import sys
from typing import Any

import socketio
import uvicorn

_ROOM = "room"


def app() -> socketio.ASGIApp:
    """What a client that connects with ?pub=1 emits as `pub` goes to all others as `event`."""
    server = socketio.AsyncServer(async_mode="asgi")

    async def on_connect(client: str, environ: dict[str, Any]) -> None:
        if "pub=1" not in environ["QUERY_STRING"]:
            await server.enter_room(client, _ROOM)

    async def on_publish(_: str, message: str) -> None:
        await server.emit("event", message, room=_ROOM)

    server.on("connect", on_connect)
    server.on("pub", on_publish)
    return socketio.ASGIApp(server)


if __name__ == "__main__":
    uvicorn.run(app(), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", backlog=4096)
