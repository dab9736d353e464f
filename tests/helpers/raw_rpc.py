"""JSON-RPC and PubSub without a client library: what goes over the wire, as it is."""

from __future__ import annotations

import asyncio
import itertools
import json
from types import TracebackType
from typing import Any, Self

import httpx2
from websockets.asyncio.client import ClientConnection, connect

ANSWER_S = 5


class RawRpc:
    """`await rpc("getSlot")` gives the result, `rpc.error(…)` the error."""

    def __init__(self, url: str) -> None:
        self.url = url
        headers = {"Content-Type": "application/json"}
        self._http = httpx2.AsyncClient(timeout=ANSWER_S, headers=headers)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def post(self, body: str | bytes | object) -> Any:
        """Any body, as it is or as JSON; the decoded answer."""
        raw = body if isinstance(body, str | bytes) else json.dumps(body)
        return (await self._http.post(self.url, content=raw)).json()

    async def __call__(self, method: str, *params: object) -> Any:
        answer = await self._answer(method, params)
        assert "result" in answer, answer
        return answer["result"]

    async def error(self, method: str, *params: object) -> Any:
        """The `error` of a call that must fail."""
        answer = await self._answer(method, params)
        assert "error" in answer, answer
        return answer["error"]

    async def _answer(self, method: str, params: tuple[object, ...]) -> Any:
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        return await self.post(request)


class RawPubSub:
    """One WebSocket; notifications wait in order of arrival."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._ids = itertools.count(1)
        self._socket: ClientConnection | None = None
        self._waiting: list[Any] = []

    async def __aenter__(self) -> Self:
        self._socket = await connect(self._url, max_size=None, close_timeout=1)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.socket.close()

    @property
    def socket(self) -> ClientConnection:
        """The connection."""
        assert self._socket is not None
        return self._socket

    async def call(self, method: str, *params: object) -> Any:
        """The whole answer to a request; notifications that come before it are kept."""
        number = next(self._ids)
        body = {"jsonrpc": "2.0", "id": number, "method": method, "params": list(params)}
        await self.socket.send(json.dumps(body))
        while True:
            message = await self._receive()
            if message.get("id") == number:
                return message
            self._waiting.append(message)

    async def subscribe(self, kind: str, *params: object) -> int:
        """The subscription's number."""
        answer = await self.call(f"{kind}Subscribe", *params)
        number: int = answer["result"]
        return number

    async def next(self) -> tuple[int, Any]:
        """Subscription and result of the next notification."""
        message = self._waiting.pop(0) if self._waiting else await self._receive()
        return message["params"]["subscription"], message["params"]["result"]

    async def nothing_more(self) -> bool:
        """Whether everything was read: a request is answered before any notification."""
        await self.call("getHealth")
        return not self._waiting

    async def _receive(self) -> Any:
        async with asyncio.timeout(ANSWER_S):
            return json.loads(await self.socket.recv())
