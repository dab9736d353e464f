"""What broken and hostile clients get: a clear error, a close code, and never more than their
share.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from typing import Any

import httpx2
import pytest
import websockets

from db.pool import Pool
from programs.keys import b58
from tests.helpers.hub import TOKEN_A, USER, HubClient, connected, eventually, publish
from tests.integration.api.conftest import Serve

NONSENSE = [
    ("{", "bad_json"),
    ("", "bad_json"),
    ("[" * 5000, "bad_message"),
    ("[]", "bad_message"),
    ("{}", "bad_message"),
    ('{"type":5}', "bad_message"),
    ('{"type":"subscribe"}', "bad_message"),
    ('{"type":"subscribe","room":"global","since":{"epoch":"a","seq":-1}}', "bad_message"),
    ('{"type":"subscribe","room":"global","since":7}', "bad_message"),
    ('{"type":"subscribe","room":"global","events":["nonsense"]}', "bad_message"),
    ('{"type":"subscribe","room":"global","events":[]}', "bad_message"),
    ('{"type":"explode"}', "unknown_type"),
    ('{"type":"subscribe","room":"lobby"}', "unknown_room"),
    ('{"type":"subscribe","room":"token_abc"}', "invalid_room"),
    ('{"type":"subscribe","room":"token_' + "1" * 44 + '"}', "invalid_room"),
    ('{"type":"subscribe","room":"user_"}', "invalid_room"),
    ('{"type":"auth","token":"abc"}', "token_invalid"),
    ('{"type":"auth"}', "bad_message"),
]


async def test_nonsense_is_answered(serve: Serve) -> None:
    """A message without sense gets an error that says what is wrong, and the connection goes on."""
    server = await serve()
    for text, code in NONSENSE:
        async with connected(server.port) as client:
            await client.socket.send(text)
            error = await client.take("error")
            assert error["code"] == code, text
            assert error["message"] and error["retryable"] is False
            await client.say(type="ping", id=1)
            assert (await client.take())["id"] == 1


async def test_an_error_names_its_cause(serve: Serve) -> None:
    """`id` and `room` of the message are in its error."""
    server = await serve()
    async with connected(server.port) as client:
        await client.say(type="subscribe", id="x", room="token_zz")
        error = await client.take("error")
    assert (error["id"], error["room"]) == ("x", "token_zz")


async def test_five_bad_messages_are_abuse(serve: Serve) -> None:
    """The fifth senseless message within a minute ends the connection: goodbye, 4400."""
    server = await serve()
    async with connected(server.port) as client:
        for _ in range(5):
            await client.socket.send("nonsense")
        code, told = await client.end()
    assert code == 4400
    assert [each["type"] for each in told] == ["error"] * 5 + ["goodbye"]
    assert (told[-1]["code"], told[-1]["reconnect"]) == (4400, False)


@pytest.mark.parametrize("size", [16_385, 60_000, 1_000_000])
async def test_a_huge_message_is_refused(serve: Serve, size: int) -> None:
    """More than 16 KiB: close 1009."""
    server = await serve()
    async with connected(server.port) as client:
        with contextlib.suppress(websockets.ConnectionClosed, ConnectionError):
            await client.socket.send(json.dumps({"type": "x" * size}))
        code, _ = await client.end()
    assert code in (1009, 1006 if size > 500_000 else 1009)
    await eventually(lambda: not server.hub.sessions)


async def test_binary_is_refused(serve: Serve) -> None:
    """Binary messages end the connection: 1003."""
    server = await serve()
    async with connected(server.port) as client:
        await client.socket.send(b"\x00")
        code, told = await client.end()
    assert (code, told[-1]["type"]) == (1003, "goodbye")


async def test_a_flood_is_cut(serve: Serve) -> None:
    """Beyond the burst messages are refused with a time to wait; the third refusal closes with
    4429.
    """
    server = await serve(messages_per_s=5, message_burst=5)
    async with connected(server.port) as client:
        for number in range(12):
            with contextlib.suppress(websockets.ConnectionClosed):
                await client.say(type="ping", id=number)
        code, told = await client.end()
    errors = [each for each in told if each["type"] == "error"]
    assert code == 4429
    assert {each["code"] for each in errors} == {"rate_limited"}
    assert all(0 < each["retry_after_ms"] <= 201 and each["retryable"] for each in errors)


async def test_too_many_rooms(serve: Serve) -> None:
    """One room more than allowed is refused; those there are stay."""
    server = await serve(rooms_anonymous=2)
    async with connected(server.port, f"?room=global&room={TOKEN_A}") as client:
        await client.settled()
        await client.say(type="subscribe", id=1, room=USER)
        error = await client.take("error")
        assert (error["code"], error["room"]) == ("too_many_rooms", USER)
        assert len(server.hub.rooms) == 2


async def test_names_of_rooms_without_end(serve: Serve) -> None:
    """Whoever tries one room after the other, by socket or by REST, leaves nothing behind."""
    server = await serve(messages_per_s=10**6, message_burst=10**6)
    names = [f"token_{b58(bytes([7]) * 28 + number.to_bytes(4))}" for number in range(400)]
    async with connected(server.port, "?room=global") as client:
        for number, name in enumerate(names):
            await client.say(type="subscribe", room=name, snapshot=number < 20)
            await client.say(type="unsubscribe", room=name)
        await client.settled()
        async with httpx2.AsyncClient() as http:
            url = f"http://127.0.0.1:{server.port}/api/v1/websocket/rooms"
            answer = await http.get(f"{url}/{names[0]}/members")
        assert answer.json()["members"] == 0
        assert [room.name.name for room in server.hub.rooms.values()] == ["global"]
    await eventually(lambda: not server.hub.rooms)


async def test_silence_after_connecting_ends(serve: Serve) -> None:
    """Who neither subscribes nor signs in is sent away: 4408."""
    server = await serve(hello_s=0.5)
    async with connected(server.port) as client:
        code, told = await client.end()
    assert (code, told[-1]["reconnect"]) == (4408, True)


async def test_an_unsupported_version_is_said(serve: Serve) -> None:
    """A client that only speaks another version hears so: 4410."""
    server = await serve()
    client = await HubClient.dial(server.port, subprotocols=["hub.v9"])
    async with client:
        code, told = await client.end()
    assert [each["type"] for each in told] == ["welcome", "error", "goodbye"]
    assert (code, told[1]["code"]) == (4410, "unsupported_protocol")


async def test_a_credential_that_is_not_good_ends_the_connection(serve: Serve) -> None:
    """A `?token=` nobody issued: the handshake is accepted, so that a browser sees the code:
    4401.
    """
    server = await serve()
    client = await HubClient.dial(server.port, "?token=abc&room=global")
    async with client:
        code, told = await client.end()
    assert code == 4401
    assert "token_invalid" in [each.get("code") for each in told]


async def test_wallets_rooms_are_closed_on_a_live_cluster(serve: Serve) -> None:
    """Without sign-in, `user_` rooms are open on the localnet only."""
    server = await serve(settings={"solana_rpc_url": "http://rpc.example:8899"})
    async with connected(server.port) as client:
        await client.say(type="subscribe", id=1, room=USER)
        error = await client.take("error")
    assert (error["code"], error["room"]) == ("unauthenticated", USER)


ORIGINS = [
    (None, 101),
    ("http://127.0.0.1:{port}", 101),
    ("https://app.example", 101),
    ("http://app.example", 403),
    ("https://app.example:8443", 403),
    ("https://app.example.evil", 403),
    ("https://evil-app.example", 403),
    ("https://127.0.0.1:{port}", 403),
    ("null", 403),
]


async def test_origins(serve: Serve) -> None:
    """A browser's page may connect from the API's own origin or an allowed one, exactly."""
    server = await serve(settings={"websocket_allowed_origins": "https://app.example"})
    for origin, status in ORIGINS:
        headers = {} if origin is None else {"Origin": origin.format(port=server.port)}
        found = await handshake_status(server.port, additional_headers=headers)
        assert found == status, origin


async def test_two_origins_are_none(serve: Serve) -> None:
    """Two Origin headers are a trick: refused, by uvicorn already."""
    server = await serve()
    origin = f"http://127.0.0.1:{server.port}"
    headers = [("Origin", origin), ("Origin", origin)]
    assert await handshake_status(server.port, additional_headers=headers) in (400, 403)


async def test_a_full_node_says_so_before_the_handshake(serve: Serve) -> None:
    """Beyond the limit of connections: HTTP 503, and those there are stay."""
    server = await serve(max_connections=1)
    async with connected(server.port, "?room=global") as client:
        assert await handshake_status(server.port) == 503
        await client.take("subscribed")
    await eventually(lambda: not server.hub.sessions)
    assert await handshake_status(server.port) == 101


async def handshake_status(port: int, **options: Any) -> int:
    """HTTP status of a handshake."""
    try:
        async with websockets.connect(f"ws://127.0.0.1:{port}/api/v1/websocket/ws", **options):
            return 101
    except websockets.InvalidStatus as error:
        return error.response.status_code


async def test_no_pong_ends_the_connection(serve: Serve, is_direct: bool) -> None:
    """A client that is silent, even to pings of the WebSocket protocol, is closed: 1011."""
    server = await serve(ping_interval_s=1, pong_timeout_s=1)
    reader, writer = await raw_handshake(server.port, "?room=global")
    async with asyncio.timeout(10):
        data = await reader.read(-1)
    writer.close()
    # The plain path leaves pings to uvicorn, which says 1011 without our goodbye.
    assert struct.pack("!H", 1011) in data
    assert (b'"goodbye"' in data) is is_direct
    await eventually(lambda: not server.hub.sessions)


async def test_a_browser_that_only_listens_stays(serve: Serve, pool: Pool) -> None:
    """A client that answers the protocol's own pings, as every browser does, needs no JSON pong."""
    server = await serve(ping_interval_s=0.5, pong_timeout_s=0.6)
    async with connected(server.port, "?room=global") as client:
        await client.take("subscribed")
        for _ in range(3):
            await client.take("ping")
        await publish(pool, 1)
        await client.take("new_trade")


