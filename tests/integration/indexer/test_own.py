"""Which trades are the token's own, whatever of its creation and migration comes when."""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec
import pytest

from db.pool import Pool
from db.writer import Writer
from indexer.commit import Batch, commit
from indexer.rebuild import rebuild
from indexer.seen import Seen
from tests.helpers.events import MINUTE, created, migrated, seen, traded

_OWN = {
    "early": True, "curve": True, "fetched": True, "amm": True, "trap": False, "late trap": False,
}  # fmt: skip
_FOLDED = (
    "SELECT trades, buys, holders, traders, volume_quote, price, pool, amm_pool FROM tokens",
    """SELECT interval_s, start, open, high, low, close, volume_quote, trades FROM candle_rows
       WHERE trades > 0 ORDER BY 1, 2""",
    "SELECT base_amount, cost_quote, buys, sells FROM position_rows ORDER BY first_slot",
    "SELECT buys, sells, positions, cost_quote FROM wallet_totals ORDER BY cost_quote",
    "SELECT start, trades, volume_quote FROM market_minutes WHERE trades > 0 ORDER BY 1",
)


def _trade(name: str, slot: int, pool: str | None, *, is_curve: bool = True) -> Seen:
    trade = traded(
        100 + slot, 10 + slot, wallet=name, pool=pool, reserves=(10**15, 10**10 + slot),
        time=MINUTE + 20 * slot,
    )  # fmt: skip
    if not is_curve:
        trade = msgspec.structs.replace(trade, progress_bps=None)
    return seen(trade, name, slot)


def _history(program: str) -> list[Seen]:
    """In the chain's order; a fetched trade names its curve, a notified one does not."""
    history = [
        seen(created(), "create", 1),
        _trade("early", 1, None),
        _trade("curve", 2, None),
        _trade("fetched", 3, "curve"),
        _trade("trap", 4, "trap", is_curve=False),
        seen(migrated(), "migrate", 5),
        _trade("amm", 6, "amm", is_curve=False),
        _trade("late trap", 7, "trap", is_curve=False),
    ]
    return [
        msgspec.structs.replace(one, event=msgspec.structs.replace(one.event, program=program))
        for one in history
    ]


async def _folded(pool: Pool, batches: list[list[Seen]]) -> list[list[dict[str, Any]]]:
    await pool.execute(
        """TRUNCATE trade_rows, token_events, tokens, position_rows, candle_rows, wallet_totals,
                    market_minutes, token_names, feed"""
    )
    async with Writer(pool) as writer:
        for batch in batches:
            await commit(writer, Batch(events=batch), "confirmed")
    assert await rebuild(pool, lambda *_: None) == 0
    assert {
        row["signature"]: row["is_own"] for row in await pool.fetch("SELECT * FROM trade_rows")
    } == {_signature(name): is_own for name, is_own in _OWN.items()}
    return [[dict(row) for row in await pool.fetch(query)] for query in _FOLDED]


def _signature(name: str) -> bytes:
    return seen(created(), name, 1).signature


@pytest.mark.parametrize("program", ["pump", "launchlab"])
@pytest.mark.parametrize("seed", range(6))
async def test_any_order_of_arrival_gives_the_token_its_own_trades(
    pool: Pool, seed: int, program: str
) -> None:
    """One event after the other, in any order: own trades and all that is folded of them are those
    of the chain's order, also where only the creation tells the decimals that prices want.
    """
    history = _history(program)
    expected = await _folded(pool, [history])
    shuffled = Random(seed).sample(history, len(history))
    assert await _folded(pool, [[one] for one in shuffled]) == expected
    assert await pool.fetchval("SELECT count(*) FROM trade_rows WHERE price IS NULL") == 0
