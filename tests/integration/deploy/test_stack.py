"""The system of docker-compose.yml as processes of this machine: no engine runs here, so what the
file says is what these tests start."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest
import pytest_asyncio
import websockets

from chaos.client import FeedClient
from chaos.unpacked import find_program
from db.feed import STATE_EVENTS
from deploy.grafana.panels import BOARDS, Board, Panel
from frontend.build import build_page
from tests.e2e.running import listening
from tests.helpers.compose_file import ROOT
from tests.helpers.otlp import Receiver
from tests.helpers.stack import Container, Stack, running

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

_PATIENCE_S = 60
OURS = ("migrate", "localnet", "traders", "indexer", "api")
SERVICES = {"postgres", "proxy", *OURS}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def collector() -> AsyncIterator[Receiver]:
    """Where spans are sent."""
    async with Receiver() as receiver:
        yield receiver


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(collector: Receiver) -> AsyncIterator[Stack]:
    """Everything but NATS and Grafana, healthy; with the page, as the image has it."""
    await build_page(for_localnet=True)
    services = SERVICES | ({"prometheus"} if find_program("prometheus") else set())
    async with running(
        services,
        LOCALNET_TRADES_PER_SECOND="20",
        LOCALNET_SLOT_MS="200",
        TRACING_ENABLED="true",
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{collector.port}",
    ) as stack:
        yield stack


def base(stack: Stack) -> str:
    """Where the world finds it."""
    return f"127.0.0.1:{stack.port('proxy', 8080)}"


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for it."""
    async with asyncio.timeout(_PATIENCE_S):
        while True:
            if await condition():
                return
            await asyncio.sleep(0.1)


@asynccontextmanager
async def following(
    stack: Stack, count: int, place: str | None = None
) -> AsyncIterator[list[FeedClient]]:
    """Clients that follow `global` through the proxy."""
    url = f"ws://{place or base(stack)}/api/v1/websocket/ws"
    clients = [FeedClient(url) for _ in range(count)]
    tasks = [asyncio.create_task(client.run()) for client in clients]
    try:
        for client in clients:
            await client.connected()
        yield clients
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def stored(stack: Stack, after: int, to: int) -> list[int]:
    """Positions of the feed's log events between two, as Postgres has them."""
    connection = await asyncpg.connect(stack.database_url)
    try:
        rows = await connection.fetch(
            "SELECT seq FROM feed WHERE seq > $1 AND seq <= $2 AND event <> ALL($3) ORDER BY seq",
            after, to, list(STATE_EVENTS),
        )  # fmt: skip
    finally:
        await connection.close()
    return [row["seq"] for row in rows]


async def holder(stack: Stack) -> int:
    """Process id of the indexer that writes. On a busy machine it may change by itself."""
    connection = await asyncpg.connect(stack.database_url)
    try:
        name: str = await connection.fetchval("SELECT holder FROM writer_lease")
    finally:
        await connection.close()
    return int(name.rpartition(":")[2])


async def test_nothing_is_lost_when_the_active_indexer_and_a_hub_die(stack: Stack) -> None:
    """The standby takes over, clients of the dead hub come back through the proxy to the other one,
    and every event of the feed has reached everybody once."""
    indexers, apis = stack.containers["indexer"], stack.containers["api"]
    async with following(stack, 4) as clients:
        starts = [client.position or 0 for client in clients]
        await clients[0].until(10)
        pid = await holder(stack)
        (victim,) = [each for each in indexers if each.pid == pid]
        await victim.kill()
        await apis[0].kill()

        async def is_taken_over() -> bool:
            return await holder(stack) != pid

        await until(is_taken_over)
        seen = [client.trades for client in clients]
        for client, before in zip(clients, seen, strict=True):
            await client.until(before + 10)
        to = max(client.position or 0 for client in clients)
        await until(lambda: all_at(clients, to))
        for client, start in zip(clients, starts, strict=True):
            told = [one["seq"] for one in client.events if start < one["seq"] <= to]
            assert told == await stored(stack, start, to)
            assert (client.lost, client.holes) == (0, 0)
    for each in (victim, apis[0]):
        await each.start(is_boxed=stack.is_boxed)
    await stack.healthy("indexer")
    await stack.healthy("api")


async def all_at(clients: list[FeedClient], to: int) -> bool:
    """Has everybody got everything up to there?"""
    return all((client.position or 0) >= to for client in clients)


