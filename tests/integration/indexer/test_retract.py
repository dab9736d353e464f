"""Withdrawing what a fork undid: what is folded is then what the events that stand make."""

from __future__ import annotations

import json
from collections.abc import Iterable
from random import Random
from typing import Any

import msgspec
import pytest

from db.coverage import Marking, Place
from db.pool import Pool
from db.writer import Writer
from indexer.commit import Batch, commit
from indexer.retract import withdraw
from indexer.seen import Seen
from programs.keys import b58
from tests.helpers.events import MINUTE, completed, created, key, migrated, seen, signature, traded
from tests.helpers.ledger import Ledger

_TOKEN = (
    "mint", "trades", "volume_base", "volume_quote", "last_trade_at", "state_slot", "price",
    "market_cap", "progress_bps", "virtual_base", "virtual_quote", "completed_slot",
    "migrated_slot", "amm_pool", "created_slot", "created_at", "buys", "sells", "holders",
    "traders",
)  # fmt: skip
_CANDLE = (
    "mint", "interval_s", "start", "buys", "open", "high", "low", "close", "volume_base",
    "volume_quote", "trades", "first_slot", "last_slot",
)  # fmt: skip
_POSITION = (
    "wallet", "mint", "base_amount", "cost_quote", "realized_quote", "bought_quote", "sold_quote",
    "buys", "sells", "first_slot", "last_buy_at", "last_sell_at",
)  # fmt: skip
_TOTALS = """
    SELECT wallet_id, quote_id, positions, buys, sells, bought_quote, sold_quote, cost_quote,
           realized_quote, last_buy_at, last_sell_at
    FROM wallet_totals ORDER BY 1, 2"""
_TOTALS_SLOWLY = """
    SELECT wallet_id, quote_id, count(*), sum(p.buys), sum(p.sells), sum(bought_quote),
           sum(sold_quote), sum(cost_quote), sum(realized_quote), max(last_buy_at),
           max(last_sell_at)
    FROM position_rows p JOIN tokens t ON t.id = p.token_id GROUP BY 1, 2 ORDER BY 1, 2"""
_MINUTES = """
    SELECT quote_id, start, trades, buys, volume_quote
    FROM market_minutes WHERE trades > 0 ORDER BY 1, 2"""
_MINUTES_SLOWLY = """
    SELECT t.quote_id, block_time - block_time % 60, count(*), count(*) FILTER (WHERE is_buy),
           sum(quote_amount)
    FROM trade_rows r JOIN tokens t ON t.id = r.token_id
    WHERE NOT retracted AND is_own AND r.price IS NOT NULL AND block_time IS NOT NULL
    GROUP BY 1, 2 ORDER BY 1, 2"""


def _history(random: Random) -> list[Seen]:
    """Transactions of a few slots in the chain's order, each with its index in the block."""
    made = [seen(created(mint), f"create {mint}", 1) for mint in ("one", "two")]
    events = [
        seen(
            traded(
                random.randrange(1_000),
                random.randrange(1_000),
                mint=random.choice(("one", "two", "unseen")),
                wallet=random.choice(("ann", "bob", None)),
                is_buy=random.random() < 0.6,
                reserves=random.choice((None, (10**15, 10**10 + random.randrange(10**9)))),
                time=random.choice((None, MINUTE, MINUTE + 59, MINUTE + 61)),
            ),
            f"trade {number}",
            random.randrange(2, 9),
        )
        for number in range(random.randrange(1, 40))
    ]
    events += [seen(created("phantom"), "phantom", 5), seen(traded(1, 1, mint="phantom"), "p2", 6)]
    events += [seen(completed("one"), "complete", 7), seen(migrated("one"), "migrate", 8)]
    random.shuffle(events)
    events.sort(key=lambda one: one.slot)
    return [
        msgspec.structs.replace(one, tx_index=place) for place, one in enumerate([*made, *events])
    ]


def _table(rows: Iterable[Any], names: tuple[str, ...]) -> list[tuple[Any, ...]]:
    def of(row: Any, name: str) -> Any:
        return row[name] if not isinstance(row, msgspec.Struct) else getattr(row, name)

    return sorted((tuple(of(row, name) for name in names) for row in rows), key=repr)


async def _is_what(pool: Pool, surviving: list[Seen]) -> None:
    """What is folded in the database is what these events make, folded in order, once."""
    ledger = Ledger()
    ledger.commit(surviving)
    state = ledger.state
    for table, names, expected, where in (
        ("tokens", _TOKEN, state.tokens.values(), "true"),
        ("candles", _CANDLE, state.candles.values(), "trades > 0"),
        ("positions", _POSITION, state.positions.values(), "true"),
    ):
        rows = await pool.fetch(f"SELECT * FROM {table} WHERE {where}")  # noqa: S608
        assert _table(rows, names) == _table(expected, names), table
    for sums, slowly in ((_TOTALS, _TOTALS_SLOWLY), (_MINUTES, _MINUTES_SLOWLY)):
        found = [tuple(row) for row in await pool.fetch(sums)]
        assert found == [tuple(row) for row in await pool.fetch(slowly)]


