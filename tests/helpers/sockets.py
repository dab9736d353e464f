"""Sockets of pages and programs that have signed in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from api.server import ApiServer
from api.services.auth.keys import SigningKeys
from api.services.auth.tokens import Access, issue, read
from db.pool import Pool
from tests.helpers.hub import HubClient
from tests.helpers.sign_in import Browser
from tests.integration.api_auth.conftest import Open


def url(server: ApiServer, path: str) -> str:
    """Of a page on this server."""
    return f"http://127.0.0.1:{server.port}{path}"


async def page_on(server: ApiServer, open_browser: Open, **options: Any) -> Browser:
    """A browser on the server's own page, signed in."""
    browser = open_browser(server, origin=url(server, ""), **options)
    await browser.sign_in()
    return browser


@asynccontextmanager
async def joined(server: ApiServer, browser: Browser, *rooms: str) -> AsyncIterator[HubClient]:
    """A socket of this page, by ticket, in these rooms."""
    query = f"?token={await browser.ticket()}" + "".join(f"&room={room}" for room in rooms)
    async with await dial(server, browser, query) as client:
        assert (await client.take())["auth"]["wallet"] == browser.wallet
        for _ in rooms:
            assert (await client.take())["type"] == "subscribed"
        yield client


async def dial(server: ApiServer, browser: Browser, query: str = "") -> HubClient:
    """A socket of this page."""
    return await HubClient.dial(server.port, query, origin=browser.origin)


async def refused(server: ApiServer, browser: Browser, token: str) -> tuple[int | None, str]:
    """Close code, and the code of the error, of a dial with this credential in its URL."""
    async with await dial(server, browser, f"?token={token}") as client:
        assert (await client.take())["type"] == "welcome"
        error = await client.take()
        assert error["type"] == "error"
        code, rest = await client.end()
        assert rest[-1]["type"] == "goodbye"
        return code, error["code"]


async def keys_of(pool: Pool) -> SigningKeys:
    """The localnet's."""
    return SigningKeys({"localnet": await pool.fetchval("SELECT seed FROM auth_keys")})


async def token_until(pool: Pool, browser: Browser, exp: int) -> str:
    """The browser's token, with another end."""
    keys = await keys_of(pool)
    access = read(keys, browser.access_token)
    changed = Access(access.wallet, access.session, access.version, exp)
    return issue(keys, changed, exp - 600)
