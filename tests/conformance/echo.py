"""Echo servers for Autobahn, one process each: our framing, and uvicorn's own, on the same app.

    python -m tests.conformance.echo curvefeed|websockets-sansio|wsproto

Ours is what the hub puts behind uvicorn's handshake, with an echo in place of the session: the same
reader, the same close and the same answers to pings. Its limit of bytes is Autobahn's.
"""

from __future__ import annotations

import asyncio
import functools
import socket
import sys
from typing import Any, cast

import uvicorn
from fastapi import FastAPI, WebSocket
from starlette.websockets import WebSocketDisconnect

from api.services.limits import HubLimits
from api.services.outbound import Bounds, Outbound
from api.wire.adopted import ADOPT, AdoptableProtocol, AdoptedConnection
from api.wire.deflate import SharedDeflateFactory, deflated
from api.wire.rfc6455 import BINARY, RSV1, TEXT, FrameError, frame

OURS = "curvefeed"
SERVERS = (OURS, "websockets-sansio", "wsproto")
_MAX_BYTES = 2**25


class _Echo(AdoptedConnection):
    """Sends back what it is sent; everything else is the hub's."""

    def _on_message(self, opcode: int, payload: bytes) -> None:
        if opcode not in (TEXT, BINARY):
            super()._on_message(opcode, payload)
        elif not self._is_closing:
            if opcode == TEXT:
                try:
                    payload.decode()
                except UnicodeDecodeError:
                    raise FrameError(1007, "text that is not UTF-8") from None
            packed = deflated(payload) if self._outbound.is_packed else None
            first = opcode if packed is None else opcode | RSV1
            self._transport.write(frame(first, payload if packed is None else packed))


class _Peer:
    """Stands where the session is: pings are answered, and an error ends the connection."""

    def __init__(self, wire: AdoptedConnection) -> None:
        self._wire = wire
        self.is_over = False

    def on_alive(self) -> None:
        """Nothing to note."""

    def on_text(self, text: str) -> None:
        """The echo took it."""

    def on_binary(self) -> None:
        """The echo took it."""

    def on_control(self) -> bool:
        """Every ping is answered."""
        return True

    def on_lost(self) -> None:
        """It is gone."""
        self.is_over = True

    def end(self, code: int) -> None:
        """As the session's, without a goodbye."""
        self.is_over = True
        self._wire.close(code, "", [])


def create_app() -> FastAPI:
    """One route. Where the socket can be adopted it is, as in api/routes/websocket.py."""
    app = FastAPI()

    @app.websocket("/")
    async def echo(socket: WebSocket) -> None:
        await socket.accept()
        adopt = socket.scope["extensions"].get(ADOPT)
        if adopt is not None:
            limits = HubLimits()
            bounds = Bounds(limits.queue_soft_bytes, limits.queue_hard_bytes, limits.queue_age_s)
            wire = _Echo(Outbound(bounds), max_bytes=_MAX_BYTES, close_s=limits.close_s)
            if adopt(wire):
                wire.attach(_Peer(wire))
            return
        try:
            while True:
                message = await socket.receive()
                if message["type"] == "websocket.disconnect":
                    return
                message["type"] = "websocket.send"
                await socket.send(message)
        except (WebSocketDisconnect, OSError):
            return

    return app


def implementation(name: str) -> Any:
    """What uvicorn's `ws` takes."""
    if name != OURS:
        return name
    made = functools.partial(AdoptableProtocol, deflate=SharedDeflateFactory())
    return cast("type[asyncio.Protocol]", made)


def main(name: str) -> None:
    """Serve until killed; says the port it listens on."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)
    config = uvicorn.Config(
        create_app(), ws=implementation(name), ws_max_size=_MAX_BYTES, ws_ping_interval=None,
        ws_per_message_deflate=True, log_level="critical", access_log=False,
    )  # fmt: skip
    asyncio.run(uvicorn.Server(config).serve(sockets=[listening]))


if __name__ == "__main__":
    main(sys.argv[1])
