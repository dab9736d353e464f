"""The market as a whole, and the way to a token by its name."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from api.answers import BRIEF, Encoded, encode
from api.dependencies import ServicesOf, metered, shared
from api.problems import history
from api.queries import SearchQuery, TrendingQuery
from api.schemas import Meta
from api.schemas.base import key_text
from api.schemas.market import MarketStats, MarketWindow, Trend, Trending
from api.schemas.tokens import MatchList, token_fields
from db.reads import market as market_reads
from db.reads import search as search_reads
from db.reads.tokens import TokenView
from db.windows import WINDOWS
from programs.keys import key_of

router = APIRouter(prefix="/api/v1", tags=["market"], dependencies=[Depends(metered)])


@router.get(
    "/market/stats",
    summary="The whole market in windows of time",
    response_model=MarketStats,
    responses=history(MarketStats),
)
async def market_stats(request: Request, services: ServicesOf) -> Response:
    """Per quote token: amounts of different tokens are never added up."""

    async def read() -> Encoded:
        moment, windows = await market_reads.market_windows(services.reads)
        shown = {name: [_window(row) for row in rows] for name, rows in windows.items()}
        return encode(MarketStats.model_construct(windows=shown, meta=Meta.of(moment)), BRIEF)

    return await shared(request, services, read)


def _window(row: market_reads.MarketRow) -> MarketWindow:
    return MarketWindow.model_construct(
        quote_mint=key_text(row.quote_mint),
        trades=row.trades,
        buys=row.buys,
        sells=row.trades - row.buys,
        volume_quote=str(row.volume_quote),
    )


@router.get(
    "/market/trending",
    summary="Trending tokens with their scores",
    response_model=Trending,
    responses=history(Trending),
)
async def trending(
    request: Request, services: ServicesOf, query: Annotated[TrendingQuery, Query()]
) -> Response:
    """By buyers * ln(1 + volume in whole quote tokens) of the window; /tokens?list=trending has the
    same in pages."""

    async def read() -> Encoded:
        moment, rows = await market_reads.trending(
            services.reads, WINDOWS[query.window], query.limit
        )
        stale_s = services.settings.usd_stale_s
        items = [
            Trend.model_construct(rank=rank, score=f"{score:.6g}", token=token_fields(row, stale_s))
            for rank, (score, row) in enumerate(rows, 1)
        ]
        return encode(Trending.model_construct(items=items, meta=Meta.of(moment)), BRIEF)

    return await shared(request, services, read)


@router.get(
    "/search",
    summary="Tokens by mint, symbol or name",
    response_model=MatchList,
    responses=history(MatchList),
)
async def search(
    request: Request, services: ServicesOf, query: Annotated[SearchQuery, Query()]
) -> Response:
    """A whole mint finds its token; anything else the tokens whose symbol or name holds it,
    whatever its case: those that are called just so first, then by number of trades. A text that
    more than 1,000 names hold is ranked among 1,000 of them, and all that are called just so."""
    text = query.q.replace("\0", " ")
    stale_s = services.settings.usd_stale_s
    mint = _mint_of(text)

    async def read() -> Encoded:
        items: list[Any] = []
        if mint is not None:
            moment, found = await search_reads.by_mint(services.reads, mint)
            items = [_match(row, "mint", stale_s) for row in found]
        if not items:
            moment, found = await search_reads.by_name(services.reads, text, query.limit)
            items = [_match(row, _matched_by(row, text), stale_s) for row in found]
        return encode(MatchList.model_construct(items=items, meta=Meta.of(moment)), BRIEF)

    return await shared(request, services, read)


def _mint_of(text: str) -> bytes | None:
    try:
        return key_of(text.strip())
    except ValueError:
        return None


def _matched_by(row: TokenView, text: str) -> search_reads.MatchedBy:
    return "symbol" if text.strip().lower() in (row.symbol or "").lower() else "name"


def _match(row: TokenView, by: search_reads.MatchedBy, stale_s: int) -> Any:
    return token_fields(row, stale_s) | {"match": by}
