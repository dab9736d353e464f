"""RFC 6455 against the real server: the groups of the Autobahn test suite, by our own hand.

This is not Autobahn: that needs Python 2.7, which neither PyPI nor Debian has any more. It follows
Autobahn's groups 1 to 7, 9 and 10, with the hub's `ping` (whose `id` comes back) in place of an
echo. Left out: binary echo (the hub takes no binary: 1003), groups 12 and 13 (compression is
never agreed on). Where Autobahn calls failing late on bad UTF-8 "non-strict", it is right here.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import pairwise
from typing import TypeAlias

import pytest

from programs.keys import b58
from tests.conformance.conftest import Target
from tests.helpers.raw_socket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    NO_CODE,
    PING,
    PONG,
    TEXT,
    RawPeer,
    close,
    fragments,
    frame,
)

Dial: TypeAlias = Callable[[], Awaitable[RawPeer]]


@pytest.fixture
async def dial(target: Target) -> AsyncIterator[Dial]:
    """Makes clients in a room where nothing happens."""
    peers: list[RawPeer] = []

    async def make() -> RawPeer:
        room = f"token_{b58(secrets.token_bytes(32))}"
        peers.append(await RawPeer.dial(target.ws(f"?room={room}")))
        return peers[-1]

    yield make
    for peer in peers:
        await peer.__aexit__(None, None, None)


def ask(identifier: str, size: int = 0) -> bytes:
    """A `ping` of the hub's protocol; with `size`, of exactly so many bytes."""
    message = {"type": "ping", "id": identifier, "pad": ""}
    short = json.dumps(message, ensure_ascii=False).encode()
    message["pad"] = "*" * (size - len(short))
    return json.dumps(message, ensure_ascii=False).encode()


ASK = ask("a")


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


# --- 1: framing


@pytest.mark.parametrize("chop", [0, 1, 997])
@pytest.mark.parametrize("size", [64, 125, 126, 127, 128, 255, 256, 8_192, 16_384])
async def test_a_message_of_any_size(dial: Dial, size: int, chop: int) -> None:
    """Each way of writing a length is read, however the bytes arrive."""
    peer = await dial()
    await peer.send(frame(TEXT, ask("n", size)), chop=chop if size < 1_000 else chop and 997)
    assert (await peer.message("pong", "error"))["id"] == "n"


async def test_an_empty_message(dial: Dial) -> None:
    """A message of no bytes is a message: an error, not the end."""
    peer = await dial()
    await peer.send(frame(TEXT))
    assert (await peer.message("error"))["code"] == "bad_json"
    assert await peer.is_answered()


async def test_many_frames_in_one_write(dial: Dial) -> None:
    """Messages that arrive together are answered one by one, in order."""
    peer = await dial()
    names = [f"n{number}" for number in range(10)]
    await peer.send(*(frame(TEXT, ask(name)) for name in names))
    assert [(await peer.message("pong"))["id"] for _ in names] == names


@pytest.mark.parametrize("size", [0, 125, 126, 8_192])
async def test_binary_is_not_spoken(dial: Dial, size: int) -> None:
    """A binary message ends the connection: 1003."""
    peer = await dial()
    await peer.send(frame(BINARY, bytes(size)))
    assert await peer.end() == 1003


async def test_who_does_not_mask_is_refused(dial: Dial) -> None:
    """A frame without mask: 1002 (RFC 6455, 5.1)."""
    peer = await dial()
    await peer.send(frame(TEXT, ASK, is_masked=False))
    assert await peer.end() == 1002


# --- 2: pings and pongs


@pytest.mark.parametrize("payload", [b"", b"Hello", b"\x00\xff\xfe\xfd\xfc\x00", b"\xfe" * 125])
@pytest.mark.parametrize("chop", [0, 1])
async def test_a_ping_comes_back(dial: Dial, payload: bytes, chop: int) -> None:
    """A pong has its ping's payload, byte for byte."""
    peer = await dial()
    await peer.send(frame(PING, payload), chop=chop)
    assert await peer.pong() == payload


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
async def test_a_long_control_frame(dial: Dial, opcode: int) -> None:
    """More than 125 bytes in a control frame: 1002."""
    peer = await dial()
    await peer.send(frame(opcode, b"\x03\xe8" + b"x" * 124))
    assert await peer.end() == 1002


async def test_many_pings(dial: Dial) -> None:
    """Ten pings, ten pongs, in order."""
    peer = await dial()
    payloads = [b"p%d" % number for number in range(10)]
    await peer.send(*(frame(PING, payload) for payload in payloads))
    assert [await peer.pong() for _ in payloads] == payloads


@pytest.mark.parametrize("payload", [b"", b"unasked"])
async def test_an_unasked_pong(dial: Dial, payload: bytes) -> None:
    """A pong that answers nothing is ignored."""
    peer = await dial()
    await peer.send(frame(PONG, payload), frame(PING, b"after"))
    assert await peer.pong() == b"after"


