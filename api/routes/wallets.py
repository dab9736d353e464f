"""Wallets: trades, positions, profit and loss, created tokens."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from api.answers import Encoded, answer, cache_of, encode
from api.cursors import CursorOf
from api.dependencies import ServicesOf, WalletOf, metered, shared
from api.problems import history
from api.queries import PageQuery, PositionQuery, WalletTradeQuery
from api.routes.tokens import TRADE_CURSOR, token_page, trade_page
from api.schemas import Meta, TokenPage, TradePage
from api.schemas.wallets import (
    PnlAnswer,
    PositionPage,
    WalletAnswer,
    pnl_of,
    position_fields,
    totals_of,
)
from db.feed import Scope
from db.reads import tokens as token_reads
from db.reads import trades as trade_reads
from db.reads import wallets as wallet_reads
from programs.keys import b58

router = APIRouter(prefix="/api/v1/wallets", tags=["wallets"], dependencies=[Depends(metered)])

_POSITIONS = CursorOf("positions", int)
_CREATED = CursorOf("created", int)


@router.get(
    "/{wallet}", summary="A wallet's totals", response_model=WalletAnswer,
    responses=history(WalletAnswer),
)  # fmt: skip
async def wallet_totals(request: Request, services: ServicesOf, wallet: WalletOf) -> Response:
    """Per quote token, over everything it traded. A wallet that was never seen has none."""
    moment, rows, created = await wallet_reads.totals(services.reads, wallet)
    body = WalletAnswer.model_construct(
        wallet=b58(wallet),
        created=created,
        totals=[totals_of(row) for row in rows],
        meta=Meta.of(moment),
    )
    return answer(request, body)


@router.get(
    "/{wallet}/trades",
    summary="A wallet's trades, newest first",
    response_model=TradePage,
    responses=history(TradePage),
)
async def trades(
    request: Request,
    services: ServicesOf,
    wallet: WalletOf,
    query: Annotated[WalletTradeQuery, Query()],
) -> Response:
    """By slot, and inside a slot in that of the block. A wallet that was never seen has none."""
    page = await trade_reads.trades(
        services.reads,
        Scope(wallet=wallet),
        query.filters(query.mint),
        TRADE_CURSOR.decode(query.cursor),
        query.limit,
    )
    body = trade_page(page)
    return answer(request, body, cache_of(body, query.to_slot))


@router.get(
    "/{wallet}/positions",
    summary="What a wallet holds and held, the last traded first",
    response_model=PositionPage,
    responses=history(PositionPage),
)
async def positions(
    request: Request,
    services: ServicesOf,
    wallet: WalletOf,
    query: Annotated[PositionQuery, Query()],
) -> Response:
    """By average cost, in integers of quote units; from trades alone."""
    page = await wallet_reads.positions(
        services.reads, wallet, query.is_open, _POSITIONS.decode(query.cursor), query.limit
    )
    body = PositionPage.model_construct(
        items=[position_fields(wallet, row) for row in page.items],
        next=_POSITIONS.encode(page.last),
        meta=Meta.of(page.moment),
    )
    return answer(request, body)


@router.get(
    "/{wallet}/pnl",
    summary="A wallet's profit and loss",
    response_model=PnlAnswer,
    responses=history(PnlAnswer),
)
async def pnl(request: Request, services: ServicesOf, wallet: WalletOf) -> Response:
    """Realised by average cost; unrealised at the tokens' last prices, fees not taken off."""

    async def read() -> Encoded:
        moment, rows = await wallet_reads.profits(services.reads, wallet)
        body = PnlAnswer.model_construct(
            wallet=b58(wallet), quotes=[pnl_of(row) for row in rows], meta=Meta.of(moment)
        )
        return encode(body)

    # It values every open position: a bot may have ten thousand.
    return await shared(request, services, read, is_costly=True)


@router.get(
    "/{wallet}/tokens",
    summary="Tokens a wallet created, newest first",
    response_model=TokenPage,
    responses=history(TokenPage),
)
async def created(
    request: Request, services: ServicesOf, wallet: WalletOf, query: Annotated[PageQuery, Query()]
) -> Response:
    """With their state as it is now."""
    wanted = token_reads.Wanted(list_name="new", creator=wallet)
    page = await token_reads.tokens(
        services.reads, wanted, _CREATED.decode(query.cursor), query.limit
    )
    return answer(request, token_page(page, _CREATED, services.settings.usd_stale_s))
