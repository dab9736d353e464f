"""The last five minutes, hour, six hours and day are what their trades add up to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from random import Random

from db import windows
from db.pool import Pool
from db.windows import WINDOWS
from db.writer import Writer
from indexer.commit import Batch, commit
from indexer.seen import WRAPPED_SOL, Seen
from indexer.windows import Windows
from programs.events import Traded
from programs.keys import b58
from tests.helpers.events import MINUTE, key, seen, traded

NOW = MINUTE + 100_000


def _trades() -> list[Seen]:
    """Of two tokens over more than a day, by a few wallets, the last ones minutes ago."""
    random = Random(7)
    ages = sorted((int(90_000 * random.random() ** 4) for _ in range(400)), reverse=True)
    return [
        seen(
            traded(
                random.randrange(1, 10**9), random.randrange(1, 10**9),
                mint=random.choice(("one", "two")), wallet=f"wallet {random.randrange(30)}",
                is_buy=random.random() < 0.6, time=NOW - age,
                reserves=(10**15, random.randrange(10**9, 10**11)),
            ),
            f"trade {number}",
            number,
        )
        for number, age in enumerate(ages)
    ]  # fmt: skip


def _figures(events: Sequence[Seen]) -> tuple[int, ...]:
    trades = [one.event for one in events if isinstance(one.event, Traded)]
    buys = [trade for trade in trades if trade.is_buy]
    sells = [trade for trade in trades if not trade.is_buy]
    wallets = [len({trade.wallet for trade in side}) for side in (buys, sells)]
    return sum(trade.quote_amount for trade in trades), len(buys), len(sells), *wallets


def _inside(events: Sequence[Seen], length: int) -> list[Seen]:
    since = -(-(NOW - length) // 60) * 60
    return [one for one in events if one.block_time is not None and one.block_time >= since]


async def test_windows_are_sums_over_their_trades(pool: Pool) -> None:
    """Of a token as of now, in the rows that order the lists, and of the market as it is told."""
    events = _trades()
    async with Writer(pool) as writer:
        await commit(writer, Batch(events=events), "confirmed")
    market = Windows(pool)
    await market.refresh(NOW)
    mine = [one for one in events if one.mint == key("one")]
    token_id = await pool.fetchval("SELECT id FROM keys WHERE key = $1", key("one"))
    exact = await windows.token_windows(pool, token_id, NOW)
    listed = await pool.fetch(
        "SELECT * FROM token_windows WHERE token_id = $1 ORDER BY window_s", token_id
    )
    told = json.loads(await pool.fetchval("SELECT data FROM states WHERE event = 'market_stats'"))
    assert (told["tokens"], told["trades"], told["quote_mint"]) == (2, 400, b58(WRAPPED_SOL))
    for name, window, row in zip(WINDOWS, exact, listed, strict=True):
        expected = _figures(_inside(mine, window.window_s))
        assert (
            window.volume_quote, window.buys, window.sells, window.buyers, window.sellers
        ) == expected, name  # fmt: skip
        assert (
            row["volume_quote"], row["buys"], row["sells"], row["buyers"], row["sellers"]
        ) == expected, name  # fmt: skip
        assert window.price_change_bps == row["price_change_bps"] is not None
        of_market = told["windows"][name]
        assert (
            int(of_market["volume_quote"]), of_market["buys"], of_market["sells"],
            of_market["buyers"], of_market["sellers"],
        ) == _figures(_inside(events, window.window_s)), name  # fmt: skip


async def test_a_window_that_emptied_leaves_the_lists(pool: Pool) -> None:
    """Figures get old by themselves: without new trades they are counted again, and then go."""
    async with Writer(pool) as writer:
        await commit(writer, Batch(events=[seen(traded(5, 7), "a", 1)]), "confirmed")
    market = Windows(pool)
    await market.refresh(MINUTE + 60)
    assert await pool.fetchval("SELECT count(*) FROM token_windows") == len(WINDOWS)
    await market.refresh(MINUTE + 4_000)
    rows = await pool.fetch("SELECT window_s FROM token_windows ORDER BY window_s")
    assert [row["window_s"] for row in rows] == [21_600, 86_400]


async def test_a_long_history_is_filled_in_pieces(pool: Pool) -> None:
    """More tokens than one time takes are all in the windows in the end, also those that were
    traded meanwhile; nothing is left then."""
    mints = [f"mint {number}" for number in range(7)]
    async with Writer(pool) as writer:
        before = [seen(traded(5, 7, mint=mint), mint, 1) for mint in mints]
        await commit(writer, Batch(events=before), "confirmed")
        market = Windows(pool, most=2)
        assert not market.is_filled
        await market.refresh(MINUTE + 60)
        count = "SELECT count(*) FROM token_windows WHERE window_s = 3600"
        assert (await pool.fetchval(count), market.is_filled) == (2, False)
        await commit(writer, Batch(events=[seen(traded(5, 7, mint="new"), "new", 2)]), "confirmed")
        await market.refresh(MINUTE + 60)
        while not market.is_filled:
            await market.fill(MINUTE + 60)
    assert await pool.fetchval("SELECT count(*) FROM token_windows") == 8 * len(WINDOWS)


async def test_long_windows_rest(pool: Pool) -> None:
    """Figures of a day stay for two minutes while a token is traded, and then have all of it;
    those of five minutes follow at once."""
    stored = "SELECT window_s, buys FROM token_windows ORDER BY window_s"
    market = Windows(pool)
    async with Writer(pool) as writer:
        for number, (now, expected) in enumerate(
            [(60, [1, 1, 1, 1]), (62, [2, 1, 1, 1]), (66, [3, 3, 1, 1]), (120, [4, 4, 4, 1])]
        ):
            trade = seen(traded(5, 7, time=MINUTE + 60), f"trade {number}", number + 1)
            await commit(writer, Batch(events=[trade]), "confirmed")
            await market.refresh(MINUTE + now)
            assert [row["buys"] for row in await pool.fetch(stored)] == expected
    for now in (125, 170, 181, 190):
        await market.refresh(MINUTE + now)
    assert {row["buys"] for row in await pool.fetch(stored)} == {4}
