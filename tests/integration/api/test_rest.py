"""REST: what was committed is what is answered, page by page, and every error says what to do."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import msgspec
import pytest

from api.schemas import CandlePage, RoomAnswer, TokenAnswer, TokenPage, TradePage
from common.messages import NewTrade, PortfolioUpdate
from db.pool import Pool
from db.writer import Writer
from indexer.commit import Batch, commit
from indexer.seen import Seen
from programs.keys import b58
from tests.helpers.events import MINUTE, completed, created, key, seen, traded
from tests.helpers.rest import get, pages
from tests.integration.api.conftest import Serve

MINT, WALLET = b58(key("mint")), b58(key("wallet"))
UNSEEN = b58(key("never seen"))


@pytest.fixture
def is_direct() -> bool:
    """REST doesn't depend on the output path."""
    return True


@pytest.fixture
async def http(serve: Serve) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of a served API."""
    server = await serve(settings={"admin_token": "let-me-in"})
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
        yield client


async def store(pool: Pool, *events: Seen) -> None:
    """Commit events as the indexer does."""
    async with Writer(pool) as writer:
        await commit(writer, Batch(events=list(events)), "confirmed")


async def test_a_token_as_it_stands(http: httpx2.AsyncClient, pool: Pool) -> None:
    """The token's state after its newest trade, and the position in the feed it reflects."""
    await store(pool, seen(created(), "create", 1))
    await store(pool, seen(traded(10**6, 10**9, reserves=(10**15, 31 * 10**9)), "buy", 2))
    await store(pool, seen(completed(), "complete", 3))
    body = await get(http, f"/tokens/{MINT}")
    TokenAnswer.model_validate(body)
    assert (body["mint"], body["symbol"], body["program"]) == (MINT, "COIN", "pump")
    assert (body["price"], body["market_cap"]) == ("0.000000031", "31")
    assert body["quote_mint"] == "So11111111111111111111111111111111111111112"
    assert (body["supply"], body["trades"], body["volume_quote"]) == (str(10**15), 1, str(10**9))
    assert (body["completed_slot"], body["migrated_slot"]) == (3, None)
    assert (body["first_seq"], body["seq"], body["meta"]["feed_seq"]) == (1, 2, 3)


async def test_a_trade_has_the_feeds_names(http: httpx2.AsyncClient, pool: Pool) -> None:
    """REST and the feed tell the same trade with the same names and values."""
    await store(pool, seen(created(), "create", 1))
    await store(pool, seen(traded(2**64 - 1, 10**9, paid=10**9 + 7), "buy", 2))
    body = await get(http, f"/tokens/{MINT}/trades")
    TradePage.model_validate(body)
    (item,) = body["items"]
    told = msgspec.json.decode(await pool.fetchval("SELECT data FROM feed WHERE seq = 2"))
    assert set(item) - {"seq", "tx_index", "usd"} == set(NewTrade.__struct_fields__) - {
        "commitment"
    }
    for name in set(item) - {"seq", "tx_index", "usd"}:
        assert item[name] == told[name], name
    assert item["base_amount"] == "18446744073709551615"


async def test_pages_are_stable_under_inserts(http: httpx2.AsyncClient, pool: Pool) -> None:
    """Trades that come in while somebody pages shift nothing: each of those before is met once."""
    for number in range(25):
        await store(pool, seen(traded(number + 1, 10), f"trade {number}", 1 + number // 7))
    first = await get(http, f"/tokens/{MINT}/trades", limit=10)
    for number in range(5):
        await store(pool, seen(traded(1000 + number, 10), f"late {number}", 9))
    rest = await pages(http, f"/tokens/{MINT}/trades", limit=10, cursor=first["next"])
    amounts = [int(item["base_amount"]) for item in [*first["items"], *rest]]
    assert amounts == list(range(25, 0, -1))


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 200])
async def test_every_page_size_gives_the_same(
    http: httpx2.AsyncClient, pool: Pool, limit: int
) -> None:
    """However large the pages, tokens, trades and candles are the same, and end."""
    mints = [f"mint {number}" for number in range(7)]
    for number, mint in enumerate(mints):
        await store(pool, seen(created(mint), f"create {number}", 1 + number))
    for number in range(7):
        trade = traded(5, 10, mint=mints[0], time=MINUTE + 60 * number)
        await store(pool, seen(trade, f"trade {number}", 20))
    tokens = await pages(http, "/tokens", limit=limit)
    assert [item["mint"] for item in tokens] == [b58(key(mint)) for mint in reversed(mints)]
    active = await pages(http, "/tokens", limit=limit, list="active")
    assert [item["mint"] for item in active] == [b58(key(mints[0])), *(
        b58(key(mint)) for mint in reversed(mints[1:])
    )]  # fmt: skip
    path = f"/tokens/{b58(key(mints[0]))}"
    trades = await pages(http, f"{path}/trades", limit=limit)
    assert [item["seq"] for item in trades] == list(range(14, 7, -1))
    candles = await pages(http, f"{path}/candles", limit=limit)
    assert [item["start"] for item in candles] == [MINUTE + 60 * n for n in range(6, -1, -1)]


