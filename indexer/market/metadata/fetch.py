"""Fetching from strangers: bounded in time, bytes and redirects, from public addresses only.

Bodies are asked for as they are (`identity`); a compressed one is refused, so nothing can swell.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import aiohttp
from yarl import URL

from indexer.market.metadata.addresses import Guard, GuardedResolver, Lookup, system_lookup
from indexer.market.metadata.errors import Unacceptable, Unreachable
from indexer.market.metadata.places import Body, inline, places_of, url_of

MAX_REDIRECTS = 3
_CHUNK_BYTES = 64 * 1024
_CONNECTIONS = 16
_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "curvefeed"}
_MOVED = (301, 302, 303, 307, 308)
_LATER = (404, 408, 425, 429)
"""What a gateway does not have yet it may have later."""


class Fetcher:
    """Use as an async context. Raises Unreachable for what may pass, Unacceptable for the rest."""

    def __init__(
        self,
        guard: Guard,
        gateways: Sequence[str] = (),
        timeout_s: float = 10,
        lookup: Lookup = system_lookup,
    ) -> None:
        self._guard = guard
        self._gateways = tuple(gateways)
        self._timeout_s = timeout_s
        self._lookup = lookup
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(
            resolver=GuardedResolver(self._guard, self._lookup),
            use_dns_cache=False,
            force_close=True,
            limit=_CONNECTIONS,
        )
        self._http = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=_HEADERS,
            auto_decompress=False,
            trust_env=False,
            read_bufsize=_CHUNK_BYTES,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._http is not None:
            await self._http.close()

    async def fetch(self, uri: str, most_bytes: int) -> Body:
        """What `uri` leads to: data:, http(s): or ipfs:."""
        if uri.startswith("data:"):
            return inline(uri, most_bytes)
        failure: Unreachable | Unacceptable = Unacceptable("there is no gateway for it")
        for place in places_of(uri, self._gateways):
            try:
                async with asyncio.timeout(self._timeout_s):
                    return await self._follow(url_of(place), most_bytes)
            except TimeoutError:
                failure = Unreachable("it took too long")
            except (Unreachable, Unacceptable) as error:
                failure = error
        raise failure

    async def _follow(self, url: URL, most_bytes: int) -> Body:
        for _ in range(MAX_REDIRECTS + 1):
            answer = await self._get(url, most_bytes)
            if isinstance(answer, Body):
                return answer
            url = answer
        raise Unacceptable("it leads from one address to the next")

    async def _get(self, url: URL, most_bytes: int) -> Body | URL:
        """One request: a body, or where it moved to."""
        self._check(url)
        if self._http is None:
            raise RuntimeError("a Fetcher is used as an async context")
        try:
            async with self._http.get(url, allow_redirects=False) as response:
                if response.status in _MOVED:
                    return url_of(response.headers.get("Location", ""), url)
                _check_status(response.status)
                return Body(response.content_type, await _read(response, most_bytes))
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _reason(error) from None

    def _check(self, url: URL) -> None:
        """A name is judged when it is resolved; an address is not resolved."""
        host = url.host or ""
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return
        self._guard.require(host, url.port or 0)


def _check_status(status: int) -> None:
    if status in _LATER or status >= 500:
        raise Unreachable("it can't be had now", status=status)
    if status != 200:
        raise Unacceptable("it can't be had", status=status)


async def _read(response: aiohttp.ClientResponse, most_bytes: int) -> bytes:
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Unacceptable("it is compressed, though that was not asked for")
    if (response.content_length or 0) > most_bytes:
        raise Unacceptable("it is too large")
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
        body += chunk
        if len(body) > most_bytes:
            raise Unacceptable("it is too large")
    return bytes(body)


def _reason(error: BaseException) -> Unreachable | Unacceptable:
    """aiohttp wraps what the resolver raises."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, Unreachable | Unacceptable):
            return cause
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, aiohttp.InvalidURL):
        return Unacceptable("that is no http(s) address")
    return Unreachable("it can't be reached", reason=type(error).__name__)
