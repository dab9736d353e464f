"""Tokens, their trades and candles."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from fastapi import APIRouter, Query

from api.cursors import CursorOf
from api.dependencies import Cursor, Limit, MintOf, ServicesOf
from api.problems import ProblemError, responses
from api.schemas import (
    Candle,
    CandlePage,
    Meta,
    Token,
    TokenAnswer,
    TokenPage,
    Trade,
    TradePage,
)
from db.feed import Scope
from db.pool import Pool
from db.reads import candles as candle_reads
from db.reads import tokens as token_reads
from db.reads import trades as trade_reads
from programs.keys import b58

router = APIRouter(prefix="/api/v1/tokens", tags=["tokens"])

Interval = Literal["1m"]
TRADE_CURSOR = CursorOf("trades", int, int, int)
_BARS = CursorOf("candles", int)
_CURSORS: Mapping[token_reads.TokenOrder, CursorOf] = MappingProxyType(
    {"new": CursorOf("new", int), "active": CursorOf("active", int)}
)
SECONDS: Mapping[Interval, int] = MappingProxyType({"1m": 60})


@router.get("", summary="Tokens, newest first", responses=responses(400, 422, 503))
async def tokens(
    services: ServicesOf,
    order: Annotated[
        token_reads.TokenOrder,
        Query(description="new: by age. active: by newest trade, or creation where there is none."),
    ] = "new",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> TokenPage:
    """Pages are stable: a token that comes in later shifts nothing. In the order `active` a token
    that is traded while you page moves to the front, and is then not met again."""
    page = await token_reads.tokens(services.pool, order, _CURSORS[order].decode(cursor), limit)
    return TokenPage(
        items=[Token.of(row) for row in page.items],
        next=_CURSORS[order].encode(page.last),
        meta=Meta.of(page.moment),
    )


@router.get("/{mint}", summary="One token", responses=responses(400, 404, 422, 503))
async def token(services: ServicesOf, mint: MintOf) -> TokenAnswer:
    """The token's state after its newest trade."""
    moment, row = await token_reads.token(services.pool, mint)
    if row is None:
        raise _unknown(mint)
    return TokenAnswer(**Token.of(row).model_dump(), meta=Meta.of(moment))


@router.get(
    "/{mint}/trades",
    summary="A token's trades, newest first",
    responses=responses(400, 404, 422, 503),
)
async def trades(
    services: ServicesOf, mint: MintOf, limit: Limit = 50, cursor: Cursor = None
) -> TradePage:
    """By slot, and inside a slot in that of the block. Trades a fork undid are not in
    it.
    """
    page = await trade_reads.trades(
        services.pool, Scope(mint=mint), TRADE_CURSOR.decode(cursor), limit
    )
    if not page.items:
        await _require(services.pool, mint)
    return TradePage(
        items=[Trade.of(row) for row in page.items],
        next=TRADE_CURSOR.encode(page.last),
        meta=Meta.of(page.moment),
    )


@router.get(
    "/{mint}/candles",
    summary="A token's candles, newest first",
    responses=responses(400, 404, 422, 503),
)
async def candles(
    services: ServicesOf,
    mint: MintOf,
    interval: Annotated[Interval, Query(description="Length of a bar.")] = "1m",
    limit: Limit = 200,
    cursor: Cursor = None,
) -> CandlePage:
    """Only bars with trades in them; the newest one still changes."""
    seconds = SECONDS[interval]
    page = await candle_reads.candles(services.pool, mint, seconds, _BARS.decode(cursor), limit)
    if not page.items:
        await _require(services.pool, mint)
    return CandlePage(
        items=[Candle.of(row) for row in page.items],
        next=_BARS.encode(page.last),
        meta=Meta.of(page.moment),
    )


async def _require(pool: Pool, mint: bytes) -> None:
    """An empty list of a token nobody has seen is a mistake, not an answer."""
    _, row = await token_reads.token(pool, mint)
    if row is None:
        raise _unknown(mint)


def _unknown(mint: bytes) -> ProblemError:
    return ProblemError(
        404,
        f"no token {b58(mint)} has been seen",
        hint="Its launchpad may not be indexed, or it traded before indexing began",
    )