async def test_candles(http: httpx2.AsyncClient, pool: Pool) -> None:
    """A bar is what its trades say; amounts and prices are strings."""
    for number, quote in enumerate((30, 40, 20, 35)):
        trade = traded(100, 7, reserves=(10**15, quote * 10**9), time=MINUTE + 10 * number)
        await store(pool, seen(trade, f"trade {number}", 1 + number))
    body = await get(http, f"/tokens/{MINT}/candles", interval="1m")
    CandlePage.model_validate(body)
    (bar,) = body["items"]
    assert [bar[name] for name in ("open", "high", "low", "close")] == [
        "0.00000003", "0.00000004", "0.00000002", "0.000000035",
    ]  # fmt: skip
    assert (bar["volume_base"], bar["volume_quote"], bar["trades"]) == ("400", "28", 4)
    assert (bar["start"], bar["interval_s"], bar["last_seq"]) == (MINUTE, 60, 4)


async def test_a_wallets_trades(http: httpx2.AsyncClient, pool: Pool) -> None:
    """Its own, of every token, newest first; a wallet nobody saw has none."""
    for number, wallet in enumerate(("wallet", "other", "wallet")):
        trade = traded(number + 1, 5, mint=f"mint {number}", wallet=wallet)
        await store(pool, seen(trade, f"trade {number}", number + 1))
    items = await pages(http, f"/wallets/{WALLET}/trades", limit=1)
    assert [item["base_amount"] for item in items] == ["3", "1"]
    assert {item["wallet"] for item in items} == {WALLET}
    assert (await get(http, f"/wallets/{UNSEEN}/trades"))["items"] == []


async def test_what_a_fork_undid_is_gone(http: httpx2.AsyncClient, pool: Pool) -> None:
    """Retracted trades are in no list."""
    for number in range(3):
        await store(pool, seen(traded(number + 1, 5), f"trade {number}", number + 1))
    await pool.execute("UPDATE trade_rows SET retracted = true WHERE seq = 2")
    amounts = [item["base_amount"] for item in await pages(http, f"/tokens/{MINT}/trades")]
    assert amounts == ["3", "1"]


async def test_room_snapshots(http: httpx2.AsyncClient, pool: Pool) -> None:
    """A room's state comes with the position to subscribe from: its newest log event."""
    await store(pool, seen(created(), "create", 1))
    await store(pool, seen(traded(7, 5), "trade", 2))
    await store(pool, seen(created("another"), "other", 3))
    for room, seq, fields in (
        ("global", 3, {"tokens", "trades"}),
        (f"token_{MINT}", 2, {"token", "trades"}),
        (f"user_{WALLET}", 2, {"positions", "trades"}),
    ):
        body = await get(http, f"/websocket/rooms/{room}/snapshot")
        RoomAnswer.model_validate(body)
        assert (body["room"], body["seq"], set(body["data"])) == (room, seq, fields)
        assert len(body["data"]["trades"]) == 1
    (position,) = body["data"]["positions"]
    assert set(position) == set(PortfolioUpdate.__struct_fields__)
    assert position["base_amount"] == "7"


