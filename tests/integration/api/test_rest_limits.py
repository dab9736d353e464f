"""What keeps REST fair and honest: tags, keys and quotas, time limits, a replica's health."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest

from api.server import ApiServer
from common.errors import GiveUp
from db import api_keys
from db.api_keys import NewKey
from db.pool import Pool, Pools, reads_of
from programs.keys import b58
from tests.conftest import SettingsFactory
from tests.helpers.events import completed, created, key, seen, traded
from tests.helpers.rest import serving, store
from tests.integration.api.conftest import Serve

MINT = b58(key("mint"))


@pytest.fixture
def is_direct() -> bool:
    """REST doesn't depend on the output path."""
    return True


@asynccontextmanager
async def client_of(server: ApiServer) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of a served API."""
    base = f"http://127.0.0.1:{server.port}/api/v1"
    async with httpx2.AsyncClient(base_url=base) as client:
        yield client


async def test_what_has_not_changed_is_not_sent_again(serve: Serve, pool: Pool) -> None:
    """A client that has an answer gets 304 until what it shows changes; its meta goes on in
    X-Feed-Seq."""
    await store(pool, seen(created(), "create", 1), seen(traded(5, 7), "trade", 2))
    async with client_of(await serve()) as http:
        path = f"/tokens/{MINT}/trades"
        first = await http.get(path)
        tag = {"If-None-Match": first.headers["etag"]}
        assert first.headers["cache-control"] == "no-cache"
        await store(pool, seen(created("other"), "another", 3))
        again = await http.get(path, headers=tag)
        assert (again.status_code, again.content) == (304, b"")
        assert (first.headers["x-feed-seq"], again.headers["x-feed-seq"]) == ("2", "3")
        await store(pool, seen(traded(6, 7), "later", 4))
        assert (await http.get(path, headers=tag)).status_code == 200


async def test_what_is_settled_may_be_kept(serve: Serve, pool: Pool) -> None:
    """An answer that ends at a slot nothing can change any more may be kept by anybody."""
    await store(pool, seen(traded(5, 7), "trade", 2))
    await pool.execute(
        "INSERT INTO checkpoints (program, slot, tip_slot, finalized_slot) VALUES ('pump', 9, 9, 5)"
    )
    async with client_of(await serve()) as http:
        for path, is_settled in (
            (f"/tokens/{MINT}?as_of_slot=5", True),
            (f"/tokens/{MINT}?as_of_slot=6", False),
            (f"/tokens/{MINT}/holders?as_of_slot=5", True),
            (f"/tokens/{MINT}/candles?as_of_slot=5", True),
            (f"/tokens/{MINT}/trades?to_slot=5", True),
            (f"/tokens/{MINT}/trades", False),
        ):
            cache = (await http.get(path)).headers["cache-control"]
            assert cache == ("public, max-age=3600" if is_settled else "no-cache"), path


async def test_keys_and_quotas(serve: Serve, pool: Pool) -> None:
    """With keys required: none or a wrong one is refused, a good one is counted by the minute and
    by the day, over all instances, and refused with what to do once it is used up."""
    minute = await api_keys.create(pool, NewKey(name="minute", per_minute=2))
    day = await api_keys.create(pool, NewKey(name="day", per_minute=100, per_day=3))
    with pytest.raises(GiveUp, match="a key of this name"):
        await api_keys.create(pool, NewKey(name="day", per_minute=1))
    servers = [await serve(settings={"api_keys": "required"}) for _ in range(2)]
    async with client_of(servers[0]) as http, client_of(servers[1]) as other:
        for headers in ({}, {"X-API-Key": "cf_guess"}):
            refused = await http.get("/tokens", headers=headers)
            assert refused.status_code == 401
            assert "apikey create" in refused.json()["hint"]
        left = []
        for _ in range(2):
            answer = await http.get("/tokens", headers={"X-API-Key": minute})
            left.append(answer.headers["ratelimit-remaining"])
        assert left == ["1", "0"]
        answer = await http.get("/tokens", headers={"X-API-Key": minute})
        assert answer.status_code == 429 and int(answer.headers["retry-after"]) > 0
        for number in range(2):
            answer = await http.get(f"/tokens/{MINT}", headers={"X-API-Key": day})
            assert (answer.status_code, answer.headers["x-quota-remaining"]) == (
                404,
                f"{2 - number}",
            )
        for server in servers:
            await server.app.state.services.quotas.exchange()
        answer = await other.get("/tokens", headers={"X-API-Key": day})
        assert answer.headers["x-quota-remaining"] == "0"
        assert (await other.get("/tokens", headers={"X-API-Key": day})).status_code == 429
        await api_keys.revoke(pool, "minute")
        await servers[1].app.state.services.quotas.exchange()
        assert (await other.get("/tokens", headers={"X-API-Key": minute})).status_code == 401
    lines = {line.name: line for line in await api_keys.listed(pool)}
    assert lines["minute"].revoked_at is not None
    assert "day  valid  100/min  3/day" in str(lines["day"])
    assert not await pool.fetchval("SELECT count(*) FROM api_keys WHERE name = $1", minute)


async def test_without_a_key_the_address_counts(serve: Serve) -> None:
    """Where keys are optional, an address without one has a limit of its own."""
    server = await serve(settings={"api_keys": "optional", "api_anonymous_per_minute": 1})
    async with client_of(server) as http:
        assert (await http.get("/tokens")).headers["ratelimit-remaining"] == "0"
        assert (await http.get("/tokens")).status_code == 429


async def test_a_read_that_takes_too_long(
    pool: Pool, settings: SettingsFactory, database_url: str
) -> None:
    """A statement over its time ends with 504 and what to do, and the next one works."""
    async with reads_of(database_url, 2, statement_timeout_ms=100) as reads:
        server = ApiServer(settings(websocket_port=0), Pools(pool, reads))
        async with serving(server) as http:
            async with pool.acquire() as connection, connection.transaction():
                await connection.execute("LOCK TABLE tokens")
                slow = await http.get("/api/v1/tokens")
            assert (slow.status_code, slow.json()["title"]) == (504, "Gateway Timeout")
            assert "smaller limit" in slow.json()["hint"]
            assert (await http.get("/api/v1/tokens")).status_code == 200


async def test_a_replica_is_read_and_its_health_told(
    pool: Pool, settings: SettingsFactory, database_url: str
) -> None:
    """REST reads where DATABASE_READ_URL points; readiness tells how it is, and does without it."""
    await store(pool, seen(completed(), "completed", 1))
    base, _, rest = database_url.partition("?")
    away = f"{base.rpartition('/')[0]}/nowhere?{rest}"
    for url, wanted, status in ((database_url, "ok", 200), (away, "no answer", 503)):
        async with reads_of(url, 2, statement_timeout_ms=1_000) as reads:
            server = ApiServer(settings(websocket_port=0), Pools(pool, reads, is_replica=True))
            async with serving(server) as http:
                ready = await http.get("/readyz")
                assert ready.json()["is_ready"], ready.text
                assert ready.json()["read_replica"].startswith(wanted)
                assert (await http.get("/api/v1/tokens")).status_code == status


async def test_a_head_without_an_end_is_refused(serve: Serve) -> None:
    """Headers that go on for ever are cut off after 64 KiB, in one line or in many; a long body
    that comes with its head is none of them."""
    server = await serve()
    for part in (b"a" * 4_096, b"x: y\r\n" * 700):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: here\r\n")
        if not part.endswith(b"\n"):
            writer.write(b"x: ")
        with contextlib.suppress(ConnectionError):
            for _ in range(64):
                writer.write(part)
                await writer.drain()
        answer = b""
        async with asyncio.timeout(30):
            with contextlib.suppress(ConnectionError):  # what it had not read yet makes it a reset
                answer = await reader.read()
        assert answer[:12] in (b"", b"HTTP/1.1 400")
        writer.close()
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as http:
        answered = await http.post("/healthz", content=b"x" * 200_000)
    assert answered.status_code == 405
