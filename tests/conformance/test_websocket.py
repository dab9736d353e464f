"""RFC 6455 against the real server: the groups of the Autobahn test suite, by our own hand.

This is not Autobahn: that needs Python 2.7, which neither PyPI nor Debian has any more. It follows
Autobahn's groups 1 to 7, 9 and 10, with the hub's `ping` (whose `id` comes back) in place of an
echo. Left out: binary echo (the hub takes no binary: 1003), groups 12 and 13 (compression is
never agreed on). Where Autobahn calls failing late on bad UTF-8 "non-strict", it is right here.
"""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.conformance.conftest import DialRaw
from tests.helpers.conformance import Target
from tests.helpers.raw_socket import (
    ASK,
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    ask,
    fragments,
    frame,
)

# --- 1: framing


@pytest.mark.parametrize("chop", [0, 1, 997])
@pytest.mark.parametrize("size", [64, 125, 126, 127, 128, 255, 256, 8_192, 16_384])
async def test_a_message_of_any_size(dial_raw: DialRaw, size: int, chop: int) -> None:
    """Each way of writing a length is read, however the bytes arrive."""
    peer = await dial_raw()
    await peer.send(frame(TEXT, ask("n", size)), chop=chop if size < 1_000 else chop and 997)
    assert (await peer.message("pong", "error"))["id"] == "n"


async def test_an_empty_message(dial_raw: DialRaw) -> None:
    """A message of no bytes is a message: an error, not the end."""
    peer = await dial_raw()
    await peer.send(frame(TEXT))
    assert (await peer.message("error"))["code"] == "bad_json"
    assert await peer.is_answered()


async def test_many_frames_in_one_write(dial_raw: DialRaw) -> None:
    """Messages that arrive together are answered one by one, in order."""
    peer = await dial_raw()
    names = [f"n{number}" for number in range(10)]
    await peer.send(*(frame(TEXT, ask(name)) for name in names))
    assert [(await peer.message("pong"))["id"] for _ in names] == names


@pytest.mark.parametrize("size", [0, 125, 126, 8_192])
async def test_binary_is_not_spoken(dial_raw: DialRaw, size: int) -> None:
    """A binary message ends the connection: 1003."""
    peer = await dial_raw()
    await peer.send(frame(BINARY, bytes(size)))
    assert await peer.end() == 1003


async def test_who_does_not_mask_is_refused(dial_raw: DialRaw) -> None:
    """A frame without mask: 1002 (RFC 6455, 5.1)."""
    peer = await dial_raw()
    await peer.send(frame(TEXT, ASK, is_masked=False))
    assert await peer.end() == 1002


# --- 2: pings and pongs


@pytest.mark.parametrize("payload", [b"", b"Hello", b"\x00\xff\xfe\xfd\xfc\x00", b"\xfe" * 125])
@pytest.mark.parametrize("chop", [0, 1])
async def test_a_ping_comes_back(dial_raw: DialRaw, payload: bytes, chop: int) -> None:
    """A pong has its ping's payload, byte for byte."""
    peer = await dial_raw()
    await peer.send(frame(PING, payload), chop=chop)
    assert await peer.pong() == payload


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
async def test_a_long_control_frame(dial_raw: DialRaw, opcode: int) -> None:
    """More than 125 bytes in a control frame: 1002."""
    peer = await dial_raw()
    await peer.send(frame(opcode, b"\x03\xe8" + b"x" * 124))
    assert await peer.end() == 1002


async def test_many_pings(dial_raw: DialRaw) -> None:
    """Ten pings, ten pongs, in order."""
    peer = await dial_raw()
    payloads = [b"p%d" % number for number in range(10)]
    await peer.send(*(frame(PING, payload) for payload in payloads))
    assert [await peer.pong() for _ in payloads] == payloads


@pytest.mark.parametrize("payload", [b"", b"unasked"])
async def test_an_unasked_pong(dial_raw: DialRaw, payload: bytes) -> None:
    """A pong that answers nothing is ignored."""
    peer = await dial_raw()
    await peer.send(frame(PONG, payload), frame(PING, b"after"))
    assert await peer.pong() == b"after"


# --- 3 and 4: reserved bits and opcodes


@pytest.mark.parametrize("rsv", range(1, 8))
@pytest.mark.parametrize("opcode", [TEXT, PING, CLOSE])
async def test_reserved_bits(dial_raw: DialRaw, rsv: int, opcode: int) -> None:
    """A reserved bit without an extension: 1002, also between good messages."""
    peer = await dial_raw()
    payload = b"\x03\xe8" if opcode == CLOSE else ASK
    await peer.send(frame(TEXT, ASK), frame(opcode, payload, rsv=rsv), frame(PING))
    assert await peer.end() == 1002


