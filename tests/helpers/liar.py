"""A node in front of another that keeps some transactions to itself, consistently."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientSession, web


class Liar:
    """Answers calls as the node behind it does, but for the signatures in `hidden`."""

    def __init__(self, target: str, session: ClientSession) -> None:
        self._target = target
        self._session = session
        self.hidden: set[str] = set()
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        """One call."""
        body = await request.json()
        async with self._session.post(self._target, json=body) as response:
            answer = await response.json()
        if "result" in answer:
            answer["result"] = self._without(body["method"], body["params"], answer["result"])
        return web.json_response(answer)

    def _without(self, method: str, params: list[Any], result: Any) -> Any:
        if method == "getTransaction" and params[0] in self.hidden:
            return None
        if method == "getSignaturesForAddress":
            return [info for info in result if info["signature"] not in self.hidden]
        return result


@asynccontextmanager
async def liar(target: str) -> AsyncIterator[Liar]:
    """One in front of the JSON-RPC URL `target`, listening."""
    async with ClientSession() as session:
        lying = Liar(target, session)
        app = web.Application()
        app.router.add_post("/", lying.handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            lying.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield lying
        finally:
            await runner.cleanup()