async def test_what_is_stored_is_what_the_chain_lists(stack: Stack) -> None:
    """`audit`, run as a container of the indexer's would be, misses nothing in the last slots."""
    async with httpx2.AsyncClient(base_url=f"http://{base(stack)}") as http:
        query = {"program": "pump"}

        async def is_covered() -> bool:
            answer = await http.get("/api/v1/completeness", params=query)
            return answer.status_code == 200 and bool(answer.json()["complete"])

        await until(is_covered)
        covered = (await http.get("/api/v1/completeness", params=query)).json()
    last = covered["frontier_slot"]
    first = max(covered["from_slot"], last - 25)
    code, output = await stack.once(
        "indexer", "audit", "--from-slot", str(first), "--to-slot", str(last)
    )  # fmt: skip
    assert code == 0, output
    assert re.search(r"[1-9]\d* transactions listed; 0 were missing", output), output


async def test_the_proxy_says_who_asks_and_hides_what_is_not_for_the_world(stack: Stack) -> None:
    """An address that a client claims is not believed, /metrics is not there, and the page is."""
    token = stack.secret("/run/secrets/admin_token")
    async with httpx2.AsyncClient(base_url=f"http://{base(stack)}") as http:
        assert (await http.get("/metrics")).status_code == 404
        assert "text/html" in (await http.get("/")).headers["content-type"]
        answer = await http.post(
            "/api/v1/websocket/broadcast",
            json={"event": "market_stats", "data": {"trades_24h": 1}},
            headers={"Authorization": f"Bearer {token}", "X-Forwarded-For": "6.6.6.6"},
        )
        assert answer.status_code == 201, answer.text
    (actor,) = {line["actor"] for line in logged(stack, "api") if line["event"] == "broadcast"}
    assert actor == "127.0.0.1"


def logged(stack: Stack, *names: str) -> list[dict[str, Any]]:
    """The log of these services, of which every line is JSON."""
    lines = [line for name in names for each in stack.containers[name] for line in each.logged]
    return [json.loads(line) for line in lines]


async def test_the_log_tells_of_every_connection_and_no_secret(stack: Stack) -> None:
    """Lines of JSON with event, level and time; what is secret is in none, not even in errors."""
    token = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ3YWxsZXQifQ.c2lnbmF0dXJl"  # noqa: S105
    ticket = "cft_AAAABBBBCCCCDDDDEEEEFFFF"
    for secret in (token, ticket):
        url = f"ws://{base(stack)}/api/v1/websocket/ws?room=global&token={secret}"
        async with websockets.connect(url) as socket:
            with contextlib.suppress(websockets.ConnectionClosed):
                async for _ in socket:
                    pass
    code, output = await stack.once(
        "migrate",
        "migrate",
        DATABASE_URL_FILE="",
        DATABASE_URL="postgresql://u:hunter2@127.0.0.1:1/x",
    )
    assert code != 0
    assert "hunter2" not in output
    await until(lambda: has_gone(stack, "4401"))
    lines = logged(stack, *OURS)
    assert all({"event", "level", "timestamp"} <= set(line) for line in lines)
    assert {line["event"] for line in lines} >= {
        "localnet_started", "traders_started", "indexing", "live", "standing_by",
        "api_started", "client_gone",
    }  # fmt: skip
    everything = "".join(each.output for name in OURS for each in stack.containers[name])
    named = ("postgres_password", "auth_signing_keys", "admin_token", "database_url")
    secrets = [stack.secret(f"/run/secrets/{name}").removeprefix("first:") for name in named]
    assert not [secret for secret in (*secrets, token, ticket) if secret in everything]


async def has_gone(stack: Stack, code: str) -> bool:
    """Was a client sent away with this close code?"""
    lines = logged(stack, "api")
    return any(line["event"] == "client_gone" and line["code"] == code for line in lines)


async def test_every_panel_and_rule_has_data(stack: Stack) -> None:
    """A real Prometheus with the deployed rules scrapes the system: nothing that a dashboard or a
    rule asks for is unknown to it, and no graph stays empty."""
    if "prometheus" not in stack.names:
        pytest.skip("there is no prometheus")
    async with following(stack, 2):
        pass  # so that some have gone
    asked = {
        query for board in BOARDS for each in panels_of(board) for query in each.queries.values()
    }
    async with following(stack, 2), httpx2.AsyncClient(timeout=30) as http:
        await http.get(f"http://{base(stack)}/api/v1/market/stats")
        empty = set(asked)

        async def is_all_there() -> bool:
            for query in sorted(empty):
                if await has_data(http, stack, query):
                    empty.discard(query)
            return not empty

        try:
            await until(is_all_there)
        except TimeoutError:
            pytest.fail("\n".join(sorted(empty)))
        rules = await prometheus(http, stack, "rules")
    health = {rule["name"]: rule["health"] for group in rules["groups"] for rule in group["rules"]}
    assert set(health.values()) == {"ok"}, health


