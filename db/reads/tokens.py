"""Tokens: one, and lists of them."""

# ruff: noqa: S608 - what is put into statements are names that are written in this file

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Literal, get_args

import asyncpg
import msgspec

from db.pool import Connection, Pool
from db.reads.moment import (
    ID_OF,
    Arguments,
    Before,
    Key,
    KeyPart,
    Moment,
    Page,
    at_moment,
)
from db.reads.windows import WindowRow, listed_windows
from db.windows import WINDOWS

TokenList = Literal[
    "new", "oldest", "active", "about_to_graduate", "king_of_the_hill", "graduated", "trending",
    "top_volume", "top_market_cap",
]  # fmt: skip


class Rate(msgspec.Struct, frozen=True):
    """Dollars per whole quote token: the newest reading, `age_s` old."""

    price: Decimal | int
    source: str
    slot: int | None
    age_s: int


class TokenView(msgspec.Struct, frozen=True, kw_only=True):
    """A token as it stands, or as it stood: then without what is not known of the past."""

    id: int
    mint: bytes
    program: str
    first_seq: int
    pool: bytes | None
    amm_pool: bytes | None
    creator: bytes | None
    creator_id: int | None
    name: str | None
    symbol: str | None
    uri: str | None
    quote_mint: bytes | None
    quote_id: int | None
    decimals: int | None
    quote_decimals: int | None
    supply: int | None
    flags: list[str]
    created_slot: int | None
    created_at: int | None
    state_slot: int
    state_seq: int
    price: Decimal | int | None
    market_cap: Decimal | int | None
    progress_bps: int | None
    virtual_base: int | None
    virtual_quote: int | None
    real_base: int | None
    real_quote: int | None
    trades: int | None
    buys: int | None
    sells: int | None
    volume_base: int | None
    volume_quote: int | None
    holders: int | None
    last_trade_at: int | None
    completed_slot: int | None
    migrated_slot: int | None
    has_image: bool = False
    rate: Rate | None = None
    windows: dict[str, WindowRow] | None = None


_ELSEWHERE = ("has_image", "rate", "windows")
_NAMES = tuple(name for name in TokenView.__struct_fields__ if name not in _ELSEWHERE)
COLUMNS = ", ".join(f"t.{name}" for name in _NAMES)

_WITH_OTHERS = """SELECT t.*, m.thumbnail_hash IS NOT NULL AS has_image, u.rate_price,
        u.rate_source, u.rate_slot, u.rate_age_s
    FROM ({}) t
    LEFT JOIN token_metadata m ON m.mint = t.mint
    LEFT JOIN LATERAL (
        SELECT p.price AS rate_price, p.source AS rate_source, p.slot AS rate_slot,
            greatest(0, extract(epoch FROM now())::bigint - p.observed_at) AS rate_age_s
        FROM quote_prices p
        WHERE p.quote_mint = t.quote_mint
        ORDER BY p.observed_at DESC LIMIT 1) u ON true"""
"""Tokens with what is kept elsewhere."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which tokens of a list: of one launchpad, against one quote token, in which window."""

    list_name: TokenList
    program: str | None = None
    quote_mint: bytes | None = None
    window_s: int = WINDOWS["1h"]
    king_bps: int = 0
    creator: bytes | None = None


class _Order(msgspec.Struct, frozen=True):
    """A list's order: columns of the key, their kinds, and which rows are in it at all. Every key
    ends in what is a token's own, so that no two tokens have the same one."""

    key: tuple[str, ...]
    kinds: tuple[type[KeyPart], ...]
    where: str = "true"
    is_descending: bool = True
    is_windowed: bool = False


_ON_CURVE = "t.completed_slot IS NULL AND t.migrated_slot IS NULL AND t.progress_bps IS NOT NULL"
_ORDERS: Mapping[TokenList, _Order] = MappingProxyType(
    {
        "new": _Order(("t.first_seq",), (int,)),
        "oldest": _Order(("t.first_seq",), (int,), is_descending=False),
        "active": _Order(("t.state_seq",), (int,)),
        "about_to_graduate": _Order(("t.progress_bps", "t.first_seq"), (int, int), _ON_CURVE),
        "king_of_the_hill": _Order(("t.progress_bps", "t.first_seq"), (int, int), _ON_CURVE),
        "graduated": _Order(
            ("t.migrated_slot", "t.first_seq"), (int, int), "t.migrated_slot IS NOT NULL"
        ),
        "top_market_cap": _Order(
            ("t.market_cap", "t.first_seq"), (Decimal, int), "t.market_cap IS NOT NULL"
        ),
        "top_volume": _Order(("w.volume_quote", "w.token_id"), (Decimal, int), is_windowed=True),
        "trending": _Order(("w.score", "w.token_id"), (float, int), is_windowed=True),
    }
)
KEY_KINDS: Mapping[TokenList, tuple[type[KeyPart], ...]] = MappingProxyType(
    {name: _ORDERS[name].kinds for name in get_args(TokenList)}
)
"""What a cursor of each list holds."""


