"""The fast way out: once FastAPI has done the handshake, the socket belongs to the hub.

uvicorn's WebSocket class runs the handshake, the route and its checks as usual. The route may then
hand the socket over (`adopt`) and return: nothing of the request stays in memory, the hub writes
whole frames to the transport, and a client that reads nothing can be cut. Where another server or
class is at work, the route doesn't find `ADOPT` in its scope and goes on with plain ASGI sends
(api/wire/asgi.py).
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Protocol, cast

from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.http11 import Request
from websockets.server import ServerProtocol

from api.services.outbound import Frame, Outbound, joined
from api.wire.deflate import SharedDeflate, SharedDeflateFactory
from api.wire.rfc6455 import (
    BINARY,
    CLOSE,
    PING,
    TEXT,
    FrameError,
    MessageReader,
    close_code_of,
    close_frame,
    frame,
)

ADOPT = "curvefeed.adopt"
"""Name of the scope's extension: a callable that takes an AdoptedConnection, and says if it did."""

_DRAIN_BYTES = 64 * 1024


class Listener(Protocol):
    """What a connection tells of its client: api.services.session.Session."""

    is_over: bool

    def on_alive(self) -> None: ...
    def on_text(self, text: str) -> None: ...
    def on_binary(self) -> None: ...
    def on_control(self) -> bool: ...
    def on_lost(self) -> None: ...
    def end(self, code: int) -> None: ...


class AdoptableProtocol(WebSocketsSansIOProtocol):
    """uvicorn's class, able to let go of its socket. With `deflate` messages are compressed for
    clients that offer it."""

    def __init__(
        self, config: Config, server_state: ServerState, app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None, deflate: SharedDeflateFactory | None = None,
    ) -> None:  # fmt: skip
        super().__init__(config, server_state, app_state, _loop)
        if deflate is not None:
            self.conn = ServerProtocol(
                extensions=[deflate],
                max_size=config.ws_max_size,
                logger=logging.getLogger("uvicorn.error"),
            )

    def handle_connect(self, event: Request) -> None:
        """As in uvicorn; the route finds `adopt` in its scope."""
        super().handle_connect(event)
        is_plain = self.transport.get_extra_info("sslcontext") is None
        if is_plain and self.handshake_initiated and not self.handshake_complete:
            extensions = cast("dict[str, Any]", self.scope["extensions"])
            extensions[ADOPT] = self.adopt

    def adopt(self, connection: AdoptedConnection) -> bool:
        """Give the socket to `connection`. False if the client has already gone."""
        transport = self.transport
        if self.disconnected or not self.handshake_complete or transport.is_closing():
            return False
        self.stop_keepalive()
        # What uvicorn still does with its transport when the route returns must not reach the
        # socket.
        self.transport = _Released()
        self.connections.discard(self)
        is_packed = any(isinstance(each, SharedDeflate) for each in self.conn.extensions)
        connection.take_over(transport, cast("set[Any]", self.connections), is_packed=is_packed)
        while not self.queue.empty():
            message = self.queue.get_nowait()
            if message["type"] == "websocket.receive":
                connection.early(message.get("text"))
        return True


