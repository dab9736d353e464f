"""Who may mint more of a token or freeze its accounts: read of its mint, never guessed."""

from __future__ import annotations

import asyncio
import base64

import msgspec
import structlog

from common.errors import CurvefeedError
from common.settings import Settings
from db import authorities
from db.authorities import Authorities
from db.feed import OUTAGE
from db.pool import Pool
from indexer.rpc import Node
from programs.keys import b58

_log = structlog.get_logger(__name__)

_EVERY_S = 5.0
_AT_ONCE = 100
"""Accounts that getMultipleAccounts gives."""
_NEWEST = 5_000
_OWNERS = frozenset(
    {
        "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA",
        "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb",
    }
)
_KEY_BYTES, _MINT_BYTES = 32, 82


class _Account(msgspec.Struct):
    owner: str
    data: tuple[str, str]


class _Context(msgspec.Struct):
    slot: int


class _Accounts(msgspec.Struct):
    context: _Context
    value: list[_Account | None]


async def follow_authorities(settings: Settings, pool: Pool) -> None:
    """Read what is due until cancelled: one request for a hundred mints, every few seconds."""
    is_well = True
    async with Node(settings.rpc_url, "confirmed") as node:
        while True:
            count = 0
            try:
                count = await step(pool, node)
                is_well = True
            except (CurvefeedError, *OUTAGE) as error:
                if is_well:
                    _log.warning("authorities_unavailable", error=str(error))
                is_well = False
            if count < _AT_ONCE:
                await asyncio.sleep(_EVERY_S)


async def step(pool: Pool, node: Node) -> int:
    """Read some mints' accounts; how many were due."""
    mints = await authorities.due(pool, _AT_ONCE, _NEWEST)
    if not mints:
        return 0
    config = {"encoding": "base64", "commitment": "finalized"}
    names = [b58(mint) for mint in mints]
    answer = await node.call("getMultipleAccounts", [names, config], _Accounts)
    slot = answer.context.slot
    found = {
        mint: None if account is None else _authorities(account, slot)
        for mint, account in zip(mints, answer.value, strict=True)
    }
    await authorities.store(pool, slot, found)
    return len(mints)


def _authorities(account: _Account, slot: int) -> Authorities | None:
    if account.owner not in _OWNERS:
        return None
    return authorities_in(base64.b64decode(account.data[0]), slot)


def authorities_in(data: bytes, slot: int) -> Authorities | None:
    """Of the bytes of a mint's account (Token or Token-2022: extensions follow after the same 82);
    None: it is not one, or not initialized."""
    if len(data) < _MINT_BYTES or not data[45]:
        return None
    return Authorities(
        mint_authority=_optional_key(data, 0), freeze_authority=_optional_key(data, 46), slot=slot
    )


def _optional_key(data: bytes, at: int) -> bytes | None:
    is_there = int.from_bytes(data[at : at + 4], "little") == 1
    return data[at + 4 : at + 4 + _KEY_BYTES] if is_there else None
