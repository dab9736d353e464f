"""What REST derives: lists, holders, traders, flags, wallets, the market, search; and the past."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from random import Random
from typing import Any

import httpx2
import msgspec
import pytest

from api.server import ApiServer
from db.pool import Pool, pool_of
from db.reads.search import MOST_RANKED
from db.reads.wallets import profits
from db.windows import WINDOWS, Part, refresh
from indexer.seen import Seen
from programs.keys import b58
from tests.conftest import SettingsFactory
from tests.helpers.events import MINUTE, completed, created, key, migrated, seen, traded
from tests.helpers.pg import PostgresForTests
from tests.helpers.rest import get, market, pages, serving, store
from tests.integration.api.conftest import Serve

INTERVALS = {
    "1s": 1, "15s": 15, "1m": 60, "5m": 300, "15m": 900, "1h": 3_600, "4h": 14_400, "1d": 86_400,
}  # fmt: skip
MADE = market(Random(7), 300)


@pytest.fixture
def is_direct() -> bool:
    """REST doesn't depend on the output path."""
    return True


@pytest.fixture
async def http(serve: Serve) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of a served API."""
    server = await serve(settings={"king_of_the_hill_bps": 2_000})
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
        yield client


def named(mint: str) -> str:
    """The mint's address."""
    return b58(key(mint))


async def listed(http: httpx2.AsyncClient, name: str, **query: Any) -> list[str]:
    """The mints of a list, read in pages of two."""
    return [item["mint"] for item in await pages(http, "/tokens", list=name, limit=2, **query)]


async def test_lists(http: httpx2.AsyncClient, pool: Pool) -> None:
    """Each list holds the tokens that its name says, in the order it says, page by page."""
    mints = ["a", "b", "c", "d", "e"]
    for number, mint in enumerate(mints):
        await store(pool, seen(created(mint), f"create {mint}", 1 + number))
        reserves = (10**15, (30 + number) * 10**9)
        await store(pool, seen(traded(5, 7, mint=mint, reserves=reserves), mint, 10 + number))
    for progress, mint in enumerate(mints):
        await pool.execute(
            "UPDATE tokens SET progress_bps = $1 WHERE mint = $2", progress * 1_000, key(mint)
        )
    await store(pool, seen(completed("e"), "full", 20), seen(migrated("e"), "moved", 21))
    everything = [named(mint) for mint in mints]
    assert await listed(http, "new") == everything[::-1]
    assert await listed(http, "oldest") == everything
    assert await listed(http, "about_to_graduate") == everything[3::-1]
    assert await listed(http, "king_of_the_hill") == [named("d"), named("c")]
    assert await listed(http, "graduated") == [named("e")]
    assert await listed(http, "top_market_cap") == everything[::-1]
    assert await listed(http, "top_market_cap", quote_mint=named("other")) == []
    assert await listed(http, "new", program="moonshot") == []
    stages = {item["mint"]: item["stage"] for item in await pages(http, "/tokens")}
    assert (stages[named("e")], stages[named("a")]) == ("migrated", "curve")


async def test_a_launchpad_that_takes_no_fee(http: httpx2.AsyncClient, pool: Pool) -> None:
    """Its trades are answered with no fees, not with an error."""
    await store(pool, seen(msgspec.structs.replace(traded(5, 7, mint="free"), fees={}), "free", 1))
    (trade,) = await pages(http, f"/tokens/{named('free')}/trades")
    assert trade["fees"] == {}