# --- 3 and 4: reserved bits and opcodes


@pytest.mark.parametrize("rsv", range(1, 8))
@pytest.mark.parametrize("opcode", [TEXT, PING, CLOSE])
async def test_reserved_bits(dial: Dial, rsv: int, opcode: int) -> None:
    """A reserved bit without an extension: 1002, also between good messages."""
    peer = await dial()
    payload = b"\x03\xe8" if opcode == CLOSE else ASK
    await peer.send(frame(TEXT, ASK), frame(opcode, payload, rsv=rsv), frame(PING))
    assert await peer.end() == 1002


@pytest.mark.parametrize("chop", [0, 1])
@pytest.mark.parametrize("payload", [b"", b"reserved"])
@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
async def test_reserved_opcodes(dial: Dial, opcode: int, payload: bytes, chop: int) -> None:
    """An opcode that isn't defined: 1002."""
    peer = await dial()
    await peer.send(frame(TEXT, ASK), frame(opcode, payload), frame(PING), chop=chop)
    assert await peer.end() == 1002


# --- 5: fragmentation


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
async def test_a_control_frame_in_pieces(dial: Dial, opcode: int) -> None:
    """Control frames may not be fragmented: 1002."""
    peer = await dial()
    await peer.send(*fragments(opcode, b"\x03", b"\xe8"))
    assert await peer.end() == 1002


@pytest.mark.parametrize("chop", [0, 1])
@pytest.mark.parametrize("pieces", [2, 3, 10])
async def test_a_message_in_pieces(dial: Dial, pieces: int, chop: int) -> None:
    """Fragments make one message, whatever arrives between them, also where they are empty."""
    peer = await dial()
    text = ask("pieces")
    bounds = [len(text) * number // pieces for number in range(pieces + 1)]
    parts = [text[start:end] for start, end in pairwise(bounds)]
    await peer.send(*fragments(TEXT, b"", *parts, b""), chop=chop)
    assert (await peer.message("pong"))["id"] == "pieces"


async def test_control_frames_between_pieces(dial: Dial) -> None:
    """A ping between the fragments of a message is answered at once, before the message."""
    peer = await dial()
    first, second, third = fragments(TEXT, ASK[:5], ASK[5:9], ASK[9:])
    await peer.send(first, frame(PING, b"1"), frame(PONG), second)
    assert await peer.pong() == b"1"
    await peer.send(frame(PING, b"2"), third)
    assert await peer.pong() == b"2"
    assert (await peer.message("pong"))["id"] == "a"


@pytest.mark.parametrize("fin", [True, False])
@pytest.mark.parametrize("before", [b"", frame(TEXT, ASK), b"".join(fragments(TEXT, ASK, b""))])
async def test_nothing_to_continue(dial: Dial, before: bytes, fin: bool) -> None:
    """A continuation of nothing: 1002."""
    peer = await dial()
    await peer.send(before, frame(CONTINUATION, b"x", fin=fin))
    assert await peer.end() == 1002


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
async def test_a_message_inside_a_message(dial: Dial, opcode: int) -> None:
    """A new message before the last one is finished: 1002."""
    peer = await dial()
    await peer.send(frame(TEXT, ASK[:5], fin=False), frame(opcode, ASK))
    assert await peer.end() == 1002


# --- 6: UTF-8

GOOD = [
    "κόσμε", "Hello-µ@ßöäüàá-UTF-8!!", "\x7f", "\x80", "\u07ff", "\u0800", "\ud7ff", "\ue000",
    "\ufffd", "\ufffe", "\uffff", "\U00010000", "\U0010fffe", "\U0010ffff", "\U0002a6d6",
]  # fmt: skip
BAD = [
    "80", "bf", "8080", "80bf80bf", "c0", "c320", "e0", "e080", "f0", "f08080", "fe", "ff",
    "c0af", "e080af", "f08080af", "f8808080af", "fc80808080af", "c1bf", "e09fbf", "f08fbfbf",
    "c080", "e08080", "eda080", "edafbf", "edb080", "edbfbf", "eda080edb080", "f4908080",
    "f7bfbfbf", "fbbfbfbfbf", "cebae1bdb9cf83cebcceb5eda080656469746564",
]  # fmt: skip


@pytest.mark.parametrize("text", GOOD, ids=ascii)
async def test_every_character_is_read(dial: Dial, text: str) -> None:
    """Valid UTF-8 comes back as it was, whole and cut between any two of its bytes."""
    peer = await dial()
    message = ask(text)
    await peer.send(frame(TEXT, message))
    assert (await peer.message("pong"))["id"] == text
    await peer.send(*fragments(TEXT, *(message[at : at + 1] for at in range(len(message)))))
    assert (await peer.message("pong"))["id"] == text


@pytest.mark.parametrize("pieces", [False, True], ids=["whole", "in pieces"])
@pytest.mark.parametrize("octets", BAD)
async def test_what_is_not_utf8_is_refused(dial: Dial, octets: str, pieces: bool) -> None:
    """Overlong, cut short, surrogates, beyond U+10FFFF: 1007."""
    peer = await dial()
    bad = bytes.fromhex(octets)
    message = ASK[:-2] + bad + ASK[-2:]
    parts = [message[at : at + 1] for at in range(len(message))] if pieces else [message]
    await peer.send(*fragments(TEXT, *parts))
    assert await peer.end() == 1007


async def test_an_unfinished_character_at_the_end(dial: Dial) -> None:
    """A message that ends inside a character: 1007."""
    peer = await dial()
    await peer.send(*fragments(TEXT, b'"\xf0\x9f', b"\x98"))
    assert await peer.end() == 1007


# --- 7: closing


@pytest.mark.parametrize(
    "code",
    [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 3999, 4000, 4999],
)
async def test_closing_is_answered(dial: Dial, code: int) -> None:
    """A close frame is answered with its code, and the server closes the connection."""
    peer = await dial()
    await peer.send(close(code, b"done"))
    assert await peer.end() == code


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 65535])
async def test_codes_nobody_may_send(dial: Dial, code: int) -> None:
    """A code outside of the registered ranges: 1002."""
    peer = await dial()
    await peer.send(close(code))
    assert await peer.end() == 1002


