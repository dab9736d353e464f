"""Requests that never become whole: the connection is cut, and nobody else notices."""

from __future__ import annotations

import asyncio

from tests.helpers.hub import TIMEOUT_S, connected, eventually
from tests.helpers.raw_socket import RawPeer
from tests.integration.api.conftest import Serve

PATH = "/api/v1/websocket/ws"
HANDSHAKE = (
    f"GET {PATH} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
POST = "POST /api/v1/auth/nonce HTTP/1.1\r\nHost: x\r\nContent-Length: 90\r\n\r\n{"
ASKED = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
STARTS = ("", "GE", HANDSHAKE, POST)


async def drip(peer: RawPeer, start: str) -> None:
    """Begin a request, and add a letter now and then, so that it never seems idle."""
    await peer.send(start.encode())
    while start:
        await asyncio.sleep(0.1)
        await peer.send(b"x")


async def is_cut(url: str, before: str, start: str) -> bool:
    """Does the server end a connection that begins so?"""
    async with await RawPeer.connect(url) as peer:
        if before:
            await peer.send(before.encode())
            assert (await peer.head()).status == 200
        dripping = asyncio.create_task(drip(peer, start))
        async with asyncio.timeout(TIMEOUT_S):
            await peer.gone()
        dripping.cancel()
        await asyncio.gather(dripping, return_exceptions=True)
    return True


async def test_a_request_that_never_becomes_whole(serve: Serve) -> None:
    """Head or body, silent or a byte at a time: it is cut, as is one after a good request."""
    server = await serve(request_s=2)
    url = f"ws://127.0.0.1:{server.port}"
    ways = [is_cut(url, before, start) for before in ("", ASKED) for start in STARTS]
    assert all(await asyncio.gather(*ways))
    assert not server.hub.sessions


async def test_who_has_asked_is_left_alone(serve: Serve) -> None:
    """A WebSocket lives on, however long ago its handshake was."""
    server = await serve(request_s=2)
    url = f"ws://127.0.0.1:{server.port}"
    async with connected(server.port, "?room=global") as client:
        assert await is_cut(url, "", "")  # as long again
        await client.say(type="ping", id=1)
        assert (await client.take("pong"))["id"] == 1
    await eventually(lambda: not server.hub.sessions)