def _marking(events: Iterable[Seen]) -> Marking:
    places = tuple(Place(one.signature, one.slot, one.tx_index or 0) for one in events)
    return Marking(verified=(), tip_slot=9, finalized_slot=0, places=places)


@pytest.mark.parametrize("seed", range(30))
async def test_any_order_of_arrival_and_withdrawal_folds_to_what_stands(
    pool: Pool, seed: int
) -> None:
    """Whatever order events come in, twice or not, with or without their places, before or after
    others are withdrawn: tokens, candles and positions are those of what stands, in the chain's
    order.
    """
    random = Random(seed)
    history = _history(random)
    made, later = history[:2], history[2:]
    doomed = {one.identity for one in later if random.random() < 0.3}
    doomed |= {one.identity for one in later if one.mint == key("phantom")}
    arrivals = [
        one if random.random() < 0.3 else msgspec.structs.replace(one, tx_index=None)
        for one in later + random.sample(later, len(later) // 3)
    ]
    random.shuffle(arrivals)
    async with Writer(pool) as writer:
        await commit(writer, Batch(events=made), "confirmed")
        arrived: list[Seen] = []
        gone: set[object] = set()
        while arrivals:
            batch = [arrivals.pop() for _ in range(min(len(arrivals), random.randrange(1, 8)))]
            batch = [one for one in batch if one.identity not in gone]
            await commit(writer, Batch(events=batch), "confirmed")
            arrived += batch
            lost = [one for one in arrived if one.identity in doomed and random.random() < 0.3]
            await withdraw(writer, {(one.signature, one.slot) for one in lost})
            gone |= {one.identity for one in lost}
        lost = [one for one in later if one.identity in doomed]
        await withdraw(writer, {(one.signature, one.slot) for one in lost})
        surviving = [one for one in history if one.identity not in doomed]
        await commit(writer, Batch(markings=[_marking(surviving)]), "confirmed")
    await _is_what(pool, surviving)


async def test_a_retraction_is_told_in_the_rooms_of_what_it_takes_back(pool: Pool) -> None:
    """Each event taken back is one `retracted` with its seq, its mint and its wallet; the last of
    a token tells its price, the last of a wallet its position.
    """
    async with Writer(pool) as writer:
        await commit(writer, Batch(events=[seen(created(), "a", 1)]), "confirmed")
        events = [seen(traded(5, 7), "b", 2), seen(traded(9, 9), "c", 3)]
        await commit(writer, Batch(events=events), "confirmed")
        landings = {(signature("b"), 2), (signature("c"), 3)}
        assert await withdraw(writer, landings) == 2
        assert await withdraw(writer, landings) == 0
    rows = await pool.fetch("SELECT * FROM feed WHERE seq > 3 ORDER BY seq")
    assert [(row["event"], row["mint"], row["wallet"]) for row in rows] == [
        ("retracted", key("mint"), key("wallet"))
    ] * 2
    assert [json.loads(row["data"])["seq"] for row in rows] == [2, 3]
    assert rows[0]["price_update"] is rows[0]["portfolio_update"] is None
    price, position = json.loads(rows[1]["price_update"]), json.loads(rows[1]["portfolio_update"])
    assert (price["mint"], price["curve_progress_bps"]) == (b58(key("mint")), 0)
    assert (position["base_amount"], position["buys"]) == ("0", 0)
    assert await pool.fetchval("SELECT count(*) FROM trades WHERE retracted") == 2


async def test_a_candle_without_trades_counts_its_revisions_on(pool: Pool) -> None:
    """A bar that a fork emptied and that fills again has a greater `rev` than ever before."""
    one, other = seen(traded(5, 7), "b", 2), seen(traded(9, 9), "c", 4)
    async with Writer(pool) as writer:
        await commit(writer, Batch(events=[one]), "confirmed")
        await withdraw(writer, {(one.signature, 2)})
        (row,) = await pool.fetch(
            "SELECT trades, volume_base, rev FROM candles WHERE interval_s = 60"
        )
        assert tuple(row) == (0, 0, 2)
        await commit(writer, Batch(events=[other]), "confirmed")
    (row,) = await pool.fetch(
        "SELECT trades, volume_base, first_slot, rev FROM candles WHERE interval_s = 60"
    )
    assert tuple(row) == (1, 9, 4, 3)


async def test_what_lands_again_is_news(pool: Pool) -> None:
    """In another slot it is another event; in the same slot, where an abandoned fork became the
    chain after all, the row stands again under a new number.
    """
    async with Writer(pool) as writer:
        await commit(writer, Batch(events=[seen(created(), "a", 1)]), "confirmed")
        for slot in (2, 3, 2):
            event = seen(traded(5, 7), "b", slot)
            changes = await commit(writer, Batch(events=[event]), "confirmed")
            assert [row.event for row in changes.feed] == ["new_trade"]
            if slot != 2 or (await pool.fetchval("SELECT max(seq) FROM feed")) == 2:
                await withdraw(writer, {(event.signature, slot)})
    rows = await pool.fetch("SELECT slot, seq, retracted FROM trades ORDER BY slot")
    assert [tuple(row) for row in rows] == [(2, 6, False), (3, 4, True)]
    await _is_what(pool, [seen(created(), "a", 1), seen(traded(5, 7), "b", 2)])