WRONG: list[tuple[str, dict[str, Any], int, str]] = [
    ("/tokens/abc", {}, 400, "mint"),
    ("/tokens/" + "1" * 60, {}, 400, "mint"),
    (f"/tokens/{UNSEEN}", {}, 404, UNSEEN),
    (f"/tokens/{UNSEEN}/trades", {}, 404, UNSEEN),
    (f"/tokens/{UNSEEN}/candles", {}, 404, UNSEEN),
    ("/tokens", {"cursor": "nonsense"}, 400, "cursor"),
    ("/tokens", {"cursor": "é"}, 400, "cursor"),
    ("/tokens", {"cursor": "MS4y"}, 400, "cursor"),
    ("/tokens", {"cursor": "OTk5OTk5OTk5OTk5OTk5OTk5OQ"}, 400, "cursor"),
    ("/tokens", {"cursor": "x" * 300}, 422, "cursor"),
    ("/tokens", {"limit": 0}, 422, "limit"),
    ("/tokens", {"limit": 201}, 422, "limit"),
    ("/tokens", {"limit": "many"}, 422, "limit"),
    ("/tokens", {"list": "alphabetical"}, 422, "list"),
    (f"/tokens/{MINT}/candles", {"interval": "7m"}, 422, "interval"),
    ("/wallets/0OIl/trades", {}, 400, "wallet"),
    ("/websocket/rooms/lobby/snapshot", {}, 400, "room"),
    ("/nothing", {}, 404, "Not Found"),
]


async def test_wrong_requests(http: httpx2.AsyncClient) -> None:
    """A wrong request gets a problem that names what is wrong and what to do."""
    for path, query, status, word in WRONG:
        body = await get(http, path, status, **query)
        assert body["status"] == status and body["title"], path
        assert word in body["detail"], path
        assert body["hint"], path


async def test_who_may_broadcast(http: httpx2.AsyncClient, serve: Serve) -> None:
    """Only the administrator publishes, only events of the registry, and they get a seq."""
    event = {"event": "market_stats", "data": {"tokens": 5}}
    url = "/api/v1/websocket/broadcast"
    admin = {"Authorization": "Bearer let-me-in"}
    assert (await http.post(url, json=event)).status_code == 401
    wrong = {"Authorization": "Bearer guess"}
    assert (await http.post(url, json=event, headers=wrong)).status_code == 401
    answer = await http.post(url, json=event, headers=admin)
    assert (answer.status_code, answer.json()) == (201, {"seq": 1})
    for bad in (
        {"event": "nonsense", "data": {}},
        {"event": "price_update", "data": {"price": 1}},
        {"event": "market_stats", "data": {"padding": "x" * 9000}},
        {"event": "market_stats"},
    ):
        answer = await http.post(url, json=bad, headers=admin)
        assert answer.status_code == 422, bad
        assert answer.json()["detail"]
    closed = await serve()
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{closed.port}") as other:
        assert (await other.post(url, json=event, headers=admin)).status_code == 403


async def test_operations(http: httpx2.AsyncClient, pool: Pool) -> None:
    """Alive, ready, measured: each where machines look for it; not ready says why."""
    assert (await http.get("/healthz")).json() == {"status": "ok"}
    ready = await http.get("/readyz")
    assert (ready.status_code, ready.json()["is_ready"]) == (200, True)
    metrics = (await http.get("/metrics")).text
    assert re.search(r"^curvefeed_hub_connections \d", metrics, re.M)
    await pool.execute("DELETE FROM schema_migrations WHERE number > 1")
    behind = await http.get("/readyz")
    assert behind.status_code == 503
    assert "migrate" in behind.json()["migrations"]


async def test_stats_are_detailed_for_the_administrator_only(http: httpx2.AsyncClient) -> None:
    """Everybody sees sums, the administrator sees rooms."""
    assert (await get(http, "/websocket/stats"))["room_details"] is None
    admin = {"Authorization": "Bearer let-me-in"}
    answer = await http.get("/api/v1/websocket/stats", headers=admin)
    assert answer.json()["room_details"] == []


async def test_every_route_is_documented(http: httpx2.AsyncClient) -> None:
    """OpenAPI names a summary for every operation, and problem+json for every error of the
    history.
    """
    document = (await http.get("/openapi.json")).json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation.get("summary"), (path, method)
            if path.startswith(("/api/v1/tokens", "/api/v1/wallets")):
                errors = {code: each for code, each in operation["responses"].items() if code > "4"}
                assert "503" in errors and "400" in errors, path
                for code, each in errors.items():
                    assert "application/problem+json" in each["content"], (path, code)
    TokenPage.model_validate(await get(http, "/tokens"))


async def test_without_a_page_the_reason_is_shown(http: httpx2.AsyncClient) -> None:
    """Where the page could not be built, `/` and `/trade` say why and point to /docs."""
    for path in ("/", "/trade"):
        answer = await http.get(path)
        assert "no page in this test" in answer.text
        assert "/docs" in answer.text
