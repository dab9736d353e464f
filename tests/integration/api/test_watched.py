"""What Prometheus is told of the hub and of REST."""

from __future__ import annotations

import asyncio
import secrets

import httpx2
import pytest
import websockets
from prometheus_client.parser import text_string_to_metric_families
from websockets.typing import Origin

from api.server import ApiServer
from tests.helpers.hub import TIMEOUT_S, HubClient
from tests.integration.api.conftest import Serve

Labels = tuple[str, ...]


async def exposed(server: ApiServer, name: str, *labels: str) -> dict[Labels, float]:
    """The samples of this name at /metrics, by these labels."""
    async with httpx2.AsyncClient() as http:
        text = (await http.get(f"http://127.0.0.1:{server.port}/metrics")).text
    return {
        tuple(sample.labels[label] for label in labels): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


async def test_every_end_is_counted_by_its_code(serve: Serve) -> None:
    """The hub's close codes, and `client` for who goes by himself."""
    server = await serve(strike_window_s=60)
    name = "curvefeed_hub_closed_total"
    before = await exposed(server, name, "code")
    async with await HubClient.dial(server.port):
        pass
    async with await HubClient.dial(server.port) as rude:
        for _ in range(5):
            await rude.say(type="nonsense")
        assert (await rude.end())[0] == 4400
    async with await HubClient.dial(server.port) as binary:
        await binary.socket.send(b"\0")
        assert (await binary.end())[0] == 1003

    codes = ("client", "4400", "1003")
    wanted = {code: before.get((code,), 0) + 1 for code in codes}
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            after = await exposed(server, name, "code")
            if {code: after.get((code,), 0) for code in codes} == wanted:
                return
            await asyncio.sleep(0.05)


async def test_refused_handshakes_are_counted_by_their_reason(serve: Serve) -> None:
    """A page of elsewhere, and one too many."""
    server = await serve(max_connections=1)
    name = "curvefeed_hub_refused_total"
    before = await exposed(server, name, "reason")
    url = f"ws://127.0.0.1:{server.port}/api/v1/websocket/ws"
    with pytest.raises(websockets.InvalidStatus):
        await websockets.connect(url, origin=Origin("https://elsewhere.example"))
    async with await HubClient.dial(server.port):
        with pytest.raises(websockets.InvalidStatus):
            await websockets.connect(url)
    after = await exposed(server, name, "reason")
    for reason in ("origin", "full"):
        assert after[(reason,)] == before.get((reason,), 0) + 1


async def test_routes_are_timed_and_their_labels_are_few(serve: Serve) -> None:
    """By template: who asks for a thousand mints, paths or methods of his own makes no series."""
    server = await serve()
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as http:
        for _ in range(3):
            await http.get(f"/api/v1/tokens/{secrets.token_hex(16)}")
            await http.get(f"/{secrets.token_hex(8)}")
            await http.request(secrets.token_hex(4).upper(), "/api/v1/tokens")
    found = await exposed(
        server, "curvefeed_http_request_seconds_count", "method", "route", "status"
    )
    assert found["GET", "/api/v1/tokens/{mint}", "4xx"] >= 3
    assert found["GET", "page", "4xx"] >= 3
    paths = {*server.app.openapi()["paths"], "/openapi.json", "/asyncapi.json"}
    assert {route for _, route, _ in found} <= {*paths, "page", "/", "/trade"}
    assert {method for method, _, _ in found} <= {"GET", "POST", "HEAD", "other"}
