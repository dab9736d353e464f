"""Tokens, their trades and candles."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from api.answers import BRIEF, LIVE, Encoded, answer, cache_of, encode, respond
from api.cursors import CursorOf
from api.dependencies import MintOf, Services, ServicesOf, metered, shared
from api.problems import ProblemError, history
from api.queries import SECONDS, CandleQuery, OneTokenQuery, TokenQuery, TokenTradeQuery
from api.schemas import CandlePage, Meta, TokenAnswer, TokenPage, TradePage
from api.schemas.base import WRAPPED_SOL
from api.schemas.candles import candle_fields
from api.schemas.tokens import token_fields
from api.schemas.trades import trade_fields
from api.shared import Read
from db.feed import Scope
from db.pool import Pool
from db.reads import candles as candle_reads
from db.reads import tokens as token_reads
from db.reads import trades as trade_reads
from db.reads.moment import Page
from db.reads.past import token_as_of
from db.windows import WINDOWS
from programs.keys import b58, key_of

router = APIRouter(prefix="/api/v1/tokens", tags=["tokens"], dependencies=[Depends(metered)])

TRADE_CURSOR = CursorOf("trades", int, int, int)
_BARS = CursorOf("candles", int)
_CURSORS: Mapping[token_reads.TokenList, CursorOf] = MappingProxyType(
    {name: CursorOf(name, *kinds) for name, kinds in token_reads.KEY_KINDS.items()}
)
_COMPARED = ("top_volume", "top_market_cap")


@router.get("", summary="Lists of tokens", response_model=TokenPage, responses=history(TokenPage))
async def tokens(
    request: Request, services: ServicesOf, query: Annotated[TokenQuery, Query()]
) -> Response:
    """Pages are stable: a token that comes in later shifts nothing. In lists by what changes (all
    but new and oldest) a token that changes its place while you page may be met twice or not at
    all; /docs/rest.md has the formulas."""
    quote = query.quote_mint or (WRAPPED_SOL if query.list in _COMPARED else None)
    wanted = token_reads.Wanted(
        list_name=query.list,
        program=query.program,
        quote_mint=None if quote is None else key_of(quote),
        window_s=WINDOWS[query.window],
        king_bps=services.settings.king_of_the_hill_bps,
    )
    cursor = _CURSORS[query.list]
    before = cursor.decode(query.cursor)

    async def read() -> Encoded:
        page = await token_reads.tokens(services.reads, wanted, before, query.limit)
        body = token_page(page, cursor, services.settings.usd_stale_s)
        return encode(body, BRIEF if query.list in ("trending", "top_volume") else LIVE)

    return await shared(request, services, read)


@router.get(
    "/{mint}", summary="One token", response_model=TokenAnswer, responses=history(TokenAnswer, 404)
)
async def token(
    request: Request, services: ServicesOf, mint: MintOf, query: Annotated[OneTokenQuery, Query()]
) -> Response:
    """The token's state after its newest trade, or after its last one up to `as_of_slot`: then
    without what counts all its trades."""
    slot = query.as_of_slot

    async def read() -> Encoded:
        if slot is None:
            moment, row = await token_reads.token(services.reads, mint)
        else:
            moment, row = await token_as_of(services.reads, mint, slot)
        if row is None:
            raise unknown(mint, slot)
        body = TokenAnswer.at(row, Meta.of(moment), services.settings.usd_stale_s)
        return encode(body, cache_of(body, slot))

    return await as_of(request, services, read, slot)


@router.get(
    "/{mint}/trades",
    summary="A token's trades, newest first",
    response_model=TradePage,
    responses=history(TradePage, 404),
)
async def trades(
    request: Request, services: ServicesOf, mint: MintOf, query: Annotated[TokenTradeQuery, Query()]
) -> Response:
    """By slot, and inside a slot in that of the block. Trades a fork undid are not in it."""
    page = await trade_reads.trades(
        services.reads,
        Scope(mint=mint),
        query.filters(query.wallet),
        TRADE_CURSOR.decode(query.cursor),
        query.limit,
    )
    if not page.items:
        await require(services.reads, mint)
    body = trade_page(page)
    return answer(request, body, cache_of(body, query.to_slot))


@router.get(
    "/{mint}/candles",
    summary="A token's candles, newest first",
    response_model=CandlePage,
    responses=history(CandlePage, 404),
)
async def candles(
    request: Request, services: ServicesOf, mint: MintOf, query: Annotated[CandleQuery, Query()]
) -> Response:
    """Only bars with trades in them; the newest one still changes. With `as_of_slot`, bars as they
    were after that slot."""
    wanted = candle_reads.Wanted(
        interval_s=SECONDS[query.interval],
        from_time=query.from_time,
        to_time=query.to_time,
        as_of_slot=query.as_of_slot,
    )
    before = _BARS.decode(query.cursor)

    async def read() -> Encoded:
        page = await candle_reads.candles(services.reads, mint, wanted, before, query.limit)
        if not page.items:
            await require(services.reads, mint)
        body = CandlePage.model_construct(
            items=[candle_fields(row) for row in page.items],
            next=_BARS.encode(page.last),
            meta=Meta.of(page.moment),
        )
        return encode(body, cache_of(body, query.as_of_slot))

    return await as_of(request, services, read, query.as_of_slot)


async def as_of(request: Request, services: Services, read: Read, slot: int | None) -> Response:
    """The present is read for everybody anew; the past is the same for all who ask for it."""
    if slot is None:
        return respond(request, await read())
    return await shared(request, services, read, is_costly=True)


def token_page(page: Page[token_reads.TokenView], cursor: CursorOf, usd_stale_s: int) -> TokenPage:
    """As an answer."""
    return TokenPage.model_construct(
        items=[token_fields(row, usd_stale_s) for row in page.items],
        next=cursor.encode(page.last),
        meta=Meta.of(page.moment),
    )


def trade_page(page: Page[trade_reads.TradeView]) -> TradePage:
    """As an answer."""
    return TradePage.model_construct(
        items=[trade_fields(row) for row in page.items],
        next=TRADE_CURSOR.encode(page.last),
        meta=Meta.of(page.moment),
    )


async def require(pool: Pool, mint: bytes) -> None:
    """An empty list of a token nobody has seen is a mistake, not an answer."""
    _, row = await token_reads.token(pool, mint)
    if row is None:
        raise unknown(mint)


def unknown(mint: bytes, slot: int | None = None) -> ProblemError:
    """There is no such token, or there was none by then."""
    return ProblemError(
        404,
        f"no token {b58(mint)} has been seen" + (f" up to slot {slot}" if slot is not None else ""),
        hint="Its launchpad may not be indexed, or it traded before indexing began",
    )