async def test_broken_frames(serve: Serve) -> None:
    """Bytes that are no frames end the connection with 1002."""
    server = await serve()
    reader, writer = await raw_handshake(server.port, "?room=global")
    writer.write(b"\x81\x05hello")  # not masked
    async with asyncio.timeout(10):
        data = await reader.read(-1)
    writer.close()
    assert struct.pack("!H", 1002) in data
    await eventually(lambda: not server.hub.sessions)


async def test_text_that_is_not_utf8(serve: Serve) -> None:
    """Text that isn't UTF-8 ends the connection with 1007."""
    server = await serve()
    reader, writer = await raw_handshake(server.port, "?room=global")
    writer.write(b"\x81\x82\x00\x00\x00\x00\xff\xfe")
    async with asyncio.timeout(10):
        data = await reader.read(-1)
    writer.close()
    assert struct.pack("!H", 1007) in data


async def raw_handshake(
    port: int, query: str, receive_bytes: int | None = None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A WebSocket without a library: it sends what it is told and answers nothing."""
    raw = socket.socket()
    if receive_bytes is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    raw.setblocking(False)
    await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", port))
    limit = 2**16 if receive_bytes is None else 1024
    reader, writer = await asyncio.open_connection(sock=raw, limit=limit)
    writer.write(
        f"GET /api/v1/websocket/ws{query} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    async with asyncio.timeout(10):
        await reader.readuntil(b"\r\n\r\n")
    return reader, writer