async def test_closing_without_a_code(dial: Dial) -> None:
    """An empty close frame is answered, with 1000 or none."""
    peer = await dial()
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
async def test_the_reason_of_closing(dial: Dial, payload: bytes, code: int) -> None:
    """Half a code is none, a reason has up to 123 bytes and is UTF-8."""
    peer = await dial()
    await peer.send(frame(CLOSE, payload))
    assert await peer.end() == code


@pytest.mark.parametrize(
    "after", [frame(TEXT, ASK), frame(PING, b"x"), close(1000), frame(3), frame(TEXT, b"\xff")]
)
async def test_nothing_counts_after_closing(dial: Dial, after: bytes) -> None:
    """What comes behind a close frame is ignored: neither answered nor an error."""
    peer = await dial()
    await peer.send(close(1000), after)
    assert await peer.end() == 1000


async def test_closing_inside_a_message(dial: Dial) -> None:
    """A close frame between fragments ends the connection like any other.

    The `websockets` library, which frames the plain path, calls the unfinished message an error.
    """
    peer = await dial()
    await peer.send(frame(TEXT, ASK[:4], fin=False), close(1000), frame(CONTINUATION, ASK[4:]))
    assert await peer.end() in (1000, 1002)


async def test_hanging_up(dial: Dial) -> None:
    """A client that just goes away, even inside a frame, hurts nobody."""
    for cut in (1, 3, 5):
        peer = await dial()
        await peer.send(frame(TEXT, ASK)[:cut])
        await peer.__aexit__(None, None, None)
    assert await (await dial()).is_answered()


# --- 9 and 10: limits


@pytest.mark.parametrize("size", [16_385, 65_535, 65_536, 2**31, 2**63 - 1, 2**63, 2**64 - 1])
async def test_a_message_that_is_too_large(dial: Dial, size: int) -> None:
    """A length beyond the limit ends the connection: 1009 (or 1002 where no frame may have it)
    without waiting for the payload, if that is larger than any server would keep."""
    peer = await dial()
    form = b"\x81\xfe" if size < 2**16 else b"\x81\xff"
    head = form + size.to_bytes(2 if size < 2**16 else 8, "big") + bytes(4)
    await peer.send(head + (b"a" * size if size < 2**17 else b""))
    assert await peer.end() in ({1009} if size < 2**63 else {1002, 1009})


@pytest.mark.parametrize("part", [1_300, 8_192])
async def test_pieces_that_are_too_large_together(dial: Dial, part: int) -> None:
    """The limit counts the message, not its frames: 16 KiB in pieces pass, more does not."""
    peer = await dial()
    message = ask("large", 16_384)
    await peer.send(
        *fragments(TEXT, *(message[at : at + part] for at in range(0, len(message), part)))
    )
    assert (await peer.message("pong", "error"))["id"] == "large"
    count = 70_000 // part + 1
    await peer.send(frame(TEXT, b"a" * part, fin=False))
    await peer.send(*(frame(CONTINUATION, b"a" * part, fin=False) for _ in range(count)))
    assert await peer.end() == 1009


async def test_a_message_in_too_many_pieces(dial: Dial) -> None:
    """Fragments without end, be they empty, are cut off."""
    peer = await dial()
    await peer.send(frame(TEXT, b"", fin=False))

    async def flood() -> None:
        while True:
            await peer.send(*[frame(CONTINUATION, b"a", fin=False)] * 1_000)
            await asyncio.sleep(0)

    flooding = asyncio.create_task(flood())
    assert await peer.end() in (1009, 1006)
    flooding.cancel()
    await asyncio.gather(flooding, return_exceptions=True)
