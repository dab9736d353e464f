"""The plain way out: ASGI sends by one writer task, for servers whose sockets can't be adopted."""

from __future__ import annotations

import asyncio
import time

from starlette.websockets import WebSocket, WebSocketDisconnect

from api.services.outbound import Frame, Outbound
from api.services.session import Session


class AsgiWire:
    """Reads and writes one accepted WebSocket. It can't abort: that is left to the kernel's
    TCP_USER_TIMEOUT, which api/server.py sets on the listening socket."""

    def __init__(self, websocket: WebSocket, outbound: Outbound, close_s: float) -> None:
        self._websocket = websocket
        self._outbound = outbound
        self._close_s = close_s
        self._session: Session | None = None
        self._ready = asyncio.Event()
        self._closing: tuple[int, str, list[Frame]] | None = None
        self._sending_since: float | None = None
        self._writer: asyncio.Task[None] | None = None
        outbound.wire = self

    async def serve(self, session: Session) -> None:
        """Until either side ends it."""
        self._session = session
        self._writer = asyncio.create_task(self._write())
        reader = asyncio.create_task(self._read(session))
        try:
            await asyncio.wait((self._writer, reader), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._writer.cancel()
            reader.cancel()
            await asyncio.gather(self._writer, reader, return_exceptions=True)
            session.on_lost()

    # --- Wire

    def wake(self) -> None:
        """Frames are waiting."""
        self._ready.set()

    def is_free(self) -> bool:
        """Would it take a frame at once?"""
        return self._sending_since is None and not self._outbound.queued_bytes

    def ping(self) -> None:
        """uvicorn pings by itself and ends dead connections, but keeps the pongs to itself."""
        if self._session is not None:
            self._session.on_alive()

    def is_stalled(self, now: float, limit_s: float) -> bool:
        """Has the send in hand taken longer than `limit_s`?"""
        return self._sending_since is not None and now - self._sending_since > limit_s

    def close(self, code: int, reason: str, last: list[Frame]) -> None:
        """Send `last` and close, unless the socket is stuck."""
        self._closing = code, reason, last
        self._ready.set()
        if self._writer is not None:
            asyncio.get_running_loop().call_later(self._close_s, self._writer.cancel)

    # --- the two tasks

    async def _read(self, session: Session) -> None:
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            if text is None:
                session.on_binary()
            else:
                session.on_text(text)

    async def _write(self) -> None:
        try:
            while self._closing is None:
                await self._ready.wait()
                self._ready.clear()
                while self._closing is None and (frames := self._outbound.take(1)):
                    await self._send(frames[0])
            code, reason, last = self._closing
            for each in last:
                await self._send(each)
            await self._websocket.close(code, reason)
            await asyncio.sleep(self._close_s)
        except (OSError, WebSocketDisconnect, RuntimeError):
            return  # the client has gone; the reader hears of it too

    async def _send(self, message: Frame) -> None:
        self._sending_since = time.monotonic()
        await self._websocket.send({"type": "websocket.send", "text": message.text})
        self._sending_since = None
