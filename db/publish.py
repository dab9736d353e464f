"""Appending to the feed what no indexed transaction says: `notify_*`, broadcasts, retractions by
hand.
"""

from __future__ import annotations

import msgspec

from db.pool import Connection, Pool


class Publication(msgspec.Struct, frozen=True, kw_only=True):
    """One event to append. `data` and both updates are JSON texts; rooms follow from mint and
    wallet.
    """

    event: str
    data: str
    mint: bytes | None = None
    wallet: bytes | None = None
    slot: int | None = None
    price_update: str | None = None
    portfolio_update: str | None = None


async def append_event(target: Pool | Connection, publication: Publication) -> int:
    """Number, store and announce one event; returns its seq.

    Takes the lock on the feed's head: inside a transaction, call it last and commit at once.
    """
    seq: int = await target.fetchval(
        """WITH head AS (UPDATE feed_head SET seq = seq + 1 RETURNING seq),
                added AS (INSERT INTO feed (seq, event, mint, wallet, slot, data,
                                            price_update, portfolio_update)
                          SELECT seq, $1, $2, $3, $4, $5, $6, $7 FROM head RETURNING seq)
           SELECT seq FROM added, pg_notify('feed', added.seq::text)""",
        publication.event,
        publication.mint,
        publication.wallet,
        publication.slot,
        publication.data,
        publication.price_update,
        publication.portfolio_update,
    )
    return seq
