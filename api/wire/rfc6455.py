"""RFC 6455 frames, the pure part: bytes of a client to messages, messages to bytes for a client.

Server side only; the one extension is permessage-deflate, where it was agreed on: any other
reserved bit is an error.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from api.wire.deflate import Inflated, inflated

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

RSV1 = 0x40
"""With an opcode: the message is compressed."""
_FIN = 0x80
_MASK = 0x80
_DATA = (TEXT, BINARY)
_CONTROL = (CLOSE, PING, PONG)
_MAX_CONTROL_BYTES = 125
_BYTES_PER_FRAGMENT = 64
"""The largest message in smaller pieces than these is an attack: each piece costs something."""
_LEAST_FRAGMENTS = 64


class FrameError(Exception):
    """The peer broke the rules; the connection must be closed with `code`."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def frame(opcode: int, payload: bytes) -> bytes:
    """One unmasked, final frame."""
    size = len(payload)
    if size < 126:
        return bytes((_FIN | opcode, size)) + payload
    if size < 0x10000:
        return struct.pack("!BBH", _FIN | opcode, 126, size) + payload
    return struct.pack("!BBQ", _FIN | opcode, 127, size) + payload


def close_frame(code: int, reason: str) -> bytes:
    """A close frame; `reason` is cut to what fits (123 bytes)."""
    text = reason.encode()[: _MAX_CONTROL_BYTES - 2].decode(errors="ignore").encode()
    return frame(CLOSE, struct.pack("!H", code) + text)


def close_code_of(payload: bytes) -> int:
    """The code in a client's close frame; 1005 if it names none. Raises FrameError."""
    if not payload:
        return 1005
    if len(payload) == 1:
        raise FrameError(1002, "a close code has two bytes")
    code: int = struct.unpack_from("!H", payload)[0]
    if not (1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999):
        raise FrameError(1002, "this close code may not be sent")
    try:
        payload[2:].decode()
    except UnicodeDecodeError:
        raise FrameError(1007, "the close reason is not UTF-8") from None
    return code


class MessageReader:
    """Collects a client's bytes; hands out whole messages and control frames, in order.

    Memory is bounded by `max_bytes` (plus one read of the socket): a longer message is refused by
    its header, before its payload has arrived.
    """

    __slots__ = (
        "_buffer", "_fragments", "_is_open", "_is_packed", "_max_bytes", "_max_fragments",
        "_opcode", "_size",
    )  # fmt: skip

    def __init__(self, max_bytes: int, *, is_packed: bool = False) -> None:
        self._max_bytes = max_bytes
        self._max_fragments = max(_LEAST_FRAGMENTS, max_bytes // _BYTES_PER_FRAGMENT)
        self._is_packed = is_packed
        self._buffer = b""
        self._fragments: list[bytes] = []
        self._is_open = False
        self._opcode = 0
        self._size = 0

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """(opcode, payload) of everything that `data` completes. Raises FrameError."""
        buffer = self._buffer + data if self._buffer else data
        at = 0
        while True:
            found = self._frame(buffer, at)
            if found is None:
                break
            at, first, payload = found
            message = self._collect(first, payload)
            if message is not None:
                self._buffer = b""
                yield message
        self._buffer = buffer[at:]

    def _frame(self, buffer: bytes, at: int) -> tuple[int, int, bytes] | None:
        """(end, first byte, unmasked payload) of the frame at `at`, if it is all there."""
        available = len(buffer) - at
        if available < 2:
            return None
        first, second = buffer[at], buffer[at + 1]
        self._check(first, second)
        size, header = second & 0x7F, 2
        if size == 126:
            header = 4
        elif size == 127:
            header = 10
        if available < header:
            return None
        if header > 2:
            size = int.from_bytes(buffer[at + 2 : at + header], "big")
        if first & 0x0F not in _CONTROL and self._size + size > self._max_bytes:
            raise FrameError(1009, f"messages may have up to {self._max_bytes} bytes")
        end = at + header + 4 + size
        if len(buffer) < end:
            return None
        mask = buffer[at + header : at + header + 4]
        return end, first, _unmasked(buffer[end - size : end], mask)

    def _check(self, first: int, second: int) -> None:
        opcode = first & 0x0F
        may_be_packed = self._is_packed and opcode in _DATA
        if first & (0x30 if may_be_packed else 0x70):
            raise FrameError(1002, "reserved bits are set")
        if not second & _MASK:
            raise FrameError(1002, "a client's frames must be masked")
        if opcode in _CONTROL:
            if not first & _FIN or second & 0x7F > _MAX_CONTROL_BYTES:
                raise FrameError(1002, "control frames are whole and have up to 125 bytes")
        elif opcode == CONTINUATION:
            if not self._is_open:
                raise FrameError(1002, "nothing to continue")
        elif opcode not in _DATA:
            raise FrameError(1002, "unknown opcode")
        elif self._is_open:
            raise FrameError(1002, "the message before is not finished")

    def _collect(self, first: int, payload: bytes) -> tuple[int, bytes] | None:
        """The message that this frame completes, if it does."""
        opcode = first & 0x0F
        if opcode in _CONTROL:
            return opcode, payload
        if opcode != CONTINUATION:
            if first & _FIN:
                return self._opened(first & ~_FIN, payload)
            self._opcode, self._fragments, self._size = first, [payload], len(payload)
            self._is_open = True
            return None
        self._fragments.append(payload)
        self._size += len(payload)
        if len(self._fragments) > self._max_fragments:
            raise FrameError(1009, f"messages may have up to {self._max_fragments} fragments")
        if not first & _FIN:
            return None
        message = self._opened(self._opcode, b"".join(self._fragments))
        self._fragments, self._size, self._is_open = [], 0, False
        return message

    def _opened(self, first: int, payload: bytes) -> tuple[int, bytes]:
        """A message whose first byte, without FIN, was this. Bombs are refused while they are
        small."""
        if not first & RSV1:
            return first, payload
        try:
            return first & 0x0F, inflated(payload, self._max_bytes)
        except Inflated as error:
            raise FrameError(error.code, str(error)) from None


def _unmasked(payload: bytes, mask: bytes) -> bytes:
    size = len(payload)
    if not size:
        return payload
    key = (mask * (size // 4 + 1))[:size]
    number = int.from_bytes(payload, "little") ^ int.from_bytes(key, "little")
    return number.to_bytes(size, "little")
