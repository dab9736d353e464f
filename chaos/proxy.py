"""A proxy between a node and the indexer: JSON-RPC and PubSub on one port, and what goes wrong.

It decides nothing (see chaos.mischief) and invents nothing: it passes messages on, or does not.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp import WSMsgType, web

from chaos.mischief import Fate, Mischief, is_lossy
from chaos.plan import Plan

_MAX_BODY_BYTES = 64 * 1024 * 1024
_QUEUED_FRAMES = 1_000
"""Then the node is not read from: a slow indexer slows the node, as without a proxy."""
_HOST = "127.0.0.1"


class Proxy:
    """Use as an async context. Everything passes until `begin`; from then on the plan's time runs.

    `calls` counts what was asked of the node, by method.
    """

    def __init__(self, rpc_url: str, ws_url: str, plan: Plan, endpoint: int = 0) -> None:
        self._rpc_url, self._ws_url = rpc_url, ws_url
        self._plan = plan
        self.mischief = Mischief(plan, endpoint)
        self.calls: dict[str, int] = {}
        self.port = 0
        self._began: float | None = None
        self._connections: dict[asyncio.Transport, bool] = {}
        self._runner: web.AppRunner | None = None
        self._client: aiohttp.ClientSession | None = None
        self._timers: list[asyncio.TimerHandle] = []

    @property
    def rpc_url(self) -> str:
        """Where the indexer sends its calls."""
        return f"http://{_HOST}:{self.port}"

    @property
    def ws_url(self) -> str:
        """Where the indexer subscribes."""
        return f"ws://{_HOST}:{self.port}"

    def begin(self) -> None:
        """The plan's time begins."""
        loop = asyncio.get_running_loop()
        self._began = loop.time()
        self._timers = [
            loop.call_later(window.start_s, self._cut)
            for window in self._plan.windows
            if window.fault == "cut"
        ]

    def now_s(self) -> float:
        """Seconds since `begin`; -1 before."""
        if self._began is None:
            return -1.0
        return asyncio.get_running_loop().time() - self._began

    async def __aenter__(self) -> Self:
        application = web.Application(client_max_size=_MAX_BODY_BYTES)
        application.router.add_route("*", "/{tail:.*}", self._handle)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, _HOST, 0).start()
        self.port = int(self._runner.addresses[0][1])
        connector = aiohttp.TCPConnector(limit=0)
        self._client = aiohttp.ClientSession(connector=connector)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for timer in self._timers:
            timer.cancel()
        for transport in list(self._connections):
            transport.abort()
        if self._runner is not None:
            await self._runner.cleanup()
        if self._client is not None:
            await self._client.close()

    def _cut(self) -> None:
        """Abort every connection that an outage of now meets."""
        for transport, is_socket in list(self._connections.items()):
            if self.mischief.is_cut(self.now_s(), is_socket=is_socket):
                transport.abort()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        is_socket = request.headers.get("Upgrade", "").lower() == "websocket"
        transport = request.transport
        if transport is None:
            raise web.HTTPServiceUnavailable
        if self.mischief.is_cut(self.now_s(), is_socket=is_socket):
            transport.abort()
            return web.Response()
        self._connections[transport] = is_socket
        try:
            with contextlib.suppress(aiohttp.ClientError, ConnectionError):
                return await (self._relay(request) if is_socket else self._call(request))
            transport.abort()  # the node is gone
            return web.Response()
        finally:
            self._connections.pop(transport, None)

    @property
    def _http(self) -> aiohttp.ClientSession:
        if self._client is None:
            raise RuntimeError("the proxy is not up")
        return self._client

    # ---- calls

    async def _call(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        method, number = _named(body)
        self.calls[method] = self.calls.get(method, 0) + 1
        window = self.mischief.stall(self.now_s(), is_socket=False)
        if window is not None:
            await asyncio.sleep(window.end_s - self.now_s())
            return self._aborted(request)
        fate = self.mischief.fate(method, self.now_s())
        await asyncio.sleep(fate.delay_s)
        if fate.status != 200:
            return web.Response(status=fate.status, headers=fate.headers, text="slow down")
        if fate.error is not None:
            answer = {"jsonrpc": "2.0", "id": number, "error": fate.error}
            return web.json_response(answer)
        async with self._http.post(self._rpc_url, data=body, headers=_JSON) as response:
            answered = await response.read()
        return await self._answer(request, answered, fate)

    async def _answer(self, request: web.Request, body: bytes, fate: Fate) -> web.StreamResponse:
        if fate.fault == "half":
            response = web.StreamResponse(headers={**_JSON, "Content-Length": str(len(body))})
            await response.prepare(request)
            await response.write(body[: len(body) // 2])
            return self._aborted(request)
        if fate.fault is not None:
            body = self.mischief.altered(body, fate.fault)
        return web.Response(body=body, headers=_JSON)

    def _aborted(self, request: web.Request) -> web.StreamResponse:
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    # ---- sockets

    async def _relay(self, request: web.Request) -> web.WebSocketResponse:
        ours = web.WebSocketResponse(max_msg_size=_MAX_BODY_BYTES, compress=False)
        await ours.prepare(request)
        frames: asyncio.Queue[str] = asyncio.Queue(_QUEUED_FRAMES)
        async with self._http.ws_connect(self._ws_url, max_msg_size=_MAX_BODY_BYTES) as theirs:
            tasks = [
                asyncio.create_task(self._down(theirs, frames)),
                asyncio.create_task(_send(frames, ours)),
                asyncio.create_task(_up(ours, theirs)),
            ]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        if request.transport is not None:
            request.transport.abort()
        return ours

    async def _down(
        self, theirs: aiohttp.ClientWebSocketResponse, frames: asyncio.Queue[str]
    ) -> None:
        """From the node, through the mischief, to the indexer's queue."""
        late: set[asyncio.Task[None]] = set()
        try:
            async for message in theirs:
                if message.type is not WSMsgType.TEXT:
                    return
                window = self.mischief.stall(self.now_s(), is_socket=True)
                if window is not None:
                    if is_lossy(window):
                        continue
                    await asyncio.sleep(window.end_s - self.now_s())
                for delivery in self.mischief.deliveries(message.data, self.now_s()):
                    if delivery.delay_s == 0:
                        await frames.put(delivery.frame)
                        continue
                    task = asyncio.create_task(_put_late(frames, delivery.frame, delivery.delay_s))
                    late.add(task)
                    task.add_done_callback(late.discard)
        finally:
            for task in late:
                task.cancel()


_JSON = {"Content-Type": "application/json"}


async def _put_late(frames: asyncio.Queue[str], frame: str, delay_s: float) -> None:
    await asyncio.sleep(delay_s)
    await frames.put(frame)


async def _send(frames: asyncio.Queue[str], ours: web.WebSocketResponse) -> None:
    with contextlib.suppress(ConnectionError):
        while True:
            await ours.send_str(await frames.get())


async def _up(ours: web.WebSocketResponse, theirs: aiohttp.ClientWebSocketResponse) -> None:
    """From the indexer to the node, as it is."""
    async for message in ours:
        if message.type is WSMsgType.TEXT:
            await theirs.send_str(message.data)


def _named(body: bytes) -> tuple[str, object]:
    """Method and id of a request; of a batch, those of its first."""
    try:
        request = json.loads(body)
    except ValueError:
        return "", None
    first = request[0] if isinstance(request, list) and request else request
    if not isinstance(first, dict):
        return "", None
    return str(first.get("method", "")), first.get("id")
