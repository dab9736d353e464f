"""Withdrawing landings that did not survive: rows by flag, what is folded from them anew, and a
`retracted` event for each log event taken back. All of it in one transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from common import metrics
from common.messages import Retracted
from db import retract, writes
from db.retract import Landing, Withdrawn
from db.rows import Changes, FeedInsert
from db.writer import Writer
from indexer import candles, messages
from indexer.refold import Refolded, refold, reorder, store
from indexer.seen import Keys
from programs.keys import signature_b58

_encode = msgspec.json.Encoder().encode


async def withdraw(writer: Writer, landings: Collection[Landing]) -> int:
    """Take back every event of these landings; returns how many there were.

    Raises DatabaseUnavailable where it may or may not have happened: it can be repeated.
    """
    async with writer.transaction() as connection:
        withdrawn = await retract.withdraw(connection, landings)
        if not withdrawn:
            return 0
        refolded = await refold(connection, _keys(withdrawn))
        first_seq = await writes.take_seqs(connection, len(withdrawn))
        feed = _feed(withdrawn, refolded, first_seq)
        await store(connection, refolded, Changes(feed=feed))
        # What is left of a slot may have all its places known now, and another order by that.
        await reorder(connection, {one.slot for one in withdrawn if one.is_trade})
    metrics.INDEXER_RETRACTED.inc(len(withdrawn))
    return len(withdrawn)


def _keys(withdrawn: Sequence[Withdrawn]) -> Keys:
    return Keys(
        mints={one.mint for one in withdrawn},
        positions={
            (one.wallet, one.mint) for one in withdrawn if one.is_trade and one.wallet is not None
        },
        candles={
            key
            for one in withdrawn
            if one.block_time is not None
            for key in candles.keys_of(one.mint, one.block_time)
        },
    )


def _feed(withdrawn: Sequence[Withdrawn], refolded: Refolded, first_seq: int) -> list[FeedInsert]:
    """One `retracted` for each; prices and positions go with the last of each token and wallet."""
    last_of = {one.mint: one.seq for one in withdrawn}
    last_by = {(one.wallet, one.mint): one.seq for one in withdrawn if one.is_trade}
    rows = []
    for seq, one in enumerate(withdrawn, first_seq):
        token = refolded.tokens.get(one.mint) if last_of[one.mint] == one.seq else None
        position = None
        if one.wallet is not None and last_by.get((one.wallet, one.mint)) == one.seq:
            position = refolded.positions.get((one.wallet, one.mint))
        told = Retracted(seq=one.seq, signature=signature_b58(one.signature), reason="fork")
        rows.append(
            FeedInsert(
                seq=seq, event="retracted", mint=one.mint, wallet=one.wallet, slot=one.slot,
                data=_encode(told).decode(),
                price_update=None if token is None else messages.price_update(token),
                portfolio_update=None if position is None else messages.portfolio_update(position),
            )
        )  # fmt: skip
    return rows
