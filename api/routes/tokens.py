"""Tokens, their trades and candles."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from fastapi import APIRouter, Query

from api.cursors import cursor_of, key_of_cursor
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
from db import reads
from db.feed import Scope
from db.pool import Pool
from programs.keys import b58

router = APIRouter(prefix="/api/v1/tokens", tags=["tokens"])

Interval = Literal["1m"]
SECONDS: Mapping[Interval, int] = MappingProxyType({"1m": 60})


@router.get("", summary="Tokens, newest first", responses=responses(400, 422, 503))
async def tokens(
    services: ServicesOf,
    order: Annotated[
        reads.TokenOrder,
        Query(description="new: by age. active: by newest trade, or creation where there is none."),
    ] = "new",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> TokenPage:
    """Pages are stable: a token that comes in later shifts nothing. In the order `active` a token
    that is traded while you page moves to the front, and is then not met again."""
    page = await reads.tokens(services.pool, order, key_of_cursor(cursor, 1), limit)
    return TokenPage(
        items=[Token.of(row) for row in page.items],
        next=_next(page.last),
        meta=Meta.of(page.moment),
    )


@router.get("/{mint}", summary="One token", responses=responses(400, 404, 422, 503))
async def token(services: ServicesOf, mint: MintOf) -> TokenAnswer:
    """The token's state after its newest trade."""
    moment, row = await reads.token(services.pool, mint)
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
    page = await reads.trades(services.pool, Scope(mint=mint), key_of_cursor(cursor, 3), limit)
    if not page.items:
        await _require(services.pool, mint)
    return TradePage(
        items=[Trade.of(row) for row in page.items],
        next=_next(page.last),
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
    page = await reads.candles(services.pool, mint, seconds, key_of_cursor(cursor, 1), limit)
    if not page.items:
        await _require(services.pool, mint)
    return CandlePage(
        items=[Candle.of(row) for row in page.items],
        next=_next(page.last),
        meta=Meta.of(page.moment),
    )


def _next(last: tuple[int, ...] | None) -> str | None:
    return None if last is None else cursor_of(last)


async def _require(pool: Pool, mint: bytes) -> None:
    """An empty list of a token nobody has seen is a mistake, not an answer."""
    _, row = await reads.token(pool, mint)
    if row is None:
        raise _unknown(mint)


def _unknown(mint: bytes) -> ProblemError:
    return ProblemError(
        404,
        f"no token {b58(mint)} has been seen",
        hint="Its launchpad may not be indexed, or it traded before indexing began",
    )
