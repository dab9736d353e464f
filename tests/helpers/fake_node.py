"""A node that answers what a test tells it to: the network is the only thing that is faked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import WSMsgType, web

Answer = Callable[[str, list[Any]], Any]
"""method, params → result, or a web.Response to send as it is, or an RpcFailure to raise."""


class RpcFailure(Exception):
    """A JSON-RPC error."""

    def __init__(self, code: int, message: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class FakeNode:
    """Answers calls by `answer`; its sockets acknowledge subscriptions and send `frames`."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.delay_s: Callable[[], float] = lambda: 0.0
        """How long to take for a call."""
        self.calls: list[tuple[str, list[Any]]] = []
        self.frames: asyncio.Queue[str | None] = asyncio.Queue()
        """What to send to the socket; None cuts it."""
        self.sockets = 0
        self.url = ""

    @property
    def ws_url(self) -> str:
        """The same address for sockets."""
        return self.url.replace("http://", "ws://")

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One request: a socket or a call."""
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._socket(request)
        body = await request.json()
        await asyncio.sleep(self.delay_s())
        return self._call(body)

    def _call(self, body: dict[str, Any]) -> web.Response:
        self.calls.append((body["method"], body["params"]))
        reply: dict[str, Any] = {"jsonrpc": "2.0", "id": body["id"]}
        try:
            result = self.answer(body["method"], body["params"])
        except RpcFailure as error:
            return web.json_response(
                reply | {"error": {"code": error.code, "message": error.message}}
            )
        return (
            result
            if isinstance(result, web.Response)
            else web.json_response(reply | {"result": result})
        )

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets += 1
        sender = asyncio.create_task(self._send(socket))
        try:
            async for message in socket:
                if message.type == WSMsgType.TEXT:
                    answer = self._call(json.loads(message.data)).text
                    assert answer is not None
                    await socket.send_str(answer)
        finally:
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)
        return socket

    async def _send(self, socket: web.WebSocketResponse) -> None:
        while (frame := await self.frames.get()) is not None:
            await socket.send_str(frame)
        await socket.close()


@asynccontextmanager
async def fake_node(answer: Answer) -> AsyncIterator[FakeNode]:
    """The node, listening."""
    node = FakeNode(answer)
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", node.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        node.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield node
    finally:
        await runner.cleanup()
