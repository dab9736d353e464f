"""Dollars of quote mints: from every kind of source into Postgres and REST, or not at all."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from aiohttp import web
from solders.account import Account
from solders.pubkey import Pubkey

from api.server import ApiServer
from common.errors import SettingsError
from common.settings import Settings
from db import prices
from db.pool import Pool
from indexer.market.prices import follow_prices
from indexer.market.sources import HttpPrice, price_sources, pyth_reading
from indexer.rpc import Node
from localnet.node import Localnet
from programs.keys import b58
from programs.pump_instructions import WRAPPED_SOL
from tests.conftest import SettingsFactory
from tests.helpers.indexing import until
from tests.helpers.web import serving

SOL = bytes(WRAPPED_SOL)
PYTH = Pubkey.from_string("rec5EKMGg6MxZYaMdyBfgwp4d5rB9T1VQH5pJv5LtFJ")
FEED = Pubkey.new_unique()


def update(
    price: int = 15_025_000_000, confidence: int = 9_000_000, *, at: int, level: int = 1
) -> bytes:
    """A PriceUpdateV2 account's bytes, field by field as the SDK lists them."""
    head = bytes.fromhex("22f123639d7ef4cd") + bytes(32) + bytes([level]) + bytes(32)
    message = struct.pack("<qQiqqqQ", price, confidence, -8, at, at - 1, price, confidence)
    return head + message + struct.pack("<Q", 77) + b"\0"


@asynccontextmanager
async def following(settings: Settings, pool: Pool) -> AsyncIterator[None]:
    """Sources are read for as long as the context is open."""
    task = asyncio.create_task(follow_prices(settings, pool))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def shown(settings: Settings, pool: Pool) -> Any:
    """What REST says."""
    server = ApiServer(settings, pool, None, "no page in this test")
    await server.start()
    try:
        async with httpx2.AsyncClient() as http:
            url = f"http://127.0.0.1:{server.port}/api/v1/market/quote-prices"
            answer = await http.get(url)
    finally:
        await server.stop()
    assert answer.status_code == 200, answer.text
    return answer.json()["prices"]


def stored(pool: Pool, mint: bytes = SOL) -> Callable[[], Awaitable[bool]]:
    """Is there a reading?"""

    async def is_there() -> bool:
        return mint in await prices.newest(pool)

    return is_there


async def test_the_localnet_has_a_demo_price_that_says_so(
    pool: Pool, localnet: Localnet, settings: SettingsFactory
) -> None:
    """Without a setting a localnet's SOL has a price that is marked as made up; fixed ones of the
    settings stand beside one another."""
    made = settings(websocket_port=0, localnet_port=localnet.port)
    async with following(made, pool):
        await until(stored(pool), "a price")
    (price,) = await shown(made, pool)
    assert (price["price"], price["source"], price["is_demo"]) == ("150", "demo", True)
    mint = bytes(range(32))
    both = settings(localnet_port=localnet.port, usd_prices=f"SOL=fixed:99.5 {b58(mint)}=fixed:1")
    async with following(both, pool):
        await until(stored(pool, mint), "the other price")


async def test_pyth_is_read_over_rpc(
    pool: Pool, localnet: Localnet, settings: SettingsFactory
) -> None:
    """The price of a Pyth account is stored exactly, with its confidence, its publish time and the
    slot of the reading; REST shows it until it is stale, then null with its age."""
    now = int(time.time())
    put = localnet.chain.accounts.put
    put(FEED, Account(10**9, update(at=now), PYTH))
    localnet.tick(3)
    made = settings(
        websocket_port=0, solana_rpc_url=localnet.rpc_url, usd_prices=f"SOL=pyth:{FEED}",
        usd_stale_s=3_600,
    )  # fmt: skip
    async with following(made, pool):
        await until(stored(pool), "a price")
    reading = (await prices.newest(pool))[SOL]
    assert (reading.price, reading.confidence) == (Decimal("150.25"), Decimal("0.09"))
    assert (reading.source, reading.observed_at) == ("pyth", now)
    assert reading.slot == localnet.chain.tips[1]
    (price,) = await shown(made, pool)
    assert Decimal(price["price"]) == Decimal("150.25")
    await pool.execute("UPDATE quote_prices SET observed_at = observed_at - 3700")
    (price,) = await shown(made, pool)
    assert price["price"] is None
    assert price["age_s"] >= 3_700


