"""A WebSocket client that can do wrong: bytes on a socket, nothing that corrects them."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import os
import socket
import ssl
import struct
from collections.abc import Callable
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
NOT_CLOSED = 1006
NO_CODE = 1005

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TIMEOUT_S = 45.0
"""Longer than a server waits for a sign of life."""


def frame(
    opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, is_masked: bool = True
) -> bytes:
    """Any frame, also those that nobody may send."""
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    bit, size = (0x80 if is_masked else 0), len(payload)
    if size < 126:
        head += bytes([bit | size])
    elif size < 0x10000:
        head += struct.pack("!BH", bit | 126, size)
    else:
        head += struct.pack("!BQ", bit | 127, size)
    if not is_masked:
        return head + payload
    mask = os.urandom(4)
    return head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


def fragments(opcode: int, *parts: bytes) -> list[bytes]:
    """One message in as many frames."""
    last = len(parts) - 1
    return [
        frame(CONTINUATION if number else opcode, part, fin=number == last)
        for number, part in enumerate(parts)
    ]


def close(code: int, reason: bytes = b"") -> bytes:
    """A close frame."""
    return frame(CLOSE, struct.pack("!H", code) + reason)


def ask(identifier: str, size: int = 0) -> bytes:
    """A `ping` of the hub's protocol; with `size`, of exactly so many bytes."""
    message = {"type": "ping", "id": identifier, "pad": ""}
    short = json.dumps(message, ensure_ascii=False).encode()
    message["pad"] = "*" * (size - len(short))
    return json.dumps(message, ensure_ascii=False).encode()


ASK = ask("a")


class Received(NamedTuple):
    """A frame of the server."""

    opcode: int
    payload: bytes


class Answer(NamedTuple):
    """The server's answer to a handshake; header names in small letters."""

    status: int
    headers: dict[str, str]


class _Patient(asyncio.StreamReader):
    """Hands out what has arrived, also after the connection was reset."""

    def set_exception(self, exc: Exception) -> None:  # noqa: ARG002
        """Only the end."""
        self.feed_eof()


def receiving(host: str, port: int, size: int | None) -> socket.socket:
    """A connected socket, whose kernel keeps about `size` bytes that nobody has read."""
    found = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    if size is not None:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
    found.connect((host, port))
    found.setblocking(False)
    return found


