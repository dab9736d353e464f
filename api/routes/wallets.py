"""Wallets and their trades."""

from __future__ import annotations

from fastapi import APIRouter

from api.cursors import cursor_of, key_of_cursor
from api.dependencies import Cursor, Limit, ServicesOf, WalletOf
from api.problems import responses
from api.schemas import Meta, Trade, TradePage
from db import reads
from db.feed import Scope

router = APIRouter(prefix="/api/v1/wallets", tags=["wallets"])


@router.get(
    "/{wallet}/trades",
    summary="A wallet's trades, newest first",
    responses=responses(400, 422, 503),
)
async def trades(
    services: ServicesOf, wallet: WalletOf, limit: Limit = 50, cursor: Cursor = None
) -> TradePage:
    """By slot, and inside a slot in that of the block. A wallet that was never seen has
    none.
    """
    page = await reads.trades(services.pool, Scope(wallet=wallet), key_of_cursor(cursor, 3), limit)
    return TradePage(
        items=[Trade.of(row) for row in page.items],
        next=None if page.last is None else cursor_of(page.last),
        meta=Meta.of(page.moment),
    )
