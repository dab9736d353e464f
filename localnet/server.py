"""HTTP and WebSocket around the dispatcher: one application, served on both ports."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque

import msgspec
from aiohttp import WSMsgType, web

from localnet.errors import INVALID_REQUEST, PARSE_ERROR, RpcError
from localnet.pubsub import KINDS, Subscriptions
from localnet.rpc.dispatch import Dispatcher

MAX_BODY_BYTES = 4 * 1024 * 1024
MAX_BATCH = 1_000
MAX_QUEUED_FRAMES = 16_384
MAX_QUEUED_BYTES = 64 * 1024 * 1024
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Allow-Methods": "POST, GET, OPTIONS",
    "Access-Control-Max-Age": "86400",
}


class Socket:
    """One WebSocket with its queue. When the queue is full the socket is cut, as validators do."""

    def __init__(self, request: web.Request, max_frames: int = MAX_QUEUED_FRAMES) -> None:
        self._transport = request.transport
        self._max_frames = max_frames
        self._frames: deque[bytes] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()
        self.is_cut = False

    def push(self, frame: bytes) -> None:
        """Queue a frame; never blocks."""
        if self.is_cut:
            return
        self._frames.append(frame)
        self._bytes += len(frame)
        self._wake.set()
        if len(self._frames) > self._max_frames or self._bytes > MAX_QUEUED_BYTES:
            self.cut()

    def cut(self) -> None:
        """End the connection at once; what is queued is lost."""
        self.is_cut = True
        self._frames.clear()
        self._wake.set()
        if self._transport is not None:
            self._transport.abort()

    async def send_to(self, websocket: web.WebSocketResponse) -> None:
        """Send what is pushed, until the socket closes."""
        with contextlib.suppress(ConnectionError):
            while not self.is_cut:
                await self._wake.wait()
                self._wake.clear()
                while self._frames:
                    frame = self._frames.popleft()
                    self._bytes -= len(frame)
                    await websocket.send_frame(frame, WSMsgType.TEXT)


class Server:
    """Answers requests; `application` is what a port serves."""

    def __init__(
        self, dispatcher: Dispatcher, subscriptions: Subscriptions, max_frames: int
    ) -> None:
        self._dispatcher = dispatcher
        self._subscriptions = subscriptions
        self._max_frames = max_frames
        self.requests = 0

    def application(self) -> web.Application:
        """One per port: aiohttp ties an application to its runner."""
        application = web.Application(client_max_size=MAX_BODY_BYTES)
        application.router.add_route("*", "/{tail:.*}", self._handle)
        return application

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._serve_socket(request)
        if request.method == "OPTIONS":
            return web.Response(headers=_CORS)
        if request.path == "/health":
            return web.Response(text="ok", headers=_CORS)
        if request.method != "POST":
            reason = "Used HTTP Method is not allowed. POST or OPTIONS is required"
            return web.Response(status=405, text=reason, headers=_CORS)
        if request.content_type != "application/json":
            reason = (
                "Supplied content type is not allowed. Content-Type: application/json is required"
            )
            return web.Response(status=415, text=reason, headers=_CORS)
        body = self._answer(await request.read())
        return web.Response(body=body, content_type="application/json", headers=_CORS)

    def _answer(self, body: bytes) -> bytes:
        self.requests += 1
        try:
            request = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            error = RpcError(PARSE_ERROR, "Parse error").body()
            return msgspec.json.encode({"jsonrpc": "2.0", "error": error, "id": None})
        if not isinstance(request, list):
            reply = self._dispatcher.reply(request)
            return b"" if reply is None else msgspec.json.encode(reply)
        if not request or len(request) > MAX_BATCH:
            error = RpcError(INVALID_REQUEST, "Invalid request").body()
            return msgspec.json.encode({"jsonrpc": "2.0", "error": error, "id": None})
        replies = [self._dispatcher.reply(item) for item in request]
        return msgspec.json.encode([reply for reply in replies if reply is not None])

    async def _serve_socket(self, request: web.Request) -> web.WebSocketResponse:
        websocket = web.WebSocketResponse(max_msg_size=MAX_BODY_BYTES, compress=False)
        await websocket.prepare(request)
        socket = Socket(request, self._max_frames)
        self._subscriptions.connect(socket)
        sender = asyncio.create_task(socket.send_to(websocket))
        try:
            async for message in websocket:
                if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    self._hear(socket, message.data)
        finally:
            self._subscriptions.forget(socket)
            sender.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sender
        return websocket

    def _hear(self, socket: Socket, text: str | bytes) -> None:
        try:
            request = msgspec.json.decode(text)
        except msgspec.DecodeError:
            error = RpcError(PARSE_ERROR, "Parse error").body()
            socket.push(msgspec.json.encode({"jsonrpc": "2.0", "error": error, "id": None}))
            return
        for item in request if isinstance(request, list) else [request]:
            self._hear_one(socket, item)

    def _hear_one(self, socket: Socket, request: object) -> None:
        method = request.get("method") if isinstance(request, dict) else None
        kind, wish = _pubsub(method)
        if not isinstance(request, dict) or not wish:
            reply = self._dispatcher.reply(request)
            if reply is not None and method != "ping":  # clients keep the socket alive with it
                socket.push(msgspec.json.encode(reply))
            return
        params = request.get("params") or []
        result: object = None
        try:
            if not isinstance(params, list):
                raise RpcError(INVALID_REQUEST, "Invalid request")
            if wish == "Subscribe":
                result = self._subscriptions.subscribe(socket, kind, params)
            else:
                result = self._subscriptions.unsubscribe(params[0] if params else None)
            reply = {"jsonrpc": "2.0", "result": result, "id": request.get("id")}
        except RpcError as error:
            reply = {"jsonrpc": "2.0", "error": error.body(), "id": request.get("id")}
        socket.push(msgspec.json.encode(reply))
        if wish == "Subscribe" and isinstance(result, int):
            self._subscriptions.settle(result)


def _pubsub(method: object) -> tuple[str, str]:
    """`logsSubscribe` → (logs, Subscribe); anything else → two empty strings."""
    if isinstance(method, str):
        for wish in ("Unsubscribe", "Subscribe"):
            kind = method.removesuffix(wish)
            if kind != method and kind in KINDS:
                return kind, wish
    return "", ""