async def tokens(pool: Pool, wanted: Wanted, before: Before, limit: int) -> Page[TokenView]:
    """A page of a list. In lists by what changes (all but new and oldest) a token that changes its
    place while somebody pages may be met twice or not at all; no other token is concerned."""
    order = _ORDERS[wanted.list_name]
    arguments = Arguments()
    select = _select(wanted, order, before, arguments)
    placeholder = arguments.add(limit + 1)
    async with pool.acquire() as connection:
        moment, records = await at_moment(
            connection,
            f"{_WITH_OTHERS.format(f'{select} LIMIT {placeholder}')} {_outer_order(order)}",
            *arguments.values,
        )
        found = await viewed(connection, records[:limit])
    last = _key_of(records[limit - 1], order) if len(records) > limit else None
    return Page(moment, found, last)


def _select(wanted: Wanted, order: _Order, before: Before, arguments: Arguments) -> str:
    conditions = [order.where]
    source = "tokens t"
    if order.is_windowed:
        source = "token_windows w JOIN tokens t ON t.id = w.token_id"
        conditions.append(f"w.window_s = {arguments.add(wanted.window_s)}")
    if wanted.program is not None:
        conditions.append(f"t.program = {arguments.add(wanted.program)}")
    if wanted.quote_mint is not None:
        conditions.append(f"t.quote_mint = {arguments.add(wanted.quote_mint)}")
    if wanted.creator is not None:
        conditions.append(f"t.creator_id = {ID_OF.format(arguments.add(wanted.creator))}")
    if wanted.list_name == "king_of_the_hill":
        conditions.append(f"t.progress_bps >= {arguments.add(wanted.king_bps)}")
    if before is not None:
        values = ", ".join(arguments.add(value) for value in before)
        sign = "<" if order.is_descending else ">"
        conditions.append(f"({', '.join(order.key)}) {sign} ({values})")
    keys = "".join(f", {column} AS key_{n}" for n, column in enumerate(order.key))
    way = "DESC" if order.is_descending else "ASC"
    by = ", ".join(f"{column} {way}" for column in order.key)
    return f"SELECT {COLUMNS}{keys} FROM {source} WHERE {' AND '.join(conditions)} ORDER BY {by}"


def _outer_order(order: _Order) -> str:
    """The joins keep the order of the rows, but nothing promises it."""
    way = "DESC" if order.is_descending else "ASC"
    return "ORDER BY " + ", ".join(f"t.key_{n} {way}" for n, _ in enumerate(order.key))


def _key_of(record: asyncpg.Record, order: _Order) -> Key:
    return tuple(kind(record[f"key_{n}"]) for n, kind in enumerate(order.kinds))


async def token(pool: Pool, mint: bytes) -> tuple[Moment, TokenView | None]:
    """One token as it stands."""
    async with pool.acquire() as connection:
        moment, records = await at_moment(
            connection,
            _WITH_OTHERS.format(f"SELECT {COLUMNS} FROM tokens t WHERE t.mint = $1"),
            mint,
        )
        found = await viewed(connection, records)
    return moment, found[0] if found else None


def with_others(select: str) -> str:
    """The tokens of a SELECT of COLUMNS, with what `view_of` needs from elsewhere."""
    return _WITH_OTHERS.format(select)


async def viewed(connection: Connection, records: list[asyncpg.Record]) -> list[TokenView]:
    """Tokens of records of `with_others`, each with its windows."""
    windows = await listed_windows(connection, [record["id"] for record in records])
    return [view_of(record, windows.get(record["id"], {})) for record in records]


def view_of(
    record: asyncpg.Record, windows: dict[str, WindowRow] | None, **past: object
) -> TokenView:
    """A token of a record of `with_others`; `past` replaces columns."""
    values = {name: record[name] for name in _NAMES} | past
    return TokenView(
        **values, windows=windows, has_image=record["has_image"], rate=_rate_of(record)
    )


def plain_view_of(record: asyncpg.Record) -> TokenView:
    """A token of a record of COLUMNS alone."""
    return TokenView(**{name: record[name] for name in _NAMES})


def _rate_of(record: asyncpg.Record) -> Rate | None:
    if record["rate_price"] is None:
        return None
    return Rate(
        record["rate_price"], record["rate_source"], record["rate_slot"], record["rate_age_s"]
    )