async def test_trending_and_windows(http: httpx2.AsyncClient, pool: Pool) -> None:
    """What was traded most in a window leads its lists, and its figures are the window's."""
    now = int(await pool.fetchval("SELECT extract(epoch FROM now())::bigint"))
    for mint, wallets in (("hot", 3), ("cold", 1)):
        await store(pool, seen(created(mint), f"create {mint}", 1))
        for number in range(wallets):
            trade = traded(5, 10**9, mint=mint, wallet=f"wallet {number}", time=now - 30)
            await store(pool, seen(trade, f"{mint} {number}", 2))
    for window_s in WINDOWS.values():
        await refresh(pool, window_s, now, Part(0))
    for name in ("trending", "top_volume"):
        assert await listed(http, name, window="1h") == [named("hot"), named("cold")]
    (first, second) = (await get(http, "/market/trending"))["items"]
    assert (first["rank"], first["token"]["mint"]) == (1, named("hot"))
    assert Decimal(first["score"]) > Decimal(second["score"])
    assert first["token"]["windows"]["1h"]["buyers"] == 3
    stats = (await get(http, f"/tokens/{named('hot')}/stats"))["windows"]
    assert list(stats) == ["5m", "1h", "6h", "24h"]
    assert (stats["5m"]["volume_quote"], stats["5m"]["buys"]) == (str(3 * 10**9), 3)
    (sol,) = (await get(http, "/market/stats"))["windows"]["24h"]
    assert (sol["trades"], sol["buys"], sol["volume_quote"]) == (4, 4, str(4 * 10**9))


async def test_filters(http: httpx2.AsyncClient, pool: Pool) -> None:
    """Every filter of trades leaves just those that it names, alone and with others."""
    await store(pool, *MADE)
    path = f"/tokens/{named('one')}/trades"
    everything = await pages(http, path)
    wallet, slot, time = everything[40]["wallet"], 60, MINUTE + 15
    least = sorted(int(item["quote_amount"]) for item in everything)[60]
    for query, is_wanted in (
        ({"side": "sell"}, lambda it: it["side"] == "sell"),
        ({"wallet": wallet}, lambda it: it["wallet"] == wallet),
        ({"min_quote": least}, lambda it: int(it["quote_amount"]) >= least),
        ({"min_base": 10**12}, lambda it: int(it["base_amount"]) >= 10**12),
        ({"from_slot": slot}, lambda it: it["slot"] >= slot),
        ({"to_slot": slot}, lambda it: it["slot"] <= slot),
        ({"from_time": time}, lambda it: it["block_time"] >= time),
        ({"to_time": time}, lambda it: it["block_time"] <= time),
        (
            {"side": "buy", "wallet": wallet, "from_time": time, "to_slot": 120},
            lambda it: (
                it["side"] == "buy"
                and it["wallet"] == wallet
                and it["block_time"] >= time
                and it["slot"] <= 120
            ),
        ),
    ):
        wanted = [item for item in everything if is_wanted(item)]
        assert wanted and len(wanted) < len(everything), query
        assert await pages(http, path, limit=9, **query) == wanted, query
    mine = await pages(http, f"/wallets/{wallet}/trades", mint=named("one"), limit=7)
    assert mine == [item for item in everything if item["wallet"] == wallet]


