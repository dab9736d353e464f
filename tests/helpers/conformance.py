"""Servers and clients of the conformance suites: black boxes, everything through sockets."""

from __future__ import annotations

import asyncio
import secrets
import threading
from typing import Any, NamedTuple

import httpx2
import websockets

from api.config import hub_limits
from api.server import ApiServer
from common.settings import load_settings
from db.pool import pool_of
from programs.keys import b58, signature_b58
from tests.helpers.hub import HubClient, Message
from tests.helpers.pg import PostgresForTests

PATH = "/api/v1/websocket/ws"
ADMIN_TOKEN = "conformance"  # noqa: S105 - of a server that lives as long as the tests
QUICK = {"hello_s": 2.0, "idle_pos_s": 1.0, "ping_interval_s": 2.0, "pong_timeout_s": 2.0,
         "replay_events": 8}  # fmt: skip
"""What our own server need not let the tests wait for: seconds, and events."""
_START_S = 60
_LONG_S = 45.0


class Target(NamedTuple):
    """A server: `base` is its http(s) URL. `kind`: foreign, or the output path of our own."""

    base: str
    admin_token: str | None
    kind: str = "foreign"

    def ws(self, query: str = "", path: str = PATH) -> str:
        """URL of its WebSocket."""
        return f"ws{self.base.removeprefix('http')}{path}{query}"


class OwnServer:
    """A server with its own loop, in a thread of its own."""

    def __init__(self, postgres: PostgresForTests, *, is_direct: bool) -> None:
        self._postgres = postgres
        self._is_direct = is_direct
        self._is_up = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self.port = 0

    def __enter__(self) -> Target:
        self._thread.start()
        assert self._is_up.wait(_START_S), "the server doesn't start"
        return Target(
            f"http://127.0.0.1:{self.port}", ADMIN_TOKEN, "direct" if self._is_direct else "asgi"
        )

    def __exit__(self, *_: object) -> None:
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_START_S)

    async def _run(self) -> None:
        url = await self._postgres.create()
        settings = load_settings(
            _env_file=None,
            websocket_port=0,
            websocket_direct_writes=self._is_direct,
            websocket_drain_s=0,
            websocket_broadcasts_per_minute=100_000,
            admin_token=ADMIN_TOKEN,
            auth_open_wallets=False,
            auth_access_s=60,
            auth_attempts_per_minute=1_000,
        )
        known = hub_limits(settings)
        fields = {name: getattr(known, name) for name in known.__struct_fields__}
        async with pool_of(url, 5) as pool:
            limits = type(known)(**fields | QUICK)
            server = ApiServer(settings, pool, None, "no page in this test", limits)
            await server.start()
            self.port, self._loop, self._stop = (
                server.port, asyncio.get_running_loop(), asyncio.Event(),
            )  # fmt: skip
            self._is_up.set()
            await self._stop.wait()
            await server.stop()


class Witness(HubClient):
    """A client that keeps all it was told."""

    async def patient(self) -> Message:
        """The next message, for which a server may take its time."""
        async with asyncio.timeout(_LONG_S):
            while True:
                try:
                    return await self.take()
                except TimeoutError:
                    continue

    async def end(self) -> tuple[int | None, list[Message]]:
        """The close code, once the hub closes, and what came before."""
        rest: list[Message] = []
        try:
            while True:
                rest.append(await self.patient())
        except websockets.ConnectionClosed:
            return self.socket.close_code, rest


class Publisher:
    """Publishes events through /broadcast, of a token and a wallet of its own."""

    def __init__(self, target: Target) -> None:
        self.mint, self.wallet = b58(secrets.token_bytes(32)), b58(secrets.token_bytes(32))
        self.token, self.user = f"token_{self.mint}", f"user_{self.wallet}"
        self._url = f"{target.base}/api/v1/websocket/broadcast"
        self._headers = {"Authorization": f"Bearer {target.admin_token}"}

    async def publish(self, event: str, **changes: Any) -> int:
        """An event with plausible data; its seq."""
        answer = await self.ask(event, self.data(event) | changes)
        assert answer.status_code == 201, answer.text
        seq: int = answer.json()["seq"]
        return seq

    async def ask(self, event: str, data: dict[str, Any]) -> httpx2.Response:
        """Whatever comes of it."""
        async with httpx2.AsyncClient() as http:
            return await http.post(
                self._url, json={"event": event, "data": data}, headers=self._headers
            )

    def data(self, event: str) -> dict[str, Any]:
        """Plausible data of an event."""
        chain = {
            "signature": signature_b58(secrets.token_bytes(64)), "slot": 5, "program": "pump",
            "commitment": "confirmed", "mint": self.mint, "wallet": self.wallet, "pool": None,
            "block_time": 1_795_347_000,
        }  # fmt: skip
        state = {"mint": self.mint, "price": "0.5", "market_cap": None, "curve_progress_bps": 7}
        reserves = dict.fromkeys(
            ("virtual_base_reserves", "virtual_quote_reserves", "real_base_reserves",
             "real_quote_reserves")
        )  # fmt: skip
        amounts = {"base_amount": "5", "quote_amount": "7"}
        own: dict[str, dict[str, Any]] = {
            "token_created": chain | {
                "creator": None, "name": "n", "symbol": "s", "uri": "u", "quote_mint": None,
                "supply": "1", "decimals": 6, "price": None, "market_cap": None, "flags": [],
            },
            "new_trade": chain | state | amounts | reserves | {
                "ordinal": 0, "side": "buy", "quote_mint": None, "user_quote_amount": None,
                "fees": {},
            },
            "curve_completed": chain,
            "token_migrated": chain | amounts,
            "retracted": {"seq": 1, "signature": "s", "reason": "fork"},
            "price_update": state,
            "portfolio_update": {
                "wallet": self.wallet, "mint": self.mint, "base_amount": "5", "cost_quote": "1",
                "realized_quote": "-1", "buys": 1, "sells": 0,
            },
            "market_stats": {"tokens": 3},
        }  # fmt: skip
        return own[event]


def quiet() -> str:
    """A room in which nothing happens."""
    return f"token_{b58(secrets.token_bytes(32))}"
