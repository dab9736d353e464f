"""Batches folded ahead, on what a writer keeps in memory: whatever comes between, what is stored is
what the stored events make.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from random import Random
from typing import TypeAlias, cast

import asyncpg
import msgspec
import pytest

from common.errors import DatabaseUnavailable
from db.kept import Kept
from db.pool import Pool
from db.publish import Publication, append_event
from db.rows import Changes
from db.writer import Writer
from indexer.commit import Batch, Prepared, ahead, commit
from indexer.rebuild import rebuild
from indexer.retract import withdraw
from indexer.seen import Seen
from tests.helpers.events import MINUTE, created, key, seen, traded

Between: TypeAlias = Callable[[Pool, Writer], Awaitable[None]]


def _trade(number: int, slot: int, mint: str = "one", wallet: str = "ann") -> Seen:
    trade = traded(
        number + 5, number + 7, mint=mint, wallet=wallet, is_buy=number % 3 > 0,
        reserves=(10**15, 10**10 + number), time=MINUTE + number,
    )  # fmt: skip
    return seen(trade, f"trade {mint} {number}", slot)


def _batch(*events: Seen) -> Batch:
    return Batch(events=list(events))


async def _is_right(pool: Pool) -> None:
    """What is folded is what the stored events make, and the feed has each number once."""
    assert await rebuild(pool, lambda *_: None) == 0
    numbers = [row["seq"] for row in await pool.fetch("SELECT seq FROM feed ORDER BY seq")]
    assert numbers == list(range(1, 1 + await pool.fetchval("SELECT seq FROM feed_head")))


async def _ahead(writer: Writer, batch: Batch) -> Prepared:
    await writer.wait()
    prepared = await ahead(writer, batch, "confirmed")
    assert prepared is not None
    return prepared


async def test_batches_folded_on_one_another_are_stored_as_they_are(pool: Pool) -> None:
    """Without anything between them none is folded twice, and an event of both counts once."""
    first = _batch(seen(created("one"), "a", 1), _trade(1, 2))
    second = _batch(_trade(1, 2), _trade(2, 3))
    async with Writer(pool) as writer:
        prepared = [await _ahead(writer, batch) for batch in (first, second)]
        for batch, one in zip((first, second), prepared, strict=True):
            assert await commit(writer, batch, "confirmed", one) is one.changes
    assert [len(one.changes.feed) for one in prepared] == [2, 1]
    await _is_right(pool)


async def _published(pool: Pool, _: Writer) -> None:
    await append_event(pool, Publication(event="market_stats", data="{}"))


async def _withdrawn(_: Pool, writer: Writer) -> None:
    one = _trade(1, 2)
    assert await withdraw(writer, {(one.signature, one.slot)}) == 1


async def _cut(pool: Pool, writer: Writer) -> None:
    with pytest.raises(DatabaseUnavailable):
        async with writer.transaction() as connection:
            pid = await connection.fetchval("SELECT pg_backend_pid()")
            await pool.execute("SELECT pg_terminate_backend($1)", pid)
            await connection.execute("SELECT 1")


async def _another_wrote(pool: Pool, _: Writer) -> None:
    """Another process took the lease over, wrote to the same rows and went away."""
    await pool.execute("UPDATE writer_lease SET pid = NULL")
    async with Writer(pool) as other:
        await commit(other, _batch(_trade(50, 3), _trade(51, 3, wallet="bob")), "confirmed")


async def _failed(_: Pool, writer: Writer) -> None:
    with pytest.raises(asyncpg.DataError):
        async with writer.transaction(keeps=True) as connection:
            await connection.execute("SELECT 1/0")


@pytest.mark.parametrize("between", [_published, _withdrawn, _cut, _another_wrote, _failed])
async def test_what_comes_between_makes_it_fold_again(pool: Pool, between: Between) -> None:
    """A number taken, a fork, a cut connection, another writer, a failure: nothing is lost, doubled
    or folded on what no longer is.
    """
    batches = [_batch(_trade(at, at + 3), _trade(at, at + 3, "two", "bob")) for at in (10, 20)]
    async with Writer(pool) as writer:
        await commit(writer, _batch(seen(created("one"), "a", 1), _trade(1, 2)), "confirmed")
        prepared = [await _ahead(writer, batch) for batch in batches]
        await between(pool, writer)
        for batch, one in zip(batches, prepared, strict=True):
            assert len((await _insist(writer, batch, one)).feed) == 2
    await _is_right(pool)


async def _insist(writer: Writer, batch: Batch, prepared: Prepared | None = None) -> Changes:
    for _ in range(10):
        try:
            return await commit(writer, batch, "confirmed", prepared)
        except DatabaseUnavailable:
            await asyncio.sleep(0.05)
    raise AssertionError("the database stays away")


async def test_a_commit_whose_answer_was_lost_counts_once(pool: Pool) -> None:
    """It was stored, and the connection is gone before anybody hears of it: the batch again adds
    nothing, and the one that was folded on it is folded anew.
    """
    first, second = _batch(_trade(1, 2), _trade(2, 3)), _batch(_trade(3, 4), _trade(1, 2))
    async with Writer(pool) as writer:
        prepared = [await _ahead(writer, batch) for batch in (first, second)]
        with pytest.raises(DatabaseUnavailable):
            await _commit_and_lose(writer, first, prepared[0])
        assert await pool.fetchval("SELECT count(*) FROM trades") == 2
        assert (await _insist(writer, first, prepared[0])).feed == []
        assert len((await _insist(writer, second, prepared[1])).feed) == 1
    await _is_right(pool)


async def _commit_and_lose(writer: Writer, batch: Batch, prepared: Prepared) -> None:
    """The way an answer is lost: what is in the transaction is stored, its end raises."""
    async with writer.transaction(keeps=True) as connection:
        inside = cast(Writer, _Inside(writer, connection))
        await commit(inside, batch, "confirmed", prepared)
        await connection.execute("COMMIT")
        raise DatabaseUnavailable("the answer was lost")


class _Inside:
    """A writer whose transaction is under way already."""

    def __init__(self, writer: Writer, connection: object) -> None:
        self.kept, self.partitions = writer.kept, writer.partitions
        self._connection = connection

    def transaction(self, *, keeps: bool) -> _Inside:
        assert keeps
        return self

    async def __aenter__(self) -> object:
        return self._connection

    async def __aexit__(self, *_: object) -> None:
        pass


async def test_a_late_trade_waits_for_those_before_it(pool: Pool) -> None:
    """A position that has to be folded from its first trade is not folded ahead of trades that are
    still on their way.
    """
    async with Writer(pool) as writer:
        young = _batch(_trade(9, 9))
        late = _batch(_trade(4, 4))
        prepared = await _ahead(writer, young)
        assert await ahead(writer, late, "confirmed") is None
        await commit(writer, young, "confirmed", prepared)
        await commit(writer, late, "confirmed")
    await _is_right(pool)


@pytest.mark.parametrize("seed", range(6))
async def test_any_interruptions_leave_what_the_events_make(pool: Pool, seed: int) -> None:
    """Batches stored one behind the other while the next is folded, duplicates, late ones, places
    and forks among them, and a memory that forgets what was not used for two batches.
    """
    random = Random(seed)
    names = ("one", "two", "three")
    events = [seen(created(mint), f"create {mint}", 1) for mint in names]
    events += [
        _trade(at, 2 + at // 4, random.choice(names), random.choice(("ann", "bob", "eve", "joe")))
        for at in range(240)
    ]
    for at in range(0, 230, 9):
        events[at], events[at + 7] = events[at + 7], events[at]
    events = [
        msgspec.structs.replace(one, tx_index=at) if at % 5 else one
        for at, one in enumerate(events)
    ]
    batches = [
        _batch(*events[at : at + 8], *random.sample(events[: at + 8], 2))
        for at in range(0, len(events), 8)
    ]
    between = [_published, _cut, _failed]
    async with Writer(pool) as writer:
        writer.kept = Kept(most=40)
        storing: asyncio.Task[Changes] | None = None
        for batch in batches:
            if random.random() < 0.2:
                await random.choice(between)(pool, writer)
            if random.random() < 0.1:
                one = random.choice(batch.events)
                await withdraw(writer, {(one.signature, one.slot)})
            prepared = None
            if random.random() < 0.9:
                with suppress(DatabaseUnavailable):
                    prepared = await ahead(writer, batch, "confirmed")
            if storing is not None:
                await storing
            storing = asyncio.create_task(_insist(writer, batch, prepared))
        assert storing is not None
        await storing
    assert await pool.fetchval("SELECT count(*) FROM tokens") == len(names)
    assert await pool.fetchval("SELECT count(*) FROM keys WHERE key = $1", key("one")) == 1
    await _is_right(pool)