@pytest.mark.parametrize("chop", [0, 1])
@pytest.mark.parametrize("payload", [b"", b"reserved"])
@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
async def test_reserved_opcodes(
    dial_raw: DialRaw, target: Target, opcode: int, payload: bytes, chop: int
) -> None:
    """An opcode that isn't defined: 1002.

    While the client still sends, a server that closes its socket at once (as uvicorn does) resets
    the connection, which may overtake the close frame; Autobahn lets that pass, too. The direct
    path waits.
    """
    peer = await dial_raw()
    await peer.send(frame(TEXT, ASK), frame(opcode, payload), frame(PING), chop=chop)
    assert await peer.end() in ({1002, 1006} if chop and target.kind != "direct" else {1002})


# --- 5: fragmentation


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
async def test_a_control_frame_in_pieces(dial_raw: DialRaw, opcode: int) -> None:
    """Control frames may not be fragmented: 1002."""
    peer = await dial_raw()
    await peer.send(*fragments(opcode, b"\x03", b"\xe8"))
    assert await peer.end() == 1002


@pytest.mark.parametrize("chop", [0, 1])
@pytest.mark.parametrize("pieces", [2, 3, 10])
async def test_a_message_in_pieces(dial_raw: DialRaw, pieces: int, chop: int) -> None:
    """Fragments make one message, whatever arrives between them, also where they are empty."""
    peer = await dial_raw()
    text = ask("pieces")
    bounds = [len(text) * number // pieces for number in range(pieces + 1)]
    parts = [text[start:end] for start, end in pairwise(bounds)]
    await peer.send(*fragments(TEXT, b"", *parts, b""), chop=chop)
    assert (await peer.message("pong"))["id"] == "pieces"


async def test_control_frames_between_pieces(dial_raw: DialRaw) -> None:
    """A ping between the fragments of a message is answered at once, before the message."""
    peer = await dial_raw()
    first, second, third = fragments(TEXT, ASK[:5], ASK[5:9], ASK[9:])
    await peer.send(first, frame(PING, b"1"), frame(PONG), second)
    assert await peer.pong() == b"1"
    await peer.send(frame(PING, b"2"), third)
    assert await peer.pong() == b"2"
    assert (await peer.message("pong"))["id"] == "a"


@pytest.mark.parametrize("fin", [True, False])
@pytest.mark.parametrize(
    "before",
    [b"", frame(TEXT, ASK), b"".join(fragments(TEXT, ASK, b""))],
    ids=["at first", "after a message", "after fragments"],
)
async def test_nothing_to_continue(dial_raw: DialRaw, before: bytes, fin: bool) -> None:
    """A continuation of nothing: 1002."""
    peer = await dial_raw()
    await peer.send(before, frame(CONTINUATION, b"x", fin=fin))
    assert await peer.end() == 1002


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
async def test_a_message_inside_a_message(dial_raw: DialRaw, opcode: int) -> None:
    """A new message before the last one is finished: 1002."""
    peer = await dial_raw()
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
async def test_every_character_is_read(dial_raw: DialRaw, text: str) -> None:
    """Valid UTF-8 comes back as it was, whole and cut between any two of its bytes."""
    peer = await dial_raw()
    message = ask(text)
    await peer.send(frame(TEXT, message))
    assert (await peer.message("pong"))["id"] == text
    await peer.send(*fragments(TEXT, *(message[at : at + 1] for at in range(len(message)))))
    assert (await peer.message("pong"))["id"] == text


@pytest.mark.parametrize("pieces", [False, True], ids=["whole", "in pieces"])
@pytest.mark.parametrize("octets", BAD)
async def test_what_is_not_utf8_is_refused(dial_raw: DialRaw, octets: str, pieces: bool) -> None:
    """Overlong, cut short, surrogates, beyond U+10FFFF: 1007."""
    peer = await dial_raw()
    bad = bytes.fromhex(octets)
    message = ASK[:-2] + bad + ASK[-2:]
    parts = [message[at : at + 1] for at in range(len(message))] if pieces else [message]
    await peer.send(*fragments(TEXT, *parts))
    assert await peer.end() == 1007


async def test_an_unfinished_character_at_the_end(dial_raw: DialRaw) -> None:
    """A message that ends inside a character: 1007."""
    peer = await dial_raw()
    await peer.send(*fragments(TEXT, b'"\xf0\x9f', b"\x98"))
    assert await peer.end() == 1007
