"""Wallets that have signed in, without signing 1,000 messages: their sessions and access tokens."""

from __future__ import annotations

import asyncio
import base64
import secrets
import time

from pydantic import SecretStr

from api.services.auth.keys import SEED_BYTES, parse_keys
from api.services.auth.tokens import Access, hashed, issue, new_secret
from db.pool import Pool, pool_of
from db.sessions import start_session

_LIFE_S = 900
_AT_ONCE = 8
CONNECTIONS_EACH = 10
"""As many as the protocol lets one wallet have."""


def new_keys() -> str:
    """AUTH_SIGNING_KEYS for one benchmark."""
    return "bench:" + base64.b64encode(secrets.token_bytes(SEED_BYTES)).decode()


async def _session(pool: Pool) -> Access:
    wallet, session = secrets.token_bytes(32), secrets.token_bytes(16)
    version = await start_session(pool, wallet, session, hashed(new_secret()), days=1)
    return Access(wallet, session, version, int(time.time()) + _LIFE_S)


async def access_tokens(database_url: str, keys: str, count: int) -> list[str]:
    """A token for each of `count` connections of wallets with CONNECTIONS_EACH of them."""
    signing = parse_keys(SecretStr(keys))
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(pool: Pool) -> Access:
        async with gate:
            return await _session(pool)

    async with pool_of(database_url, _AT_ONCE) as pool:
        wallets = -(-count // CONNECTIONS_EACH)
        found = await asyncio.gather(*(one(pool) for _ in range(wallets)))
    now = int(time.time())
    return [issue(signing, found[number // CONNECTIONS_EACH], now) for number in range(count)]