class _Released(asyncio.Transport):
    """Stands where a transport was."""

    def close(self) -> None:
        """Nothing: the socket lives on elsewhere."""

    def is_closing(self) -> bool:
        """It is not ours any more."""
        return True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Nowhere."""


class AdoptedConnection(asyncio.Protocol):
    """A WebSocket after its handshake: frames in, bytes out, nothing else in memory."""

    __slots__ = (
        "_aborting", "_close_s", "_connections", "_is_broken", "_is_closing", "_last_size",
        "_listener", "_max_bytes", "_outbound", "_progress_at", "_reader", "_transport",
    )  # fmt: skip

    def __init__(self, outbound: Outbound, *, max_bytes: int, close_s: float) -> None:
        self._outbound = outbound
        self._close_s = close_s
        self._max_bytes = max_bytes
        self._reader = MessageReader(max_bytes)
        self._listener: Listener | None = None
        self._transport: asyncio.Transport = _Released()
        self._connections: set[Any] = set()
        self._aborting: asyncio.TimerHandle | None = None
        self._is_broken = False
        self._is_closing = False
        self._last_size = 0
        self._progress_at = 0.0

    def take_over(
        self, transport: asyncio.Transport, connections: set[Any], *, is_packed: bool = False
    ) -> None:
        """From now on the socket is ours; `connections` is uvicorn's list for its shutdown."""
        self._reader = MessageReader(self._max_bytes, is_packed=is_packed)
        self._outbound.is_packed = is_packed
        self._transport = transport
        self._connections = connections
        connections.add(self)
        transport.set_protocol(self)
        transport.resume_reading()
        self._outbound.connect(self, transport.write, transport.get_extra_info("socket").fileno())
        # Paused as soon as the transport holds a byte, perhaps at once: nothing is ever overtaken
        # by what goes straight into the socket.
        transport.set_write_buffer_limits(high=0)

    def attach(self, listener: Listener) -> None:
        """Who is told of messages, from now on."""
        self._listener = listener

    def early(self, text: str | None) -> None:
        """A message that came together with the handshake: clients must wait for its answer."""
        asyncio.get_running_loop().call_soon(self._on_message, TEXT, (text or "").encode())

    # --- asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        """Bytes of the client."""
        if self._is_broken:
            return
        try:
            for opcode, payload in self._reader.feed(data):
                self._on_message(opcode, payload)
        except FrameError as error:
            self._on_broken(error)

    def pause_writing(self) -> None:
        """The socket is full: frames collect in the queue, where they can be dropped."""
        self._outbound.pause()

    def resume_writing(self) -> None:
        """The socket takes bytes again."""
        if self._listener is None or self._listener.is_over:
            return
        self._outbound.resume()
        while self._outbound.is_clear and self._outbound.queued_bytes:
            frames = self._outbound.take(_DRAIN_BYTES)
            self._transport.write(joined(frames, is_packed=self._outbound.is_packed))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """The socket is gone."""
        self._connections.discard(self)
        if self._aborting is not None:
            self._aborting.cancel()
        if self._listener is not None:
            self._listener.on_lost()

    def shutdown(self) -> None:
        """uvicorn stops."""
        if self._listener is None:
            self._transport.abort()
        else:
            self._listener.end(1012)

    # --- Wire

    def wake(self) -> None:
        """Nothing to do: `resume_writing` comes as soon as the socket can."""

    def is_free(self) -> bool:
        """Would it take a frame at once?"""
        return self._outbound.is_clear

    def ping(self) -> None:
        """A ping of the WebSocket protocol."""
        if self._outbound.is_clear:
            self._transport.write(frame(PING, b""))

    def is_stalled(self, now: float, limit_s: float) -> bool:
        """Has the peer taken nothing for `limit_s`, though something waits?"""
        size = self._transport.get_write_buffer_size()
        if size == 0 or size < self._last_size or self._last_size == 0:
            self._progress_at = now
        self._last_size = size
        return size > 0 and now - self._progress_at > limit_s

    def close(self, code: int, reason: str, last: list[Frame]) -> None:
        """Say it and wait for the peer's close frame, but not for long."""
        if self._is_closing or self._transport.is_closing():
            return
        self._is_closing = True
        frames = joined(last, is_packed=self._outbound.is_packed) if last else b""
        self._transport.write(frames + close_frame(code, reason))
        loop = asyncio.get_running_loop()
        self._aborting = loop.call_later(self._close_s, self._transport.abort)

    # --- frames

    def _on_message(self, opcode: int, payload: bytes) -> None:
        listener = self._listener
        if opcode == CLOSE:
            self._on_close(payload)
        elif self._is_closing or listener is None:
            return
        elif opcode == TEXT:
            try:
                text = payload.decode()
            except UnicodeDecodeError:
                raise FrameError(1007, "text that is not UTF-8") from None
            listener.on_text(text)
        elif opcode == BINARY:
            listener.on_binary()
        elif opcode == PING:
            if listener.on_control() and self._outbound.is_clear:
                self._transport.write(frame(0xA, payload))
        else:
            listener.on_alive()

    def _on_close(self, payload: bytes) -> None:
        """The client closes, or answers our close frame."""
        code = close_code_of(payload)
        self._outbound.pause()
        if not self._is_closing:
            self._is_closing = True
            self._transport.write(close_frame(1000 if code == 1005 else code, ""))
        self._transport.close()

    def _on_broken(self, error: FrameError) -> None:
        """The client broke the rules of the WebSocket protocol: nothing it says after that can be
        read, not even its close frame, but what it sent meanwhile must not keep it from reading
        ours."""
        self._is_broken = True
        if self._listener is None:
            self._transport.abort()
            return
        self._listener.end(error.code)
        if not self._transport.is_closing():
            self._transport.write_eof()