async def test_candles_of_every_length(http: httpx2.AsyncClient, pool: Pool) -> None:
    """A bar of any length is what the trades inside it make."""
    await store(pool, *MADE)
    path = f"/tokens/{named('one')}"
    trades = (await pages(http, f"{path}/trades"))[::-1]
    for name, seconds in INTERVALS.items():
        bars = await pages(http, f"{path}/candles", interval=name, limit=3)
        wanted: dict[int, list[dict[str, Any]]] = {}
        for trade in trades:
            wanted.setdefault(trade["block_time"] // seconds * seconds, []).append(trade)
        assert [bar["start"] for bar in bars] == sorted(wanted, reverse=True), name
        for bar in bars:
            inside = wanted[bar["start"]]
            prices = [Decimal(trade["price"]) for trade in inside]
            assert [Decimal(bar[field]) for field in ("open", "high", "low", "close")] == [
                prices[0], max(prices), min(prices), prices[-1],
            ]  # fmt: skip
            assert (bar["trades"], bar["last_seq"]) == (len(inside), inside[-1]["seq"])
            assert int(bar["volume_quote"]) == sum(int(each["quote_amount"]) for each in inside)


def _without(body: Any, *names: str) -> Any:
    """What doesn't depend on when it is asked."""
    gone = {"meta", "windows", "rev", "final", "seq", "first_seq", "last_seq", *names}
    if isinstance(body, list):
        return [_without(each, *names) for each in body]
    if isinstance(body, dict):
        return {name: _without(each, *names) for name, each in body.items() if name not in gone}
    return body


SUMS = ("trades", "buys", "sells", "volume_base", "volume_quote", "holders", "curve_progress_bps")


async def test_as_of_slot_is_what_it_was(
    http: httpx2.AsyncClient, pool: Pool, postgres: PostgresForTests, settings: SettingsFactory
) -> None:
    """Token, holders and candles as of a slot are those of a database that ends there."""
    await store(pool, *MADE)
    slot = 90
    url = await postgres.create()
    async with pool_of(url, 3) as past:
        await store(past, *(event for event in MADE if event.slot <= slot))
        async with serving(ApiServer(settings(websocket_port=0), past)) as then:
            path = f"/tokens/{named('one')}"
            now = await get(http, path, as_of_slot=slot)
            assert _without(now, *SUMS) == _without(await get(then, path), *SUMS)
            assert (now["trades"], now["holders"]) == (None, None)
            for limit in (2, 200):
                assert await pages(http, f"{path}/holders", as_of_slot=slot, limit=limit) == (
                    await pages(then, f"{path}/holders", limit=limit)
                )
            for part in ("holders", "top10_bps"):
                page = await get(http, f"{path}/holders", as_of_slot=slot)
                assert page[part] == (await get(then, f"{path}/holders"))[part]
            for name in INTERVALS:
                query = {"interval": name, "limit": 4}
                assert _without(await pages(http, f"{path}/candles", as_of_slot=slot, **query)) == (
                    _without(await pages(then, f"{path}/candles", **query))
                ), name
    await postgres.drop(url)
    await get(http, f"/tokens/{named('one')}", 404, as_of_slot=0)


async def test_pages_while_trades_are_committed(http: httpx2.AsyncClient, pool: Pool) -> None:
    """While the indexer commits, whoever pages meets everything that was there, once, in order."""
    await store(pool, *MADE[:150])
    is_done = asyncio.Event()

    async def commit_on() -> None:
        number = 0
        while not is_done.is_set():
            number += 1
            trade = traded(number, 9, mint="one", time=MINUTE + 500 + number)
            fresh: list[Seen] = [seen(trade, f"more {number}", 1_000 + number)]
            if number % 3 == 0:
                fresh.append(seen(created(f"new {number}"), f"create {number}", 1_000 + number))
            await store(pool, *fresh)

    known = [item["seq"] for item in await pages(http, f"/tokens/{named('one')}/trades")]
    committing = asyncio.create_task(commit_on())
    try:
        trades = await pages(http, f"/tokens/{named('one')}/trades", limit=3)
        tokens = await pages(http, "/tokens", list="oldest", limit=1)
    finally:
        is_done.set()
        await committing
    seqs = [item["seq"] for item in trades]
    assert len(set(seqs)) == len(seqs)
    assert [seq for seq in seqs if seq in set(known)] == known
    assert [item["mint"] for item in tokens][:2] == [named("one"), named("two")]
    assert len({item["mint"] for item in tokens}) == len(tokens)


async def test_holders_traders_and_first_buyers(http: httpx2.AsyncClient, pool: Pool) -> None:
    """Who holds, who gained and who came first follow from the trades alone."""
    await store(pool, seen(created(), "create", 1))
    for number, (wallet, base, quote, is_buy) in enumerate(
        [("a", 500, 50, True), ("b", 300, 40, True), ("a", 200, 60, False), ("c", 7, 1, False)]
    ):
        trade = traded(base, quote, wallet=wallet, is_buy=is_buy)
        await store(pool, seen(trade, f"trade {number}", 2 + number))
    path = f"/tokens/{named('mint')}"
    page = await get(http, f"{path}/holders")
    held = {it["wallet"]: it["base_amount"] for it in page["items"]}
    assert held == {named("a"): "300", named("b"): "300"}
    assert (page["holders"], page["source"]) == (2, "derived_from_trades")
    traders = await pages(http, f"{path}/traders", limit=1)
    assert traders[0]["wallet"] == named("a")
    assert (traders[0]["realized_quote"], traders[0]["cost_quote"]) == ("40", "30")
    assert {it["wallet"] for it in traders} == {named("a"), named("b"), named("c")}
    for order, column, count in (
        ("loss", "realized_quote", 3), ("amount", "base_amount", 2), ("recent", "last_trade_at", 3),
    ):  # fmt: skip
        found = await pages(http, f"{path}/traders", limit=1, order=order)
        values = [int(it[column]) for it in found]
        assert values == sorted(values, reverse=order != "loss")
        assert len({it["wallet"] for it in found}) == count
    first = (await get(http, f"{path}/first-buyers"))["items"]
    assert [it["wallet"] for it in first] == [named("a"), named("b")]


async def test_flags_have_evidence(http: httpx2.AsyncClient, pool: Pool) -> None:
    """A flag is a fact with what it rests on; what was not seen is not flagged."""
    path = f"/tokens/{named('mint')}/flags"
    await store(pool, seen(created(), "create", 1))
    assert (await get(http, path))["items"] == []
    await store(pool, seen(traded(4 * 10**14, 50, wallet="sniper"), "snipe", 1))
    await store(pool, seen(traded(10, 5, wallet="maker"), "own", 2))
    await store(pool, seen(traded(4, 3, wallet="maker", is_buy=False), "dump", 3))
    flags = {each["flag"]: each["evidence"] for each in (await get(http, path))["items"]}
    assert set(flags) == {"bundled", "creator_sold", "concentrated"}
    assert flags["bundled"]["purchases"][0]["wallet"] == named("sniper")
    assert (flags["creator_sold"]["sells"], flags["creator_sold"]["still_held"]) == (1, "6")
    assert flags["concentrated"]["top10_bps"] == 4_000


async def test_wallets(http: httpx2.AsyncClient, pool: Pool) -> None:
    """Positions, totals, profit and created tokens of a wallet; a stranger has none."""
    await store(pool, *MADE)
    await pool.execute(
        """INSERT INTO token_metadata (mint, uri, state, thumbnail, thumbnail_hash)
           VALUES ($1, '', 'done', '', '')""",
        key("one"),
    )
    wallet = f"/wallets/{named('wallet 1')}"
    positions = await pages(http, f"{wallet}/positions", limit=1)
    assert {it["mint"] for it in positions} == {named("one"), named("two")}
    assert all(it["symbol"] == "COIN" for it in positions)
    images = {it["mint"]: it["image"] for it in positions}
    assert images == {named("one"): f"/api/v1/tokens/{named('one')}/image", named("two"): None}
    open_ones = await pages(http, f"{wallet}/positions", is_open="true")
    assert open_ones == [it for it in positions if int(it["base_amount"])]
    (totals,) = (await get(http, wallet))["totals"]
    trades = await pages(http, f"{wallet}/trades")
    assert totals["trades"] == len(trades)
    assert int(totals["realized_quote"]) == sum(int(it["realized_quote"]) for it in positions)
    (pnl,) = (await get(http, f"{wallet}/pnl"))["quotes"]
    assert pnl["open_positions"] == len(open_ones)
    assert int(pnl["value_quote"]) == sum(int(it["value_quote"]) for it in open_ones)
    assert int(pnl["unrealized_quote"]) == sum(int(it["unrealized_quote"]) for it in open_ones)
    made = await pages(http, f"/wallets/{named('maker')}/tokens", limit=1)
    assert [it["mint"] for it in made] == [named("two"), named("one")]
    stranger = f"/wallets/{named('stranger')}"
    assert (await get(http, stranger))["totals"] == []
    for part in ("positions", "trades", "tokens"):
        assert (await get(http, f"{stranger}/{part}"))["items"] == []


async def test_a_wallet_with_too_many_positions_to_value(pool: Pool) -> None:
    """What is open is valued of those traded last, and the answer says so; totals are of all."""
    for number, mint in enumerate(("old", "newer", "newest")):
        await store(pool, seen(created(mint), f"create {mint}", 2 * number + 1))
        trade = traded(5 + number, 7, mint=mint, wallet="bot", reserves=(10**15, 30 * 10**9))
        await store(pool, seen(trade, mint, 2 * number + 2))
    _, (whole,) = await profits(pool, key("bot"), most=3)
    _, (part,) = await profits(pool, key("bot"), most=2)
    assert (whole.is_partial, whole.open_positions) == (False, 3)
    assert (part.is_partial, part.open_positions) == (True, 2)
    paid = whole.bought_quote
    assert (whole.cost_quote, part.cost_quote) == (paid, paid * 2 // 3)
    assert (part.positions, part.bought_quote) == (3, paid)


async def test_the_direct_way_answers_as_fastapi_does(http: httpx2.AsyncClient, pool: Pool) -> None:
    """Every route of the history is reached directly; what FastAPI answers to the same question,
    asked in a way that is left to it, is the same to the byte, and so is what is refused."""
    await store(pool, *MADE)
    one, wallet = f"/tokens/{named('one')}", f"/wallets/{named('wallet 1')}"
    for path in (
        "/tokens", one, f"{one}/trades", f"{one}/candles", f"{one}/holders", f"{one}/traders",
        f"{one}/first-buyers", f"{one}/flags", wallet, f"{wallet}/trades", f"{wallet}/positions",
        f"{wallet}/pnl", f"{wallet}/tokens", "/market/stats", "/market/trending", "/search?q=co",
    ):  # fmt: skip
        direct = await http.get(f"/api/v1{path}")
        # Twice the same parameter is nothing the direct way looks at.
        sign = "&" if "?" in path else "?"
        usual = await http.get(f"/api/v1{path}{sign}other=1&other=1")
        assert direct.status_code == usual.status_code == 200, path
        assert direct.content == usual.content, path
        assert dict(direct.headers) | {"date": ""} == dict(usual.headers) | {"date": ""}
    for path in ("/tokens/", "/tokens/no-key/trades", "/wallets/", f"{one}/trades/"):
        assert (await http.get(f"/api/v1{path}")).status_code in (307, 400, 404), path
    await get(http, f"{one}/trades", 422, limit=0)


async def test_a_letter_that_all_names_have(http: httpx2.AsyncClient, pool: Pool) -> None:
    """The token that is called just so comes first, however many have it in their names."""
    await pool.execute(
        """INSERT INTO tokens (mint, id, program, first_seq, name, symbol)
           SELECT sha256(int4send(n)), 1000 + n, 'pump', n, 'Aa' || n, 'AA' || n
           FROM generate_series(1, $1) AS g (n)""",
        MOST_RANKED + 50,
    )
    await store(pool, seen(created("a", name="A"), "create a", 1))
    for text in ("a", "A "):
        (first, *others) = (await get(http, "/search", q=text))["items"]
        assert (first["name"], len(others)) == ("A", 19)


async def test_search(http: httpx2.AsyncClient, pool: Pool) -> None:
    """A mint finds its token, a part of a name or symbol those that have it, the like-named
    first."""
    for mint, name in (("a", "Moon"), ("b", "Moonlight"), ("c", "Sun")):
        await store(pool, seen(created(mint, name=name), f"create {mint}", 1))
    found = (await get(http, "/search", q="moon"))["items"]
    assert [(it["name"], it["match"]) for it in found] == [("Moon", "name"), ("Moonlight", "name")]
    (one,) = (await get(http, "/search", q=named("c")))["items"]
    assert (one["name"], one["match"]) == ("Sun", "mint")
    assert len((await get(http, "/search", q="COIN"))["items"]) == 3
    assert (await get(http, "/search", q="zzz"))["items"] == []
    await get(http, "/search", 422, q="")