class RawPeer:
    """One connection. What the server sends by itself (events, positions, its pings) is passed
    over. It reads only while it is asked for something: with small buffers it is a slow reader."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, url: str) -> Self:
        """A TCP (or TLS) connection to a ws(s) URL's host, nothing sent yet."""
        parts = urlsplit(url)
        secure = ssl.create_default_context() if parts.scheme == "wss" else None
        port = parts.port or (443 if secure else 80)
        assert parts.hostname is not None
        loop, reader = asyncio.get_running_loop(), _Patient()
        transport, protocol = await loop.create_connection(
            lambda: asyncio.StreamReaderProtocol(reader), parts.hostname, port, ssl=secure
        )
        return cls(reader, asyncio.StreamWriter(transport, protocol, reader, loop))

    @classmethod
    async def dial(cls, url: str) -> Self:
        """Connected, with a right handshake, and welcomed."""
        peer = await cls.connect(url)
        answer = await peer.shake(url)
        assert answer.status == 101, answer
        assert (await peer.message())["type"] == "welcome"
        return peer

    @classmethod
    async def dial_slow(cls, url: str, size: int = 4_096) -> Self:
        """The same, over a socket that holds only about `size` bytes that were not asked for."""
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        loop, reader = asyncio.get_running_loop(), _Patient(limit=size)
        transport, protocol = await loop.create_connection(
            lambda: asyncio.StreamReaderProtocol(reader),
            sock=receiving(parts.hostname, parts.port, size),
        )
        peer = cls(reader, asyncio.StreamWriter(transport, protocol, reader, loop))
        assert (await peer.shake(url)).status == 101
        assert (await peer.message())["type"] == "welcome"
        return peer

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._writer.transport.abort()

    async def shake(self, url: str, **changes: str | None) -> Answer:
        """Ask for a WebSocket; `changes` replace headers (- as _), None leaves one out."""
        parts = urlsplit(url)
        key = base64.b64encode(os.urandom(16))
        headers: dict[str, str | None] = {
            "host": parts.netloc, "upgrade": "websocket", "connection": "Upgrade",
            "sec-websocket-key": key.decode(), "sec-websocket-version": "13",
        }  # fmt: skip
        headers |= {name.replace("_", "-"): value for name, value in changes.items()}
        lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        await self.send("\r\n".join([f"GET {target} HTTP/1.1", *lines, "", ""]).encode())
        answer = await self.head()
        if answer.status == 101:
            expected = base64.b64encode(hashlib.sha1(key + _GUID).digest()).decode()  # noqa: S324
            assert answer.headers["sec-websocket-accept"] == expected
        return answer

    async def head(self) -> Answer:
        """The head of an answer of HTTP."""
        async with asyncio.timeout(_TIMEOUT_S):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.rstrip().split("\r\n")
        pairs = (line.split(":", 1) for line in lines)
        return Answer(int(first.split()[1]), {k.lower(): v.strip() for k, v in pairs})

    async def send(self, *pieces: bytes, chop: int = 0) -> None:
        """Send bytes; with `chop` in pieces of so many, each on its way before the next. Stops
        where the server has gone."""
        data = b"".join(pieces)
        with contextlib.suppress(ConnectionError):
            for at in range(0, len(data), chop or len(data) or 1):
                self._writer.write(data[at : at + (chop or len(data))])
                await self._writer.drain()
                if chop:
                    await asyncio.sleep(0)

    async def say(self, **message: Any) -> None:
        """Send a message as one text frame."""
        await self.send(frame(TEXT, json.dumps(message).encode()))

    async def receive(self) -> Received | None:
        """The next frame, None at the end. Checks what holds for every frame of a server."""
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                first, second = await self._reader.readexactly(2)
                assert not first & 0x70, "no extension was agreed on"
                assert not second & 0x80, "a server masks nothing"
                size = second & 0x7F
                if size > 125:
                    width = 2 if size == 126 else 8
                    size = int.from_bytes(await self._reader.readexactly(width), "big")
                payload = await self._reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        opcode = first & 0x0F
        assert first & 0x80, "the hub doesn't fragment"
        assert opcode < CLOSE or size <= 125
        return Received(opcode, payload)

    async def gone(self) -> None:
        """Until the server has closed the connection, whatever it says before."""
        while await self._reader.read(4_096):
            pass

    async def message(self, *kinds: str) -> dict[str, Any]:
        """The next message; with `kinds`, the next of them."""
        while (received := await self.receive()) is not None:
            if received.opcode == TEXT:
                message: dict[str, Any] = json.loads(received.payload)
                if not kinds or message["type"] in kinds:
                    return message
        raise AssertionError(f"the connection ended before {kinds}")

    async def take_until(self, is_last: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
        """Messages up to and with the one that is asked for."""
        taken = [await self.message()]
        while not is_last(taken[-1]):
            taken.append(await self.message())
        return taken

    async def pong(self) -> bytes:
        """Payload of the next pong frame."""
        while (received := await self.receive()) is not None:
            if received.opcode == PONG:
                return received.payload
        raise AssertionError("the connection ended before a pong")

    async def is_answered(self, identifier: int | str = "alive") -> bool:
        """Does the hub still answer?"""
        await self.say(type="ping", id=identifier)
        while True:
            message = await self.message("pong")
            if message["id"] == identifier:
                return True

    async def end(self) -> int:
        """The server's close code; answers it, and sees that the server closes the connection."""
        code = NOT_CLOSED
        while (received := await self.receive()) is not None:
            assert code == NOT_CLOSED, f"{received} after the close frame"
            if received.opcode == CLOSE:
                has_code = len(received.payload) >= 2
                code = int.from_bytes(received.payload[:2], "big") if has_code else NO_CODE
                received.payload[2:].decode()
                self._writer.write(frame(CLOSE, received.payload[:2]))
        return code
