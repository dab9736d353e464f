"""Several instances on one database: figures of all of them, and broadcasts that reach all."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2

from api.server import ApiServer
from db.pool import Pool
from tests.helpers.hub import TOKEN_A, connected
from tests.integration.api.conftest import Serve

ADMIN = {"Authorization": "Bearer let-me-in"}
STATS, BROADCAST = "/api/v1/websocket/stats", "/api/v1/websocket/broadcast"
EVENT: dict[str, Any] = {"event": "market_stats", "data": {"tokens": 5}}


async def two(serve: Serve, **settings: Any) -> tuple[ApiServer, ApiServer]:
    """Two instances with an administrator."""
    values = {"admin_token": "let-me-in"} | settings
    return await serve(settings=values), await serve(settings=values)


def http_of(server: ApiServer) -> httpx2.AsyncClient:
    """A client of this instance."""
    return httpx2.AsyncClient(base_url=f"http://127.0.0.1:{server.port}")


async def seen(http: httpx2.AsyncClient, connections: int) -> dict[str, Any]:
    """The administrator's figures, once they count so many connections."""
    async with asyncio.timeout(60):
        while True:
            stats: dict[str, Any] = (await http.get(STATS, headers=ADMIN)).json()
            if stats["connections"] == connections and len(stats["instances"]) == 2:
                return stats
            await asyncio.sleep(0.1)


async def test_figures_of_all_instances(serve: Serve, pool: Pool) -> None:
    """Each instance knows of the others within seconds: sums, and each by itself; rooms are the
    administrator's alone. Who has not been heard of for a while is left out, as is who stops."""
    here, there = await two(serve)
    async with (
        connected(here.port, f"?room=global&room={TOKEN_A}"),
        connected(there.port, f"?room={TOKEN_A}"),
        http_of(here) as http,
    ):
        stats = await seen(http, 2)
        assert stats["is_complete"]
        assert stats["server"] == here.hub.name
        assert {each["server"] for each in stats["instances"]} == {here.hub.name, there.hub.name}
        async with asyncio.timeout(60):
            while stats["subscriptions"] != 3:
                stats = await seen(http, 2)
        rooms = {each["room"]: each["members"] for each in stats["room_details"]}
        assert rooms == {"global": 1, TOKEN_A: 2}
        public = (await http.get(STATS)).json()
        assert public["connections"] == 2
        assert {each["room_details"] for each in (public, *public["instances"])} == {None}
        await pool.execute(
            "INSERT INTO hubs SELECT 'gone', now() - interval '20 seconds', stats FROM hubs LIMIT 1"
        )
        assert "gone" not in {each["server"] for each in (await seen(http, 2))["instances"]}


async def test_a_broadcast_reaches_every_instance_once(serve: Serve, pool: Pool) -> None:
    """Asked again under its key, at any instance and at once, it is answered the same, and is in
    the feed once; who did it is kept."""
    here, there = await two(serve)
    async with (
        connected(here.port, "?room=global") as one,
        connected(there.port, "?room=global") as other,
        http_of(here) as first,
        http_of(there) as second,
    ):
        await one.take("subscribed")
        await other.take("subscribed")
        headers = ADMIN | {"Idempotency-Key": "k-1"}
        answers = await asyncio.gather(
            *(http.post(BROADCAST, json=EVENT, headers=headers) for http in (first, second) * 3)
        )
        assert [(each.status_code, each.json()) for each in answers] == [(201, {"seq": 1})] * 6
        replayed = [each.headers.get("Idempotency-Replayed") for each in answers]
        assert sorted(map(str, replayed)) == ["None"] + ["true"] * 5
        for client in (one, other):
            told = await client.take("market_stats")
            assert (told["seq"], told["data"]) == (1, {"tokens": 5})
        changed = EVENT | {"data": {"tokens": 6}}
        refused = await first.post(BROADCAST, json=changed, headers=headers)
        assert (refused.status_code, refused.json()["status"]) == (422, 422)
        assert refused.headers["Content-Type"] == "application/problem+json"
    rows = await pool.fetch("SELECT key, actor, event, seq FROM broadcasts")
    assert [tuple(row) for row in rows] == [("k-1", "127.0.0.1", "market_stats", 1)]
    assert await pool.fetchval("SELECT seq FROM feed_head") == 1


async def test_broadcasts_have_a_pace(serve: Serve) -> None:
    """So many a minute over all instances; then a problem that says how long to wait."""
    servers = await two(serve, websocket_broadcasts_per_minute=3)
    found = []
    for server in (*servers, *servers):
        async with http_of(server) as http:
            found.append(await http.post(BROADCAST, json=EVENT, headers=ADMIN))
    assert [each.status_code for each in found] == [201, 201, 201, 429]
    assert found[-1].headers["Retry-After"] == "60"
