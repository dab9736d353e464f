"""The server around the hub: its port, its end, its page, and what the backend publishes through
it.
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest
import websockets

from api.server import ApiServer
from api.server import serve as serve_until_cancelled
from api.services.websocket import get_websocket_manager
from common.errors import InvalidEvent, PortInUse
from db.pool import Pool
from programs.keys import b58
from tests.conftest import SettingsFactory
from tests.helpers.hub import MINT_A, TOKEN_A, USER, WALLET, HubClient, connected, eventually
from tests.integration.api.conftest import Serve

ROOT = Path(__file__).resolve().parents[3]


async def test_a_taken_port_names_its_holder(
    serve: Serve, pool: Pool, settings: SettingsFactory
) -> None:
    """A port in use is one sentence: who holds it, and what to do."""
    server = await serve()
    with pytest.raises(PortInUse) as caught:
        await serve_until_cancelled(settings(websocket_port=server.port), pool, None, None)
    assert str(server.port) in str(caught.value)
    assert "--port" in caught.value.hint


async def test_cancelling_drains(pool: Pool, settings: SettingsFactory, is_direct: bool) -> None:
    """A cancelled server says goodbye with 4441 to every client, and is gone in a few seconds."""
    started = asyncio.Event()
    values = settings(websocket_port=free_port(), websocket_direct_writes=is_direct)
    task = asyncio.create_task(
        serve_until_cancelled(values, pool, None, None, on_started=started.set)
    )
    await started.wait()
    clients = [await HubClient.dial(values.websocket_port, "?room=global") for _ in range(3)]
    began = time.monotonic()
    task.cancel()
    ends = [await client.end() for client in clients]
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert time.monotonic() - began < 5
    for code, told in ends:
        assert code == 4441
        assert (told[-1]["type"], told[-1]["reconnect"]) == ("goodbye", True)


async def test_draining_takes_its_time_with_many(serve: Serve) -> None:
    """Many clients are sent away in batches; meanwhile nobody new comes and readiness is 503."""
    server = await serve(drain_s=3)
    clients = [await HubClient.dial(server.port, "?room=global") for _ in range(120)]
    drain = asyncio.create_task(server.hub.drain())
    await eventually(lambda: len(server.hub.sessions) < 120)
    assert server.hub.sessions
    async with httpx2.AsyncClient() as http:
        assert (await http.get(f"http://127.0.0.1:{server.port}/readyz")).status_code == 503
    with pytest.raises(websockets.InvalidStatus) as refused:
        await HubClient.dial(server.port, "?room=global")
    assert refused.value.response.status_code == 503
    await drain
    assert not server.hub.sessions
    for client in clients:
        assert (await client.end())[0] == 4441


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def test_the_backend_publishes(serve: Serve) -> None:
    """`get_websocket_manager().notify_…` reaches every instance's clients, in the rooms it
    concerns.
    """
    first, second = await serve(), await serve()
    manager = get_websocket_manager()
    mint, wallet = b58(MINT_A), b58(WALLET)
    price = {"mint": mint, "price": "0.5", "market_cap": None, "curve_progress_bps": 7}
    position = {
        "wallet": wallet, "mint": mint, "base_amount": "5", "cost_quote": "1",
        "realized_quote": "0", "buys": 1, "sells": 0,
    }  # fmt: skip
    for server in (first, second):
        async with connected(server.port, f"?room=global&room={TOKEN_A}&room={USER}") as client:
            for _ in range(3):
                await client.take("subscribed")
            seqs = [
                await manager.notify_price_update(price),
                await manager.notify_portfolio_update(position),
                await manager.notify_market_stats({"tokens": 3}),
            ]
            told = {
                (each["type"], each["room"]) for each in [await client.take() for _ in range(4)]
            }
        assert seqs == sorted(seqs)
        assert told == {
            ("price_update", "global"), ("price_update", TOKEN_A),
            ("portfolio_update", USER), ("market_stats", "global"),
        }  # fmt: skip


async def test_what_is_no_event_is_refused(serve: Serve, pool: Pool) -> None:
    """A wrong event is refused by name of its field, before anything is written."""
    await serve()
    manager = get_websocket_manager()
    with pytest.raises(InvalidEvent, match="mint"):
        await manager.notify_price_update({"price": "1"})
    with pytest.raises(InvalidEvent, match="base58"):
        await manager.notify_price_update(
            {"mint": "zzz", "price": None, "market_cap": None, "curve_progress_bps": None}
        )
    with pytest.raises(InvalidEvent, match="new_trade"):
        await manager.notify_new_trade({"signature": 5})
    assert await pool.fetchval("SELECT seq FROM feed_head") == 0


def test_without_an_api_there_is_no_manager() -> None:
    """Asked for where no API runs (a process of its own), the manager's absence is explained."""
    asked = "from api.services.websocket import get_websocket_manager as get; get()"
    done = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode != 0
    assert "no hub runs in this process" in done.stderr


async def test_the_page_is_served(pool: Pool, settings: SettingsFactory, tmp_path: Path) -> None:
    """The export's files are at their places, `/trade` too, and unknown paths get its 404."""
    (tmp_path / "trade").mkdir()
    for name in ("index.html", "trade/index.html", "404.html"):
        (tmp_path / name).write_text(f"<p>{name}</p>")
    server = ApiServer(settings(websocket_port=0), pool, tmp_path, None)
    await server.start()
    try:
        async with httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{server.port}", follow_redirects=True
        ) as http:
            assert "<p>index.html" in (await http.get("/")).text
            trade = await http.get("/trade", params={"mint": "abc"})
            assert "<p>trade/index.html" in trade.text
            assert trade.url.query == b"mint=abc"
            missing = await http.get("/missing")
            assert (missing.status_code, "<p>404.html" in missing.text) == (404, True)
            assert (await http.get("/api/v1/nothing")).status_code == 404
            assert json.loads((await http.get("/healthz")).text) == {"status": "ok"}
    finally:
        await server.stop()
