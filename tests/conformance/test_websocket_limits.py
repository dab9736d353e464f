"""RFC 6455 against the real server: opening, closing (Autobahn's group 7) and limits (9, 10). See
test_websocket.py."""

from __future__ import annotations

import asyncio

import pytest

from tests.conformance.conftest import DialRaw
from tests.helpers.conformance import Target
from tests.helpers.raw_socket import (
    ASK,
    CLOSE,
    CONTINUATION,
    NO_CODE,
    PING,
    TEXT,
    RawPeer,
    ask,
    close,
    fragments,
    frame,
)

# --- the opening handshake


async def test_nothing_is_agreed_on_that_is_not_spoken(target: Target) -> None:
    """The right answer to a handshake: our subprotocol, and no compression even if offered."""
    async with await RawPeer.connect(target.base) as peer:
        answer = await peer.shake(
            target.ws(),
            sec_websocket_protocol="x, hub.v1",
            sec_websocket_extensions="permessage-deflate; client_max_window_bits",
        )
    assert answer.status == 101
    assert answer.headers["sec-websocket-protocol"] == "hub.v1"
    assert "sec-websocket-extensions" not in answer.headers


@pytest.mark.parametrize(
    ("changes", "statuses"),
    [
        ({"sec_websocket_key": None}, {400}),
        ({"sec_websocket_key": "short"}, {400}),
        ({"sec_websocket_version": "12"}, {400, 426}),
        ({"sec_websocket_version": None}, {400, 426}),
        ({"connection": "keep-alive"}, {400, 404, 405, 426}),
        ({"origin": "https://elsewhere.example"}, {403}),
        ({"origin": "null"}, {403}),
    ],
)
async def test_a_wrong_handshake_is_refused(
    target: Target, changes: dict[str, str | None], statuses: set[int]
) -> None:
    """Without key, with another version, or from a foreign page there is no WebSocket."""
    async with await RawPeer.connect(target.base) as peer:
        answer = await peer.shake(target.ws(), **changes)
    assert answer.status in statuses


# --- 7: closing


@pytest.mark.parametrize(
    "code",
    [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 3999, 4000, 4999],
)
async def test_closing_is_answered(dial_raw: DialRaw, code: int) -> None:
    """A close frame is answered with its code, and the server closes the connection."""
    peer = await dial_raw()
    await peer.send(close(code, b"done"))
    assert await peer.end() == code


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 65535])
async def test_codes_nobody_may_send(dial_raw: DialRaw, code: int) -> None:
    """A code outside of the registered ranges: 1002."""
    peer = await dial_raw()
    await peer.send(close(code))
    assert await peer.end() == 1002


async def test_closing_without_a_code(dial_raw: DialRaw) -> None:
    """An empty close frame is answered, with 1000 or none."""
    peer = await dial_raw()
    await peer.send(frame(CLOSE))
    assert await peer.end() in (1000, NO_CODE)


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"\x03", 1002),
        (b"\x03\xe8" + b"x" * 123, 1000),
        (b"\x03\xe8" + "é".encode() * 61, 1000),
        (b"\x03\xe8\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80\x65", 1007),
        (b"\x03\xe8\xf0\x9f\x98", 1007),
    ],
)
async def test_the_reason_of_closing(dial_raw: DialRaw, payload: bytes, code: int) -> None:
    """Half a code is none, a reason has up to 123 bytes and is UTF-8."""
    peer = await dial_raw()
    await peer.send(frame(CLOSE, payload))
    assert await peer.end() == code


@pytest.mark.parametrize(
    "after",
    [frame(TEXT, ASK), frame(PING, b"x"), close(1000), frame(3), frame(TEXT, b"\xff")],
    ids=["text", "ping", "close", "reserved", "not utf-8"],
)
async def test_nothing_counts_after_closing(dial_raw: DialRaw, after: bytes) -> None:
    """What comes behind a close frame is ignored: neither answered nor an error."""
    peer = await dial_raw()
    await peer.send(close(1000), after)
    assert await peer.end() == 1000


async def test_closing_inside_a_message(dial_raw: DialRaw) -> None:
    """A close frame between fragments ends the connection like any other.

    The `websockets` library, which frames the plain path, calls the unfinished message an error.
    """
    peer = await dial_raw()
    await peer.send(frame(TEXT, ASK[:4], fin=False), close(1000), frame(CONTINUATION, ASK[4:]))
    assert await peer.end() in (1000, 1002)


async def test_hanging_up(dial_raw: DialRaw) -> None:
    """A client that just goes away, even inside a frame, hurts nobody."""
    for cut in (1, 3, 5):
        peer = await dial_raw()
        await peer.send(frame(TEXT, ASK)[:cut])
        await peer.__aexit__(None, None, None)
    assert await (await dial_raw()).is_answered()


# --- 9 and 10: limits


@pytest.mark.parametrize("size", [16_385, 65_535, 65_536, 2**31, 2**63 - 1, 2**63, 2**64 - 1])
async def test_a_message_that_is_too_large(dial_raw: DialRaw, size: int) -> None:
    """A length beyond the limit ends the connection: 1009 (or 1002 where no frame may have it)
    without waiting for the payload, if that is larger than any server would keep."""
    peer = await dial_raw()
    form = b"\x81\xfe" if size < 2**16 else b"\x81\xff"
    head = form + size.to_bytes(2 if size < 2**16 else 8, "big") + bytes(4)
    await peer.send(head + (b"a" * size if size < 2**17 else b""))
    assert await peer.end() in ({1009} if size < 2**63 else {1002, 1009})


@pytest.mark.parametrize("part", [1_300, 8_192])
async def test_pieces_that_are_too_large_together(dial_raw: DialRaw, part: int) -> None:
    """The limit counts the message, not its frames: 16 KiB in pieces pass, more does not."""
    peer = await dial_raw()
    message = ask("large", 16_384)
    await peer.send(
        *fragments(TEXT, *(message[at : at + part] for at in range(0, len(message), part)))
    )
    assert (await peer.message("pong", "error"))["id"] == "large"
    count = 70_000 // part + 1
    await peer.send(frame(TEXT, b"a" * part, fin=False))
    await peer.send(*(frame(CONTINUATION, b"a" * part, fin=False) for _ in range(count)))
    assert await peer.end() == 1009


async def test_a_message_in_too_many_pieces(dial_raw: DialRaw) -> None:
    """Fragments without end, be they empty, are cut off."""
    peer = await dial_raw()
    await peer.send(frame(TEXT, b"", fin=False))

    async def flood() -> None:
        while True:
            await peer.send(*[frame(CONTINUATION, b"a", fin=False)] * 1_000)
            await asyncio.sleep(0)

    flooding = asyncio.create_task(flood())
    assert await peer.end() in (1009, 1006)
    flooding.cancel()
    await asyncio.gather(flooding, return_exceptions=True)
