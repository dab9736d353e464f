"""Facts about a token, with what they rest on."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from db.authorities import Authorities, authorities_of
from db.pool import Connection, Pool
from db.reads.holders import OfToken, of_token
from db.reads.moment import Moment, at_moment, row_of, rows_of

_MOST = 20
"""Rows of evidence an answer shows at most."""


class Purchase(msgspec.Struct, frozen=True):
    """A purchase close to a token's creation."""

    wallet: bytes | None
    signature: bytes
    slot: int
    base_amount: int
    quote_amount: int


class CreatorsOwn(msgspec.Struct, frozen=True, kw_only=True):
    """The creator's position in its own token."""

    base_amount: int
    sold_quote: int
    buys: int
    sells: int
    last_sell_at: int | None


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to say of a token."""

    moment: Moment
    token: OfToken
    bundled: Sequence[Purchase]
    """Purchases of others in the very slot of the creation."""
    creators_own: CreatorsOwn | None
    top10: int
    authorities: Authorities | None
    """None: the mint's account was not read yet."""


_FIRST_BUYS = """SELECT w.key AS wallet, b.signature, b.slot, b.base_amount, b.quote_amount
    FROM (SELECT * FROM trade_rows t WHERE t.token_id = $1 AND t.is_buy AND t.is_own
              AND NOT t.retracted
          ORDER BY t.slot, coalesce(t.tx_index, 2147483647), t.seq LIMIT $2) b
    LEFT JOIN keys w ON w.id = b.wallet_id
    ORDER BY b.slot, coalesce(b.tx_index, 2147483647), b.seq"""

_BUNDLED = """SELECT w.key AS wallet, t.signature, t.slot, t.base_amount, t.quote_amount
    FROM trade_rows t LEFT JOIN keys w ON w.id = t.wallet_id
    WHERE t.token_id = $1 AND t.slot = $2 AND t.is_buy AND t.is_own AND NOT t.retracted
      AND t.wallet_id IS DISTINCT FROM $3 ORDER BY t.base_amount DESC LIMIT $4"""

_TOP10 = """SELECT coalesce(sum(p.base_amount), 0) AS top10 FROM (
    SELECT base_amount FROM position_rows WHERE token_id = $1 AND base_amount > 0
    ORDER BY base_amount DESC LIMIT 10) p"""


async def facts(pool: Pool, mint: bytes) -> Facts | None:
    """Everything the flags of a token are made of; None: it was never seen."""
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read"):
        token = await of_token(connection, mint)
        if token is None:
            return None
        moment, (top,) = await at_moment(connection, _TOP10, token.id)
        return Facts(
            moment=moment,
            token=token,
            bundled=await _bundled(connection, token),
            creators_own=await _creators_own(connection, token),
            top10=top["top10"],
            authorities=await authorities_of(connection, mint),
        )


async def first_buyers(
    pool: Pool, mint: bytes, limit: int
) -> tuple[Moment, OfToken, list[Purchase]] | None:
    """The first purchases of a token, the earliest first; None: it was never seen."""
    async with pool.acquire() as connection:
        token = await of_token(connection, mint)
        if token is None:
            return None
        moment, records = await at_moment(connection, _FIRST_BUYS, token.id, limit)
    return moment, token, rows_of(Purchase, records)


async def _bundled(connection: Connection, token: OfToken) -> list[Purchase]:
    if token.created_slot is None:
        return []
    records = await connection.fetch(
        _BUNDLED, token.id, token.created_slot, token.creator_id, _MOST
    )
    return rows_of(Purchase, records)


async def _creators_own(connection: Connection, token: OfToken) -> CreatorsOwn | None:
    record = await connection.fetchrow(
        "SELECT base_amount, sold_quote, buys, sells, last_sell_at FROM position_rows "
        "WHERE wallet_id = $1 AND token_id = $2",
        token.creator_id,
        token.id,
    )
    return None if record is None else row_of(CreatorsOwn, record)
