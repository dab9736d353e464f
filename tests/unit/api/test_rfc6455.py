"""Frames of the WebSocket protocol: any cut of the bytes gives the same messages, any break a
code.
"""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.wire.rfc6455 import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    FrameError,
    MessageReader,
    close_code_of,
    close_frame,
    frame,
)

LIMIT = 70_000


def masked(
    opcode: int, payload: bytes, mask: bytes = b"\x01\x02\x03\x04", fin: int = 0x80
) -> bytes:
    """A frame as a client sends it."""
    size = len(payload)
    if size < 126:
        head = bytes((fin | opcode, 0x80 | size))
    elif size < 2**16:
        head = struct.pack("!BBH", fin | opcode, 0xFE, size)
    else:
        head = struct.pack("!BBQ", fin | opcode, 0xFF, size)
    return head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


messages = st.lists(
    st.tuples(
        st.sampled_from([TEXT, BINARY, PING, PONG]),
        st.one_of(st.binary(max_size=125), st.sampled_from([126, 65_535, 65_536]).map(bytes)),
        st.binary(min_size=4, max_size=4),
    ).map(lambda each: each if each[0] < CLOSE else (each[0], each[1][:125], each[2])),
    max_size=5,
)


@given(messages, st.lists(st.integers(1, 400), max_size=50))
def test_any_cut_gives_the_same(sent: list[tuple[int, bytes, bytes]], cuts: list[int]) -> None:
    """However the network cuts the bytes, the same messages come out, in order."""
    data = b"".join(masked(*each) for each in sent)
    reader = MessageReader(LIMIT)
    got: list[tuple[int, bytes]] = []
    at = 0
    for size in [*cuts, len(data)]:
        got += reader.feed(data[at : at + size])
        at += size
    assert got == [(opcode, payload) for opcode, payload, _ in sent]


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=8), st.booleans())
def test_fragments_are_joined(parts: list[bytes], has_ping: bool) -> None:
    """A message in fragments is one, with control frames between them on their own."""
    data = b""
    for index, part in enumerate(parts):
        fin = 0x80 if index == len(parts) - 1 else 0
        data += masked(CONTINUATION if index else TEXT, part, fin=fin)
        if has_ping and not fin:
            data += masked(PING, b"p")
    got = list(MessageReader(LIMIT).feed(data))
    assert got[-1] == (TEXT, b"".join(parts))
    assert got[:-1] == [(PING, b"p")] * (len(parts) - 1 if has_ping else 0)


@pytest.mark.parametrize(("limit", "most"), [(16_384, 256), (1_024, 64), (2**20, 16_384)])
def test_so_many_fragments_make_a_message(limit: int, most: int) -> None:
    """The largest message in pieces of 64 bytes, and one piece more is too many."""
    pieces = masked(TEXT, b"a", fin=0) + masked(CONTINUATION, b"", fin=0) * (most - 2)
    last = masked(CONTINUATION, b"")
    assert list(MessageReader(limit).feed(pieces + last)) == [(TEXT, b"a")]
    with pytest.raises(FrameError) as caught:
        list(MessageReader(limit).feed(pieces + masked(CONTINUATION, b"", fin=0) + last))
    assert caught.value.code == 1009


BROKEN = {
    "not masked": (b"\x81\x01x", 1002),
    "reserved bit": (b"\xc1\x80\0\0\0\0", 1002),
    "unknown data opcode": (b"\x83\x80\0\0\0\0", 1002),
    "unknown control opcode": (b"\x8b\x80\0\0\0\0", 1002),
    "nothing to continue": (b"\x80\x80\0\0\0\0", 1002),
    "a message inside a message": (masked(TEXT, b"a", fin=0) + masked(TEXT, b"b"), 1002),
    "a fragmented ping": (masked(PING, b"", fin=0), 1002),
    "a long ping": (masked(PING, bytes(126)), 1002),
    "too large": (masked(TEXT, bytes(LIMIT + 1))[:14], 1009),
    "far too large": (b"\x81\xff" + b"\xff" * 8, 1009),
    "too large in fragments": (
        masked(TEXT, bytes(LIMIT - 1), fin=0) + masked(CONTINUATION, b"ab"), 1009,
    ),
    "endless fragments": (
        masked(TEXT, b"", fin=0) + masked(CONTINUATION, b"", fin=0) * (LIMIT // 64), 1009,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_broken_frames(name: str) -> None:
    """Each way to break the protocol has its close code, known before the payload is there."""
    data, code = BROKEN[name]
    with pytest.raises(FrameError) as caught:
        list(MessageReader(LIMIT).feed(data))
    assert caught.value.code == code


@given(st.binary(max_size=300))
def test_garbage_is_an_error_or_incomplete(data: bytes) -> None:
    """Any bytes at all: messages, a FrameError, or a wait for more; nothing else."""
    reader = MessageReader(100)
    try:
        for opcode, payload in reader.feed(data):
            assert opcode in (TEXT, BINARY, CLOSE, PING, PONG)
            assert len(payload) <= 125
    except FrameError as error:
        assert error.code in (1002, 1009)


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_frames_out(size: int) -> None:
    """What goes out is unmasked, final, with the shortest length."""
    data = frame(TEXT, bytes(size))
    head = {0: 2, 125: 2, 126: 4, 65_535: 4, 65_536: 10}[size]
    assert len(data) == size + head
    assert (data[0], data[1] & 0x80) == (0x81, 0)


@pytest.mark.parametrize(
    ("payload", "code"),
    [(b"", 1005), (b"\x03\xe8", 1000), (b"\x0f\xa0bye", 4000), (b"\x03\xf6", 1014)],
)
def test_close_codes(payload: bytes, code: int) -> None:
    """A client's close code, 1005 where it names none."""
    assert close_code_of(payload) == code


@pytest.mark.parametrize(
    ("payload", "code"),
    [(b"\x03", 1002), (b"\x03\xed", 1002), (b"\x03\xe7", 1002), (b"\x13\x88", 1002),
     (b"\x03\xe8\xff", 1007)],
)  # fmt: skip
def test_wrong_close_frames(payload: bytes, code: int) -> None:
    """Half a code, a reserved one, or a reason that isn't UTF-8 is an error."""
    with pytest.raises(FrameError) as caught:
        close_code_of(payload)
    assert caught.value.code == code


@given(st.text(max_size=200))
def test_close_reasons_fit(reason: str) -> None:
    """A close frame's reason is cut between characters to what a control frame holds."""
    data = close_frame(4000, reason)
    assert len(data) <= 127
    assert reason.startswith(data[4:].decode())
