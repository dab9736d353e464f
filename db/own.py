"""Which stored trades are on their token's own curve or pool: news of its pools may come late."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from db.pool import Connection

_TIMEOUT_S = 60

_JUDGE = """
    UPDATE trade_rows t SET is_own = NOT t.is_own FROM tokens k
    WHERE k.mint = ANY($1::bytea[]) AND t.token_id = k.id AND NOT t.retracted
      AND t.is_own <> (
        (t.pool_id IS NULL
         OR (k.pool IS NULL AND (k.amm_pool IS NULL OR t.progress_bps IS NOT NULL))
         OR coalesce((SELECT key FROM keys WHERE id = t.pool_id) = k.pool, false)
         OR coalesce((SELECT key FROM keys WHERE id = t.pool_id) = k.amm_pool, false))
        AND (t.quote_id IS NULL OR t.quote_id IS NOT DISTINCT FROM k.quote_id))
    RETURNING k.mint, (SELECT key FROM keys WHERE id = t.wallet_id) AS wallet, t.slot,
              CASE WHEN t.price IS NOT NULL THEN t.block_time END AS block_time"""


class Judged(msgspec.Struct, frozen=True):
    """A stored trade that turned out to be its token's own, or no longer is.

    `block_time`: a time in its candles; None: it is in none.
    """

    mint: bytes
    wallet: bytes | None
    slot: int
    block_time: int | None


async def judge(connection: Connection, mints: Collection[bytes]) -> list[Judged]:
    """Set what is wrong by the pools and the quote that are known of these tokens now: the same
    rule by which a trade is folded (indexer.fold). Reads all trades of the tokens.
    """
    rows = await connection.fetch(_JUDGE, list(mints), timeout=_TIMEOUT_S)
    return [Judged(**row) for row in rows]