@pytest.mark.parametrize(
    "data",
    [
        b"",
        update(at=1)[:90],
        bytes(134),
        update(at=1, level=0),
        update(at=1, price=0),
        update(at=1, price=-5),
        update(at=1, price=1_000, confidence=51),
    ],
)
def test_a_price_nobody_can_vouch_for_is_none(data: bytes) -> None:
    """Another account's bytes, a partly verified update, no price above 0 and a wide confidence
    interval are refused."""
    with pytest.raises(Exception, match="price"):
        pyth_reading(data)


async def test_a_source_that_fails_leaves_nothing(
    pool: Pool, localnet: Localnet, settings: SettingsFactory
) -> None:
    """An account of another program's is not believed; nothing is stored until the right one is
    there, and the other sources go on meanwhile."""
    now, mint = int(time.time()), bytes(range(32))
    put = localnet.chain.accounts.put
    put(FEED, Account(10**9, update(at=now), Pubkey.new_unique()))
    made = settings(
        solana_rpc_url=localnet.rpc_url, usd_prices=f"SOL=pyth:{FEED} {b58(mint)}=fixed:1",
        usd_stale_s=1,
    )  # fmt: skip
    localnet.tick(3)
    async with following(made, pool):
        await until(stored(pool, mint), "the other source's price")
        assert SOL not in await prices.newest(pool)
        put(FEED, Account(10**9, update(at=now), PYTH))
        localnet.tick(3)
        await until(stored(pool), "the price of the right account")


DOCUMENTS: dict[str, tuple[str, str | None]] = {
    "number": ('{"sol": {"usd": 150.25}}', "150.25"),
    "text": ('{"sol": {"usd": "0.1"}}', "0.1"),
    "missing": ('{"sol": {}}', None),
    "list": ('{"sol": [1]}', None),
    "zero": ('{"sol": {"usd": 0}}', None),
    "infinite": ('{"sol": {"usd": "Infinity"}}', None),
    "word": ('{"sol": {"usd": "much"}}', None),
    "truth": ('{"sol": {"usd": true}}', None),
    "broken": ('{"sol": ', None),
    "large": ('{"sol": {"usd": 1}, "rest": "' + "x" * 70_000 + '"}', None),
}


async def test_json_documents() -> None:
    """A number or its text at the end of the path is a price; everything else is none."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=DOCUMENTS[request.path[1:]][0])

    async with serving(answer) as base, httpx2.AsyncClient() as http:
        for name, (_, expected) in DOCUMENTS.items():
            source = HttpPrice(http, f"{base}/{name}#sol.usd")
            if expected is None:
                with pytest.raises(Exception, match="price"):
                    await source.read()
            else:
                assert (await source.read()).price == Decimal(expected)


@pytest.mark.parametrize(
    "text",
    ["SOL", "SOL=", "SOL=fixed:x", "SOL=fixed:-1", "SOL=pyth:no", "SOL=ftp://x", "x=fixed:1"],
)
async def test_wrong_settings_say_which(settings: SettingsFactory, text: str) -> None:
    """What is not MINT=SOURCE ends the start with the part that is wrong."""
    made = settings(usd_prices=f"SOL=fixed:1 {text}")
    async with Node(made.rpc_url, "confirmed") as node, httpx2.AsyncClient() as http:
        with pytest.raises(SettingsError, match="USD_PRICES") as caught:
            price_sources(made, node, http)
    assert caught.value.fields["part"] == text
