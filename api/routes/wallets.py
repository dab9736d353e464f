"""Wallets and their trades."""

from __future__ import annotations

from fastapi import APIRouter

from api.dependencies import Cursor, Limit, ServicesOf, WalletOf
from api.problems import responses
from api.routes.tokens import TRADE_CURSOR
from api.schemas import Meta, Trade, TradePage
from db.feed import Scope
from db.reads import trades as trade_reads

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
    page = await trade_reads.trades(
        services.pool, Scope(wallet=wallet), TRADE_CURSOR.decode(cursor), limit
    )
    return TradePage(
        items=[Trade.of(row) for row in page.items],
        next=TRADE_CURSOR.encode(page.last),
        meta=Meta.of(page.moment),
    )
