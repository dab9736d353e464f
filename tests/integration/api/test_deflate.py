"""permessage-deflate: off by default; where on, once for all, and bombs don't go off. Both output
paths, a real client.
"""

from __future__ import annotations

import json
import zlib

import pytest
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from api.wire.rfc6455 import close_frame
from db.pool import Pool
from tests.helpers.hub import TOKEN_A, HubClient, connected, eventually, publish
from tests.helpers.raw_socket import RawPeer
from tests.integration.api.conftest import Serve

ON = {"websocket_deflate": True}


def agreed(client: HubClient) -> str | None:
    """What the server answered to the client's offer."""
    response = client.socket.response
    assert response is not None
    found: str | None = response.headers.get("Sec-WebSocket-Extensions")
    return found


async def test_off_by_default(serve: Serve) -> None:
    """A client that offers it, as all browsers do, gets none."""
    server = await serve()
    async with connected(server.port) as client:
        assert agreed(client) is None


async def test_both_directions(serve: Serve, pool: Pool) -> None:
    """What a client compresses is understood, and what it gets it can read; without context
    takeover on either side, so that nothing is kept per connection."""
    server = await serve(settings=ON)
    async with connected(server.port) as client:
        assert "server_no_context_takeover" in str(agreed(client))
        assert "client_no_context_takeover" in str(agreed(client))
        for number in range(3):
            await client.say(type="ping", id=number, padding="x" * 8_000)
            assert (await client.take("pong"))["id"] == number
        await client.socket.send(iter(['{"type":"ping",', '"id":"in pieces"}']))
        assert (await client.take("pong"))["id"] == "in pieces"
        await client.say(type="subscribe", id=1, room=TOKEN_A)
        await client.take("subscribed")
        await publish(pool, *range(1, 4), padding=2_000)
        found = [(await client.take("new_trade"))["data"]["number"] for _ in range(3)]
        assert found == [1, 2, 3]


async def frame_of(peer: RawPeer, kind: str) -> bytes:
    """The next compressed frame's payload that tells of this kind, as it came."""
    while True:
        first, size = await peer._reader.readexactly(2)
        if size == 126:
            size = int.from_bytes(await peer._reader.readexactly(2), "big")
        payload = await peer._reader.readexactly(size)
        if first & 0x40:
            message = json.loads(zlib.decompressobj(-12).decompress(payload + b"\0\0\xff\xff"))
            if message["type"] == kind:
                return payload


async def test_compressed_once_for_all(serve: Serve, pool: Pool) -> None:
    """Everybody who takes it gets the same bytes, fewer than there are; who doesn't offer it gets
    plain ones."""
    server = await serve(settings=ON)
    url = f"ws://127.0.0.1:{server.port}/api/v1/websocket/ws?room={TOKEN_A}"
    peers = [await RawPeer.connect(url) for _ in range(2)]
    async with (
        peers[0],
        peers[1],
        connected(server.port, f"?room={TOKEN_A}", compression=None) as plain,
    ):
        for peer in peers:
            answer = await peer.shake(url, sec_websocket_extensions="permessage-deflate")
            assert answer.status == 101
        await eventually(lambda: sum(room.size for room in server.hub.rooms.values()) == 3)
        await publish(pool, 1, padding=2_000)
        first, second = [await frame_of(peer, "new_trade") for peer in peers]
        assert first == second
        assert len(first) < 1_000
        assert agreed(plain) is None
        assert (await plain.take("new_trade"))["seq"] == 1


async def test_a_small_window_is_not_agreed_on(serve: Serve) -> None:
    """It would need bytes of its own: such a client gets plain ones."""
    server = await serve(settings=ON)
    offer = ClientPerMessageDeflateFactory(server_max_window_bits=9)
    async with connected(server.port, extensions=[offer], compression=None) as client:
        assert agreed(client) is None


@pytest.mark.parametrize("size", [16_385, 5_000_000])
async def test_a_bomb_does_not_go_off(serve: Serve, size: int) -> None:
    """A message that is small on the wire and large in memory: 1009, as if it had not been
    compressed."""
    server = await serve(settings=ON)
    async with connected(server.port) as client:
        await client.socket.send("0" * size)
        assert (await client.end())[0] == 1009
    await eventually(lambda: not server.hub.sessions)


async def test_nonsense_is_no_compressed_message(serve: Serve) -> None:
    """Bytes that no deflate has made end the connection."""
    server = await serve(settings=ON)
    url = f"ws://127.0.0.1:{server.port}/api/v1/websocket/ws"
    async with await RawPeer.connect(url) as peer:
        await peer.shake(url, sec_websocket_extensions="permessage-deflate")
        await peer.send(b"\xc1\x84\0\0\0\0\xff\xff\xff\xff")
        told = await peer._reader.read(-1)
        # uvicorn's own reader calls it a broken frame.
        assert any(close_frame(code, "")[2:] in told for code in (1002, 1007))


async def test_a_compressed_message_nobody_agreed_on(serve: Serve) -> None:
    """Is a broken frame: 1002."""
    server = await serve()
    url = f"ws://127.0.0.1:{server.port}/api/v1/websocket/ws"
    async with await RawPeer.dial(url) as peer:
        await peer.send(b"\xc1\x81\0\0\0\0\0")
        assert await peer.end() == 1002
