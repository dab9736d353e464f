"""How Postgres answers REST: never by reading a whole partition."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx2
from asyncpg.connection import LoggedQuery

from api.server import ApiServer
from benchmarks.history import Shape
from benchmarks.rest_data import Loader
from db.feed import Scope
from db.pool import Pool, Pools, pool_of
from db.reads.rooms import snapshot
from db.windows import WINDOWS, Part, refresh
from programs.keys import b58
from tests.conftest import SettingsFactory
from tests.helpers.rest import serving

SHAPE = Shape(trades=20_000, tokens=500, wallets=3_000, trades_per_s=0.055)
"""So slow that it goes over three partitions."""
LARGE = ("trade_rows", "candle_rows", "position_rows")


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every node of a plan."""
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


async def paths(pool: Pool) -> list[str]:
    """Every kind of request, of the token and the wallet with most trades and of middling ones."""
    wallets = await pool.fetch(
        "SELECT k.key FROM wallet_totals w JOIN keys k ON k.id = w.wallet_id "
        "ORDER BY w.buys + w.sells DESC"
    )
    (middle,) = await pool.fetch(
        "SELECT slot, block_time FROM trade_rows ORDER BY slot OFFSET 10000 LIMIT 1"
    )
    slot, time = middle
    tokens = await pool.fetch(
        "SELECT mint FROM tokens WHERE created_slot <= $1 ORDER BY trades DESC", slot
    )
    mints = [row["mint"] for row in tokens]
    found = [f"/tokens?list={name}" for name in (
        "new", "oldest", "active", "about_to_graduate", "king_of_the_hill", "graduated",
        "top_market_cap", "trending", "top_volume",
    )]  # fmt: skip
    found += ["/market/stats", "/market/trending", "/search?q=coin", "/search?q=c1"]
    for mint in (b58(mints[0]), b58(mints[len(mints) // 2])):
        token = f"/tokens/{mint}"
        ranges = (f"from_time={time}", f"to_time={time}", f"from_slot={slot}", f"to_slot={slot}")
        found += [token, f"{token}?as_of_slot={slot}", f"{token}/trades", f"/search?q={mint}"]
        found += [f"{token}/trades?{each}&side=buy&min_quote=1000" for each in ranges]
        found += [f"{token}/trades?wallet={b58(wallets[0][0])}"]
        found += [f"{token}/candles?interval={name}" for name in ("1s", "15m", "1d")]
        found += [f"{token}/candles?interval=5m&as_of_slot={slot}"]
        found += [f"{token}/holders?as_of_slot={slot}"]
        found += [f"{token}/{part}" for part in (
            "holders", "traders", "traders?order=loss", "traders?order=amount",
            "traders?order=recent", "stats", "flags", "first-buyers",
        )]  # fmt: skip
    for key in (wallets[0][0], wallets[900][0]):
        wallet = f"/wallets/{b58(key)}"
        found += [f"{wallet}{part}" for part in (
            "", "/trades", f"/trades?mint={b58(mints[0])}", "/positions",
            "/positions?is_open=true", "/pnl", "/tokens",
        )]  # fmt: skip
    return found


async def next_page(http: httpx2.AsyncClient, path: str) -> None:
    """The request, and the page after it."""
    answer = await http.get(path)
    assert answer.status_code == 200, (path, answer.text)
    cursor = answer.json().get("next")
    if cursor:
        path += f"{'&' if '?' in path else '?'}cursor={cursor}"
        answer = await http.get(path)
        assert answer.status_code == 200, (path, answer.text)


async def explained(pool: Pool, query: LoggedQuery) -> dict[str, Any]:
    """The plan of a statement that was run, with its own arguments."""
    raw = await pool.fetchval(f"EXPLAIN (FORMAT JSON) {query.query}", *query.args)
    plan: dict[str, Any] = json.loads(raw)[0]["Plan"]
    return plan


async def test_no_read_scans_a_partition(
    pool: Pool, database_url: str, settings: SettingsFactory
) -> None:
    """Whatever REST is asked, no plan reads a partition, all candles or all positions in
    sequence."""
    await Loader(pool, SHAPE).load()
    now = int(await pool.fetchval("SELECT extract(epoch FROM now())::bigint"))
    for window_s in WINDOWS.values():
        await refresh(pool, window_s, now, Part(0))
    seen: dict[str, LoggedQuery] = {}

    def note(query: LoggedQuery) -> None:
        seen.setdefault(query.query, query)

    async with pool_of(database_url, 1) as reads:
        async with reads.acquire() as connection:  # the only one there is
            connection.add_query_logger(note)
        server = ApiServer(settings(websocket_port=0), Pools(pool, reads))
        async with serving(server) as http:
            for path in await paths(pool):
                await next_page(http, f"/api/v1{path}")
        (token,) = await pool.fetch("SELECT mint, creator FROM tokens LIMIT 1")
        for scope in (Scope(), Scope(mint=token["mint"]), Scope(wallet=token["creator"])):
            await snapshot(reads, scope)
    selects = [each for text, each in seen.items() if "FROM" in text and ";" not in text]
    assert sum("trade_rows" in each.query for each in selects) > 20
    for query in selects:
        for node in nodes(await explained(pool, query)):
            name = node.get("Relation Name", "")
            is_scan = node["Node Type"] == "Seq Scan" and name.startswith(LARGE)
            assert not is_scan, f"{name} is scanned by:\n{query.query}"
