"""What is derived from a token's trades."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from api.answers import Encoded, answer, cache_of, encode
from api.cursors import CursorOf
from api.dependencies import MintOf, ServicesOf, metered
from api.flags import authorities_of, flags_of
from api.problems import history
from api.queries import FirstQuery, HolderQuery, TraderQuery
from api.routes.tokens import as_of, unknown
from api.schemas import Meta
from api.schemas.base import key_text
from api.schemas.tokens import (
    FirstBuyers,
    FlagsAnswer,
    HolderPage,
    TokenStats,
    TraderPage,
    window_fields,
)
from api.values import share_bps, value_of
from db.reads import flags as flag_reads
from db.reads import holders as holder_reads
from db.reads.windows import exact_windows
from programs.keys import b58, signature_b58

router = APIRouter(prefix="/api/v1/tokens", tags=["tokens"], dependencies=[Depends(metered)])

_HOLDERS = CursorOf("holders", Decimal, int)
_TRADERS: Mapping[holder_reads.TraderOrder, CursorOf] = MappingProxyType(
    {
        "realized": CursorOf("traders", Decimal, int),
        "loss": CursorOf("traders_loss", Decimal, int),
        "amount": CursorOf("traders_amount", Decimal, int),
        "recent": CursorOf("traders_recent", int, int),
    }
)


@router.get(
    "/{mint}/holders",
    summary="Who holds a token, the largest first",
    response_model=HolderPage,
    responses=history(HolderPage, 404),
)
async def holders(
    request: Request, services: ServicesOf, mint: MintOf, query: Annotated[HolderQuery, Query()]
) -> Response:
    """From trades alone, so transfers are not seen. A holder whose amount changes while you page
    may be met twice or not at all."""
    slot = query.as_of_slot
    before = _HOLDERS.decode(query.cursor)

    async def read() -> Encoded:
        found = await holder_reads.holders(services.reads, mint, slot, before, query.limit)
        if found is None:
            raise unknown(mint)
        body = _holders(found)
        return encode(body, cache_of(body, slot))

    return await as_of(request, services, read, slot)


def _holder(row: holder_reads.HolderRow, found: holder_reads.Holders) -> Any:
    """The fields of `Holder`, in its place: see api/answers.py."""
    return {
        "wallet": b58(row.wallet),
        "base_amount": str(row.base_amount),
        "share_bps": share_bps(row.base_amount, found.supply),
        "is_creator": row.wallet == found.creator,
    }


def _holders(found: holder_reads.Holders) -> HolderPage:
    return HolderPage.model_construct(
        items=[_holder(row, found) for row in found.page.items],
        next=_HOLDERS.encode(found.page.last),
        meta=Meta.of(found.page.moment),
        holders=found.count,
        top10_bps=share_bps(found.top10, found.supply),
    )


@router.get(
    "/{mint}/traders",
    summary="A token's traders, by profit, loss, amount or time",
    response_model=TraderPage,
    responses=history(TraderPage, 404),
)
async def traders(
    request: Request, services: ServicesOf, mint: MintOf, query: Annotated[TraderQuery, Query()]
) -> Response:
    """Profits by average cost, in quote units. What came by transfer has no cost and is no
    profit."""
    cursor = _TRADERS[query.order]
    found = await holder_reads.traders(
        services.reads, mint, query.order, cursor.decode(query.cursor), query.limit
    )
    if found is None:
        raise unknown(mint)
    token, page = found
    body = TraderPage.model_construct(
        items=[_trader(row, token) for row in page.items],
        next=cursor.encode(page.last),
        meta=Meta.of(page.moment),
    )
    return answer(request, body)


def _trader(row: holder_reads.TraderRow, token: holder_reads.OfToken) -> Any:
    """The fields of `Trader`, in its place: see api/answers.py."""
    value = value_of(row.base_amount, token.price, token.decimals, token.quote_decimals)
    return {
        "wallet": b58(row.wallet),
        "base_amount": str(row.base_amount),
        "cost_quote": str(row.cost_quote),
        "realized_quote": str(row.realized_quote),
        "unrealized_quote": None if value is None else str(value - row.cost_quote),
        "bought_quote": str(row.bought_quote),
        "sold_quote": str(row.sold_quote),
        "buys": row.buys,
        "sells": row.sells,
        "last_trade_at": row.last_at,
        "is_creator": row.wallet == token.creator,
    }


@router.get(
    "/{mint}/first-buyers",
    summary="A token's first purchases",
    response_model=FirstBuyers,
    responses=history(FirstBuyers, 404),
)
async def first_buyers(
    request: Request, services: ServicesOf, mint: MintOf, query: Annotated[FirstQuery, Query()]
) -> Response:
    """In the chain's order, the earliest first."""
    found = await flag_reads.first_buyers(services.reads, mint, query.limit)
    if found is None:
        raise unknown(mint)
    moment, token, purchases = found
    body = FirstBuyers.model_construct(
        mint=b58(mint),
        items=[_first_buyer(row, token) for row in purchases],
        meta=Meta.of(moment),
    )
    return answer(request, body)


def _first_buyer(row: flag_reads.Purchase, token: holder_reads.OfToken) -> Any:
    """The fields of `FirstBuyer`, in its place."""
    return {
        "wallet": key_text(row.wallet),
        "signature": signature_b58(row.signature),
        "slot": row.slot,
        "base_amount": str(row.base_amount),
        "quote_amount": str(row.quote_amount),
        "is_creator": row.wallet is not None and row.wallet == token.creator,
    }


@router.get(
    "/{mint}/stats",
    summary="A token's windows of time",
    response_model=TokenStats,
    responses=history(TokenStats, 404),
)
async def stats(request: Request, services: ServicesOf, mint: MintOf) -> Response:
    """What happened in the last 5 minutes, hour, 6 hours and 24 hours."""
    moment, windows = await exact_windows(services.reads, mint)
    if windows is None:
        raise unknown(mint)
    body = TokenStats.model_construct(
        mint=b58(mint),
        windows={name: window_fields(row) for name, row in windows.items()},
        meta=Meta.of(moment),
    )
    return answer(request, body)


@router.get(
    "/{mint}/flags",
    summary="Facts about a token, with evidence",
    response_model=FlagsAnswer,
    responses=history(FlagsAnswer, 404),
)
async def flags(request: Request, services: ServicesOf, mint: MintOf) -> Response:
    """Each with what it rests on; never a score. An empty list says that none of these facts was
    found in what is stored, not that the token is safe."""
    facts = await flag_reads.facts(services.reads, mint)
    if facts is None:
        raise unknown(mint)
    body = FlagsAnswer.model_construct(
        mint=b58(mint),
        items=flags_of(facts),
        authorities=authorities_of(facts),
        meta=Meta.of(facts.moment),
    )
    return answer(request, body)
