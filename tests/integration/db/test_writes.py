"""What the indexer writes: each event once, numbers without a hole, all of a batch or nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from random import Random
from typing import Any

import asyncpg
import pytest

from common.errors import DatabaseUnavailable
from db import writes
from db.pool import Pool
from db.publish import Publication, append_event
from db.rows import PoolRow, QuarantineRow
from db.writer import Writer
from indexer.commit import Batch, commit
from indexer.seen import Seen
from tests.helpers.events import (
    MINUTE,
    completed,
    created,
    key,
    migrated,
    seen,
    signature,
    traded,
)
from tests.helpers.indexing import feed_is_whole
from tests.helpers.ledger import Ledger


async def _commit(pool: Pool, *events: Seen) -> int:
    """Commit a batch; returns how many events were new."""
    async with Writer(pool) as writer:
        return len((await commit(writer, Batch(events=list(events)), "confirmed")).feed)


def _history(seed: int) -> list[list[Seen]]:
    """Batches of events of a few tokens and wallets, late and double ones among them."""
    random = Random(seed)
    events = [seen(created(mint), f"create {mint}", 1) for mint in ("one", "two", "three")]
    for number in range(300):
        trade = traded(
            random.randrange(2**64),
            random.randrange(2**64),
            mint=random.choice(("one", "two", "three", "unseen")),
            wallet=random.choice(("ann", "bob", "eve")),
            is_buy=random.random() < 0.6,
            paid=random.choice((None, random.randrange(2**64))),
            reserves=(random.randrange(1, 2**64), random.randrange(2**64)),
            time=MINUTE + number,
        )
        slot = max(1, number // 10 + random.choice((0, 0, 0, -3)))
        events.append(seen(trade, f"trade {number}", slot))
    events += [seen(completed("one"), "complete", 31), seen(migrated("one"), "migrate", 32)]
    events += random.sample(events, 40)
    return [events[at : at + 7] for at in range(0, len(events), 7)]


_KEYS = {
    "tokens": ("mint",), "positions": ("wallet", "mint"), "trades": ("seq",), "feed": ("seq",),
    "candles": ("mint", "interval_s", "start"), "quarantine": ("signature",),
}  # fmt: skip


async def _rows(pool: Pool, table: str) -> list[dict[str, Any]]:
    rows = await pool.fetch(f"SELECT * FROM {table}")  # noqa: S608
    return _sorted(table, [dict(row) for row in rows])


def _expected(table: str, rows: Sequence[Any]) -> list[dict[str, Any]]:
    as_dicts = [{name: getattr(row, name) for name in row.__struct_fields__} for row in rows]
    return _sorted(table, as_dicts)


def _sorted(table: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for row in rows:
        if "fees" in row:
            row["fees"] = _fees(row.pop("fee_names", None), row["fees"])
    return sorted(rows, key=lambda row: [row[name] for name in _KEYS[table]])


def _fees(names: str | None, fees: str) -> dict[str, str]:
    """As they are in the view, or packed in a row."""
    if names is None:
        return dict(json.loads(fees))
    amounts = (amount or "0" for amount in fees.split(","))
    return dict(zip(names.split(","), amounts, strict=True))


async def test_the_database_holds_what_the_fold_says(pool: Pool) -> None:
    """Loaded, folded and stored in batches, every row is that of the fold in memory."""
    ledger = Ledger()
    async with Writer(pool) as writer:
        for batch in _history(1):
            ledger.commit(batch)
            await commit(writer, Batch(events=batch), "confirmed")
    tables: dict[str, list[Any]] = {
        "tokens": list(ledger.state.tokens.values()),
        "positions": list(ledger.state.positions.values()),
        "candles": list(ledger.state.candles.values()),
        "trades": ledger.trades,
        "feed": ledger.feed,
    }
    for table, rows in tables.items():
        expected = _expected(table, rows)
        stored = [{name: row[name] for name in expected[0]} for row in await _rows(pool, table)]
        assert stored == expected, table
    await feed_is_whole(pool)


async def test_a_batch_committed_twice_counts_once(pool: Pool) -> None:
    """Where the answer to a commit was lost, the same batch again changes nothing."""
    batch = [seen(created(), "a", 1), seen(traded(5, 7), "b", 2)]
    assert await _commit(pool, *batch) == 2
    before = {table: await _rows(pool, table) for table in ("tokens", "positions", "candles")}
    assert await _commit(pool, *batch) == 0
    assert {table: await _rows(pool, table) for table in before} == before
    await feed_is_whole(pool)


async def test_a_failed_batch_leaves_nothing(pool: Pool) -> None:
    """If anything of a batch cannot be stored, nothing of it is, and no number is lost."""
    async with Writer(pool) as writer:
        bad = QuarantineRow(
            signature=b"", slot=1, program="p", path="p", reason="a zero: \0", payload=b""
        )
        batch = Batch(events=[seen(traded(5, 7), "a", 1)], quarantine=[bad])
        with pytest.raises(asyncpg.DataError):
            await commit(writer, batch, "confirmed")
        assert await _rows(pool, "trades") == []
        await commit(writer, Batch(events=[seen(traded(5, 7), "b", 2)]), "confirmed")
    await feed_is_whole(pool)


async def test_a_connection_that_dies_in_the_middle_leaves_nothing(pool: Pool) -> None:
    """Cut between the writes and the commit, the transaction never happened; the next one works."""
    async with Writer(pool) as writer:
        with pytest.raises(DatabaseUnavailable):
            async with writer.transaction() as connection:
                await writes.take_seqs(connection, 3)
                pid = await connection.fetchval("SELECT pg_backend_pid()")
                await pool.execute("SELECT pg_terminate_backend($1)", pid)
                await connection.execute("SELECT 1")
        await commit(writer, Batch(events=[seen(traded(5, 7), "a", 1)]), "confirmed")
        assert writer.lease == 2
    await feed_is_whole(pool)


async def test_numbers_stay_contiguous_beside_another_writer_of_the_feed(pool: Pool) -> None:
    """The hub appends to the feed too: each number is given once, in the order of commits."""

    async def hub() -> None:
        for _ in range(40):
            await append_event(pool, Publication(event="market_stats", data="{}"))

    async def indexer() -> None:
        async with Writer(pool) as writer:
            for batch in _history(2):
                await commit(writer, Batch(events=batch), "confirmed")

    await asyncio.gather(hub(), indexer())
    numbers = [row["seq"] for row in await pool.fetch("SELECT seq FROM feed ORDER BY seq")]
    assert numbers == list(range(1, len(numbers) + 1))
    assert numbers[-1] == await pool.fetchval("SELECT seq FROM feed_head")


async def test_a_commit_wakes_those_who_listen(pool: Pool) -> None:
    """NOTIFY carries the newest number, once per batch."""
    heard: asyncio.Queue[str] = asyncio.Queue()
    async with pool.acquire() as connection:

        def on_notify(*arguments: Any) -> None:
            heard.put_nowait(arguments[3])

        await connection.add_listener("feed", on_notify)
        await _commit(pool, seen(traded(5, 7), "a", 1), seen(traded(5, 7), "b", 1))
        assert await asyncio.wait_for(heard.get(), 5) == "2"
        await connection.remove_listener("feed", on_notify)
    assert heard.empty()


async def test_pools_and_payloads_are_kept_once(pool: Pool) -> None:
    """The same pool or undecodable payload again changes nothing."""
    lost = QuarantineRow(
        signature=signature("a"), slot=1, program="pump", path="log:3", reason="too short",
        payload=b"\0\1",
    )  # fmt: skip
    row = PoolRow(key("pool"), key("mint"), None)
    async with Writer(pool) as writer:
        for _ in range(2):
            await commit(writer, Batch(quarantine=[lost], pools=[row]), "confirmed")
        async with writer.transaction() as connection:
            assert await writes.pools_of(connection, [key("pool"), key("x")]) == {row.pool: row}
    assert len(await _rows(pool, "quarantine")) == 1


async def test_only_one_writer_at_a_time(pool: Pool) -> None:
    """A second writer gets the lease when the first is gone, and not before."""
    async with Writer(pool) as first, Writer(pool) as second:
        assert await first.is_holding()
        assert not await second.is_holding()
        waiting = asyncio.create_task(second.wait())
        await first.__aexit__(None, None, None)
        await asyncio.wait_for(waiting, 5)
        assert await second.is_holding()
        assert not await first.is_holding()


async def test_starting_over_renews_the_epoch(pool: Pool) -> None:
    """Rows of another chain go, and whoever follows the feed sees that it is another one."""
    await _commit(pool, seen(traded(5, 7), "a", 1))
    epoch = await pool.fetchval("SELECT epoch FROM feed_head")
    async with Writer(pool) as writer, writer.transaction() as connection:
        assert await writes.claim_chain(connection, "one") == "one"
        assert await writes.claim_chain(connection, "two") == "one"
        await writes.start_over(connection, "two")
        assert await writes.claim_chain(connection, "one") == "two"
    assert await pool.fetchval("SELECT epoch FROM feed_head") != epoch
    assert await _rows(pool, "trades") == []
    await feed_is_whole(pool)
