"""The order inside a slot: the block's where it is known, whatever of the slot came when."""

from __future__ import annotations

import msgspec

from db.pool import Pool
from db.writer import Writer
from indexer.commit import Batch, commit
from indexer.rebuild import rebuild
from indexer.retract import withdraw
from indexer.seen import Seen
from tests.helpers.events import MINUTE, created, seen, traded

_SLOT = 5


def _trade(name: str, wallet: str, place: int | None, *, is_buy: bool, time: int = 0) -> Seen:
    trade = traded(100, 10, mint="one", wallet=wallet, is_buy=is_buy, time=MINUTE + time)
    return msgspec.structs.replace(seen(trade, name, _SLOT), tx_index=place)


async def _store(writer: Writer, *events: Seen) -> None:
    await commit(writer, Batch(events=list(events)), "confirmed")


async def _is_right(pool: Pool) -> None:
    held = await pool.fetchval("SELECT sum(base_amount) FROM position_rows")
    assert held > 0, "the sale came first, of nothing"
    assert await rebuild(pool, lambda *_: None) == 0


async def test_a_wallets_trades_have_their_order_before_all_of_the_slot_has(pool: Pool) -> None:
    """A trade of somebody else whose place isn't known yet leaves the order of the others alone."""
    async with Writer(pool) as writer:
        await _store(writer, seen(created("one"), "a", 1))
        await _store(writer, _trade("buy", "ann", 3, is_buy=True))
        await _store(
            writer,
            _trade("other", "bob", None, is_buy=False),
            _trade("sell", "ann", 1, is_buy=False),
        )
    await _is_right(pool)


async def test_what_is_left_of_a_slot_has_its_order(pool: Pool) -> None:
    """The only trade without a place is withdrawn: the places of the others, which were not enough
    before, say their order now.
    """
    unplaced = _trade("sell more", "ann", None, is_buy=False, time=1)
    async with Writer(pool) as writer:
        await _store(writer, seen(created("one"), "a", 1))
        await _store(writer, _trade("buy", "ann", 3, is_buy=True), unplaced)
        await _store(writer, _trade("sell", "ann", 1, is_buy=False))
        assert await withdraw(writer, {(unplaced.signature, _SLOT)}) == 1
    await _is_right(pool)
