"""Peer: fan-out as FastAPI's documentation teaches it, on uvicorn as it comes. `docs_app.py PORT`.

A list of sockets, and a loop that awaits `send_text` for one after another.
"""

from __future__ import annotations

import sys

import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect


class ConnectionManager:
    """Everybody who is connected."""

    def __init__(self) -> None:
        self.active: list[WebSocket] = []

    async def connect(self, websocket: WebSocket) -> None:
        """Accept one more."""
        await websocket.accept()
        self.active.append(websocket)

    def disconnect(self, websocket: WebSocket) -> None:
        """One less."""
        self.active.remove(websocket)

    async def broadcast(self, message: str) -> None:
        """To all."""
        for websocket in self.active:
            await websocket.send_text(message)


def app() -> FastAPI:
    """Members at /ws; what arrives at /pub goes to all of them."""
    made = FastAPI()
    manager = ConnectionManager()

    @made.websocket("/ws")
    async def member(websocket: WebSocket) -> None:
        await manager.connect(websocket)
        try:
            while True:
                await websocket.receive_text()
        except WebSocketDisconnect:
            manager.disconnect(websocket)

    @made.websocket("/pub")
    async def publisher(websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            while True:
                await manager.broadcast(await websocket.receive_text())
        except WebSocketDisconnect:
            return

    return made


if __name__ == "__main__":
    uvicorn.run(app(), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", backlog=4096)
