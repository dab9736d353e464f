"""Three hubs as processes of their own: one feed, the same from each."""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

import httpx2
import pytest
import websockets

from chaos.hubs import ADMIN_TOKEN, Hubs
from chaos.market import Market
from chaos.nats import nats_program
from chaos.system import Database

EVENTS = 120
_TIMEOUT_S = 60


async def frames(url: str, joined: asyncio.Semaphore) -> list[str | bytes]:
    """Texts of a room's log events, up to the broadcast."""
    found: list[str | bytes] = []
    async with asyncio.timeout(_TIMEOUT_S), websockets.connect(url) as socket:
        async for text in socket:
            message = json.loads(text)
            if message["type"] == "subscribed":
                joined.release()
            if "prev" in message:
                found.append(text)
            if message["type"] == "market_stats" or len(found) == EVENTS:
                break
    return found


async def broadcast(base: str, data: dict[str, Any]) -> int:
    """Publish market_stats through one hub; its seq."""
    async with httpx2.AsyncClient() as http:
        answer = await http.post(
            f"{base}/api/v1/websocket/broadcast",
            json={"event": "market_stats", "data": data},
            headers={"Authorization": f"Bearer {ADMIN_TOKEN}", "Idempotency-Key": "once"},
        )
    assert answer.status_code == 201, answer.text
    seq: int = answer.json()["seq"]
    return seq


async def heard(url: str, joined: asyncio.Semaphore) -> dict[str, Any]:
    """The next market_stats of `global`."""
    async with asyncio.timeout(_TIMEOUT_S), websockets.connect(url) as socket:
        async for text in socket:
            message: dict[str, Any] = json.loads(text)
            if message["type"] == "subscribed":
                joined.release()
            if message["type"] == "market_stats" and message["data"].get("told") == "all":
                return message
    raise AssertionError("the connection ended")


@pytest.mark.timeout(300)
async def test_every_hub_says_the_same() -> None:
    """Streams of a room have the same bytes from three processes, two of them over NATS and one
    from Postgres; what one is told to broadcast reaches clients of all, once; figures are of all
    of them."""
    with tempfile.TemporaryDirectory(prefix="curvefeed-hubs-") as folder:
        database = Database(Path(folder) / "postgres")
        await database.start()
        try:
            url = await database.create("hubs")
            hubs = Hubs(database, url, Path(folder), count=3, nats=2 if nats_program() else 0)
            async with hubs.running():
                await say_the_same(hubs, Market(url, 2))
        finally:
            await database.stop()


async def say_the_same(hubs: Hubs, market: Market) -> None:
    """The test, on running hubs."""
    joined = asyncio.Semaphore(0)
    rooms = market.rooms[:2]
    async with asyncio.TaskGroup() as tasks:
        listening = {
            room: [tasks.create_task(frames(f"{url}?room={room}", joined)) for url in hubs.urls]
            for room in rooms
        }
        hearing = [tasks.create_task(heard(f"{url}?room=global", joined)) for url in hubs.urls]
        for _ in range(len(hubs.urls) * (len(rooms) + 1)):
            await joined.acquire()
        publishing = tasks.create_task(market.run(200))
        for streams in listening.values():
            for stream in streams:
                await stream
        publishing.cancel()
        seq = await broadcast(hubs.bases[1], {"told": "all"})
        told = [await each for each in hearing]
        async with httpx2.AsyncClient() as http:
            async with asyncio.timeout(_TIMEOUT_S):
                while True:
                    answer = await http.get(f"{hubs.bases[2]}/api/v1/websocket/stats")
                    figures = answer.json()
                    if len(figures["instances"]) == 3:
                        break
                    await asyncio.sleep(0.2)
    for streams in listening.values():
        first, *others = [stream.result() for stream in streams]
        assert len(first) == EVENTS
        assert all(each == first for each in others)
    assert {message["seq"] for message in told} == {seq}
    assert len({json.dumps(message) for message in told}) == 1
    assert len({each["server"] for each in figures["instances"]}) == 3
    assert figures["is_complete"]
