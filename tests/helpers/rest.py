"""Calls of the REST API, and histories to ask it about."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import httpx2

from api.server import ApiServer
from db.pool import Pool
from db.writer import Writer
from indexer.commit import Batch, commit
from indexer.seen import Seen
from tests.helpers.events import MINUTE, created, seen, traded

BASE, QUOTE = 1_073_000_000_000_000, 30_000_000_000


async def store(pool: Pool, *events: Seen, batch: int = 1_000) -> None:
    """Commit events as the indexer does."""
    async with Writer(pool) as writer:
        for at in range(0, len(events), batch):
            await commit(writer, Batch(events=list(events[at : at + batch])), "confirmed")


@asynccontextmanager
async def serving(server: ApiServer) -> AsyncIterator[httpx2.AsyncClient]:
    """A server while the context is open, and a client of it."""
    await server.start()
    base = f"http://127.0.0.1:{server.port}"
    try:
        async with httpx2.AsyncClient(base_url=base, timeout=60) as client:
            yield client
    finally:
        await server.stop()


async def get(http: httpx2.AsyncClient, path: str, status: int = 200, **query: Any) -> Any:
    """The body of an answer with this status."""
    answer = await http.get(f"/api/v1{path}", params=query)
    assert answer.status_code == status, answer.text
    if status >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
    return answer.json()


async def pages(http: httpx2.AsyncClient, path: str, **query: Any) -> list[dict[str, Any]]:
    """Items of all pages."""
    items: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = await get(http, path, **query | ({"cursor": cursor} if cursor else {}))
        items += page["items"]
        cursor = page["next"]
        if cursor is None:
            return items


def market(
    random: Random, trades: int, mints: Sequence[str] = ("one", "two"), wallets: int = 5
) -> list[Seen]:
    """Tokens and trades in the chain's order: a few a slot, a slot each third of a second."""
    made = [seen(created(mint, name=f"Coin {mint}"), f"create {mint}", 1) for mint in mints]
    reserves = dict.fromkeys(mints, (BASE, QUOTE))
    slot = 2
    for number in range(trades):
        slot += random.random() < 0.6
        mint = random.choice(mints)
        base, quote = reserves[mint]
        is_buy = random.random() < 0.6
        moved = random.randrange(1, 10**9)
        gone = base * moved // (quote + moved)
        change = (-gone, moved) if is_buy or quote <= QUOTE + moved else (gone, -moved)
        reserves[mint] = (base + change[0], quote + change[1])
        trade = traded(
            abs(change[0]), moved, mint=mint, wallet=f"wallet {random.randrange(wallets)}",
            is_buy=change[1] > 0, paid=moved + 7, reserves=reserves[mint], time=MINUTE + slot // 3,
        )  # fmt: skip
        made.append(seen(trade, f"trade {number}", slot))
    return made