def panels_of(board: Board) -> list[Panel]:
    """All of them."""
    return [panel for row in board.rows.values() for panel in row]


async def has_data(http: httpx2.AsyncClient, stack: Stack, query: str) -> bool:
    """Does it give anything now?"""
    expression = query.replace("$__rate_interval", "1m")
    return bool((await prometheus(http, stack, "query", query=expression))["result"])


async def prometheus(
    http: httpx2.AsyncClient, stack: Stack, what: str, **params: str
) -> dict[str, Any]:
    """What its API answers."""
    url = f"http://127.0.0.1:{stack.port('prometheus', 9090)}/api/v1/{what}"
    answer = await http.get(url, params=params)
    assert answer.status_code == 200, (params, answer.text)
    data: dict[str, Any] = answer.json()["data"]
    return data


async def test_nginx_may_stand_in_caddys_place(stack: Stack) -> None:
    """deploy/nginx: clients go on through it when a hub dies, and /metrics is not for the world."""
    async with nginx(stack) as place:
        async with httpx2.AsyncClient() as http:
            assert (await http.get(f"http://{place}/metrics")).status_code == 404
            assert (await http.get(f"http://{place}/readyz")).status_code == 200
        async with following(stack, 2, place) as clients:
            await clients[0].until(5)
            await stack.containers["api"][1].kill()
            seen = [client.trades for client in clients]
            for client, before in zip(clients, seen, strict=True):
                await client.until(before + 5)
                assert (client.lost, client.holes) == (0, 0)
    await stack.containers["api"][1].start(is_boxed=stack.is_boxed)
    await stack.healthy("api")


@asynccontextmanager
async def nginx(stack: Stack) -> AsyncIterator[str]:
    """nginx with the deployed file and our ports; where it is."""
    program = find_program("nginx")
    if program is None:
        pytest.skip("there is no nginx")
    file = nginx_file(stack)
    args = [program, "-p", str(file.parent), "-c", str(file), "-e", "stderr"]
    container = Container("nginx", args, {"PATH": "/usr/bin"}, stack.folder)
    await container.start(is_boxed=False)
    port = stack.port("nginx", 8080)
    try:
        await listening(port)
        yield f"127.0.0.1:{port}"
    finally:
        await container.stop(_PATIENCE_S)


def nginx_file(stack: Stack) -> Path:
    """What goes around the deployed file, which has our ports then."""
    text = (ROOT / "deploy" / "nginx" / "curvefeed.conf").read_text()
    ports = {"listen 8080": f"listen 127.0.0.1:{stack.port('nginx', 8080)}"} | {
        f"127.0.0.1:{8001 + replica} ": f"127.0.0.1:{stack.port('api', 8001, replica)} "
        for replica in range(stack.compose.replicas("api"))
    }
    for deployed, ours in ports.items():
        assert deployed in text
        text = text.replace(deployed, ours)
    folder = stack.folder / "nginx"
    folder.mkdir(exist_ok=True)
    temporary = " ".join(
        f"{kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file = folder / "nginx.conf"
    file.write_text(
        f"daemon off; user root; pid {folder}/pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; {temporary}\n{text} }}"
    )
    return file


async def test_batches_can_be_traced(stack: Stack, collector: Receiver) -> None:
    """With TRACING_ENABLED both sides of Postgres send spans, and what they say is figures."""
    wanted = {"curvefeed-indexer": {"rpc", "decode", "commit"}, "curvefeed-api": {"fan_out"}}

    async def is_all_there() -> bool:
        return all(names <= set(collector.spans[part]) for part, names in wanted.items())

    async with following(stack, 1):
        await until(is_all_there)
    assert collector.attributes == {"method", "updates", "events", "rows", "seq"}


async def test_no_file_is_written_outside_of_tmp(stack: Stack) -> None:
    """The containers' file systems are read-only: a process that tries says so in its log."""
    if not stack.is_boxed:
        pytest.skip("no mount namespace may be made here")
    for each in (one for all_of_it in stack.containers.values() for one in all_of_it):
        assert "Read-only file system" not in each.output


async def test_everything_stops_in_good_order(stack: Stack) -> None:
    """SIGTERM ends each process by itself, with status 0."""
    for name in ("traders", "indexer", "api", "localnet", "proxy"):
        codes = await asyncio.gather(*(each.stop(_PATIENCE_S) for each in stack.containers[name]))
        assert set(codes) == {0}, [each.output for each in stack.containers[name]]
