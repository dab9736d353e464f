"""A token as it was after a slot."""

# ruff: noqa: S608 - what is put into statements are names that are written in this package

from __future__ import annotations

from decimal import Decimal
from typing import Any

import asyncpg

from db.pool import Pool
from db.reads.moment import Moment, at_moment
from db.reads.tokens import COLUMNS, TokenView, plain_view_of
from db.reads.trades import NEWEST_FIRST
from programs.curve import market_cap_text

_STATE = f"""SELECT {COLUMNS}, s.slot AS then_slot, s.seq AS then_seq, s.price AS then_price,
        s.virtual_base AS then_virtual_base, s.virtual_quote AS then_virtual_quote,
        s.real_base AS then_real_base, s.real_quote AS then_real_quote,
        s.progress_bps AS then_progress_bps, s.block_time AS then_time
    FROM tokens t
    LEFT JOIN LATERAL (
        SELECT * FROM trade_rows t
        WHERE t.token_id = (SELECT id FROM keys WHERE key = $1) AND t.slot <= $2 AND t.is_own
          AND NOT t.retracted ORDER BY {NEWEST_FIRST} LIMIT 1) s ON true
    WHERE t.mint = $1"""

_CREATION = """SELECT e.slot AS then_slot, e.seq AS then_seq, e.price AS then_price,
        e.virtual_base AS then_virtual_base, e.virtual_quote AS then_virtual_quote,
        e.real_base AS then_real_base, e.real_quote AS then_real_quote,
        NULL::smallint AS then_progress_bps, NULL::bigint AS then_time
    FROM token_events e
    WHERE e.mint = $1 AND e.kind = 'create' AND e.slot <= $2 AND NOT e.retracted
    ORDER BY e.slot LIMIT 1"""


async def token_as_of(pool: Pool, mint: bytes, slot: int) -> tuple[Moment, TokenView | None]:
    """The state that the last trade up to the slot left, or the creation where there was none;
    None where the token was not seen by then. What counts all trades is None in it."""
    async with pool.acquire() as connection:
        moment, records = await at_moment(connection, _STATE, mint, slot)
        if not records:
            return moment, None
        then = records[0]
        if then["then_slot"] is None:
            created = await connection.fetchrow(_CREATION, mint, slot)
            if created is None:
                return moment, None
            then = created
    return moment, _as_it_was(plain_view_of(records[0]), then, slot)


def _as_it_was(now: TokenView, then: asyncpg.Record, slot: int) -> TokenView:
    values = {name: getattr(now, name) for name in TokenView.__struct_fields__}
    values |= {
        "state_slot": then["then_slot"],
        "state_seq": then["then_seq"],
        "price": then["then_price"],
        "market_cap": _market_cap(now, then),
        "progress_bps": then["then_progress_bps"],
        "virtual_base": then["then_virtual_base"],
        "virtual_quote": then["then_virtual_quote"],
        "real_base": then["then_real_base"],
        "real_quote": then["then_real_quote"],
        "last_trade_at": then["then_time"],
        "completed_slot": _by(now.completed_slot, slot),
        "migrated_slot": _by(now.migrated_slot, slot),
    }
    if values["migrated_slot"] is None:
        values["amm_pool"] = None
    unknown: dict[str, Any] = dict.fromkeys(
        ("trades", "buys", "sells", "volume_base", "volume_quote", "holders")
    )
    return TokenView(**values | unknown)


def _by(happened: int | None, slot: int) -> int | None:
    return happened if happened is not None and happened <= slot else None


def _market_cap(now: TokenView, then: asyncpg.Record) -> Decimal | None:
    quote, base = then["then_virtual_quote"], then["then_virtual_base"]
    if not quote or not base or now.supply is None or now.quote_decimals is None:
        return None
    text = market_cap_text(quote, base, now.supply, now.quote_decimals)
    return None if text is None else Decimal(text)
