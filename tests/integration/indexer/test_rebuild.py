"""`rebuild`: everything folded is made anew of the stored events, the same as it was."""

from __future__ import annotations

import asyncio
import sys
from random import Random
from typing import Any

import msgspec
import pytest

from common.errors import GiveUp
from db.pool import Pool
from db.writer import Writer
from indexer.commit import Batch, commit
from indexer.rebuild import rebuild
from indexer.retract import withdraw
from indexer.seen import Seen
from tests.helpers.events import MINUTE, completed, created, migrated, seen, traded
from tests.helpers.indexing import ROOT

DERIVED = {
    "tokens": "mint", "position_rows": "wallet_id, token_id", "wallet_totals": "wallet_id",
    "candle_rows": "token_id, interval_s, start", "market_minutes": "start",
    "token_names": "token_id",
}  # fmt: skip
_PROCESS = """
import asyncio, sys
from db.pool import pool_of
from indexer.rebuild import rebuild

async def main():
    async with pool_of(sys.argv[1], 4) as pool:
        await rebuild(pool, lambda done, total: print(done, flush=True), keys_at_once=3)

asyncio.run(main())
"""


async def _state(pool: Pool) -> dict[str, list[dict[str, Any]]]:
    """Every row of what is folded; revisions of candles and first slots of minutes aside, which
    remember what was withdrawn.
    """
    found = {}
    for table, order in DERIVED.items():
        rows = await pool.fetch(f"SELECT * FROM {table} ORDER BY {order}")  # noqa: S608
        kept = [row for row in rows if row.get("trades", 1) > 0 or table == "tokens"]
        found[table] = [
            {name: value for name, value in row.items() if name not in ("rev", "first_slot")}
            for row in kept
        ]
    return found


def _history(random: Random) -> list[Seen]:
    names = [f"token {number}" for number in range(12)]
    events = [seen(created(name), f"create {name}", 1) for name in names[:9]]
    for number in range(400):
        trade = traded(
            random.randrange(1, 10**9), random.randrange(1, 10**9),
            mint=random.choice(names), wallet=f"wallet {random.randrange(15)}",
            is_buy=random.random() < 0.6, time=MINUTE + number,
            reserves=(10**15, 10**10 + random.randrange(10**9)),
        )  # fmt: skip
        events.append(seen(trade, f"trade {number}", 2 + number // 8))
    events += [seen(completed(names[0]), "full", 60), seen(migrated(names[0]), "away", 61)]
    placed = [msgspec.structs.replace(one, tx_index=at) for at, one in enumerate(events)]
    random.shuffle(placed)
    return placed


async def _store(pool: Pool, seed: int) -> None:
    """A history that came in no order, and of which a part was withdrawn again."""
    random = Random(seed)
    history = _history(random)
    async with Writer(pool) as writer:
        for at in range(0, len(history), 60):
            await commit(writer, Batch(events=history[at : at + 60]), "confirmed")
        lost = random.sample([one for one in history if one.slot > 1], 30)
        await withdraw(writer, {(one.signature, one.slot) for one in lost})


async def test_a_rebuild_of_what_is_right_changes_nothing(pool: Pool) -> None:
    """No row is written, and the feed's epoch stays: clients keep what they hold."""
    await _store(pool, 1)
    before, epoch = await _state(pool), await pool.fetchval("SELECT epoch FROM feed_head")
    assert await rebuild(pool, lambda *_: None) == 0
    assert await _state(pool) == before
    assert await pool.fetchval("SELECT epoch FROM feed_head") == epoch


async def test_everything_comes_back_from_the_stored_events(pool: Pool) -> None:
    """With every folded table emptied, the result is the same as before, in another epoch."""
    await _store(pool, 2)
    before, epoch = await _state(pool), await pool.fetchval("SELECT epoch FROM feed_head")
    await pool.execute(f"TRUNCATE {', '.join(DERIVED)}")
    assert await rebuild(pool, lambda *_: None) > 0
    assert await _state(pool) == before
    assert await pool.fetchval("SELECT epoch FROM feed_head") != epoch


async def test_a_wrong_row_is_put_right_under_a_greater_revision(pool: Pool) -> None:
    """Only what is wrong is written; what nothing stands for goes."""
    await _store(pool, 3)
    before = await _state(pool)
    revisions = "SELECT token_id, start, rev FROM candle_rows WHERE interval_s = 60 AND trades > 0"
    wanted = [
        (one[0], one[1], one[2] + 1) for one in await pool.fetch(f"{revisions} ORDER BY 1, 2")
    ]
    await pool.execute(
        "UPDATE candle_rows SET high = high * 2 WHERE interval_s = 60 AND trades > 0"
    )
    await pool.execute("UPDATE tokens SET holders = holders + 1, volume_quote = 0")
    await pool.execute("UPDATE position_rows SET realized_quote = realized_quote + 1")
    await pool.execute(
        """INSERT INTO candle_rows SELECT start + 9999, first_slot, first_seq, last_slot, last_seq,
           token_id, interval_s, trades, buys, rev, open, high, low, close, volume_base,
           volume_quote FROM candle_rows LIMIT 1"""
    )
    assert await rebuild(pool, lambda *_: None) > 0
    assert await _state(pool) == before
    assert [tuple(one) for one in await pool.fetch(f"{revisions} ORDER BY 1, 2")] == wanted


async def test_killed_in_the_middle_it_goes_on_where_it_was(pool: Pool, database_url: str) -> None:
    """After kill -9 between two steps the next run does the rest, with the same result."""
    await _store(pool, 4)
    before = await _state(pool)
    await pool.execute(f"TRUNCATE {', '.join(DERIVED)}")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _PROCESS, database_url, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    for _ in range(3):
        assert await asyncio.wait_for(process.stdout.readline(), 60)
    process.kill()
    await process.communicate()
    assert await pool.fetchval("SELECT after_id FROM rebuilds") >= 6
    done: list[int] = []
    await rebuild(pool, lambda so_far, _: done.append(so_far), keys_at_once=3)
    assert done[0] > 6
    assert await _state(pool) == before
    assert await pool.fetchval("SELECT count(*) FROM rebuilds") == 0


async def test_nothing_is_rebuilt_under_a_running_indexer(pool: Pool) -> None:
    """Two writers would stand in each other's way: it says what to do."""
    async with Writer(pool) as other:
        await other.wait()
        with pytest.raises(GiveUp, match="Stop it"):
            await rebuild(pool, lambda *_: None)
