"""permessage-deflate (RFC 7692) without context takeover, so that a message is compressed once for
everybody, and no connection keeps a window in memory.
"""

from __future__ import annotations

import zlib
from collections import OrderedDict
from collections.abc import Sequence

from websockets.exceptions import NegotiationError
from websockets.extensions.base import Extension
from websockets.extensions.permessage_deflate import (
    PerMessageDeflate,
    ServerPerMessageDeflateFactory,
)
from websockets.frames import Frame, Opcode
from websockets.typing import ExtensionParameter

WINDOW_BITS = 12
_MEMORY_LEVEL = 5
_LEAST_BYTES = 128
"""Less isn't worth it: an event has some hundreds."""
_TAIL = b"\x00\x00\xff\xff"
_KEPT = 512


class Inflated(Exception):
    """The message is larger than allowed, or not compressed at all."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def deflated(payload: bytes) -> bytes | None:
    """`payload` as one compressed message; None if that is not worth it."""
    if len(payload) < _LEAST_BYTES:
        return None
    packer = zlib.compressobj(wbits=-WINDOW_BITS, memLevel=_MEMORY_LEVEL)
    packed = packer.compress(payload) + packer.flush(zlib.Z_SYNC_FLUSH)
    return packed[:-4] if len(packed) - 4 < len(payload) else None


def inflated(packed: bytes, max_bytes: int) -> bytes:
    """The message of a client. Raises Inflated before more than `max_bytes` are in memory."""
    opener = zlib.decompressobj(wbits=-15)
    try:
        payload = opener.decompress(packed + _TAIL, max_bytes + 1)
    except zlib.error:
        raise Inflated(1007, "not a compressed message") from None
    if len(payload) > max_bytes:
        raise Inflated(1009, f"messages may have up to {max_bytes} bytes")
    return payload


class SharedDeflateFactory(ServerPerMessageDeflateFactory):
    """Agrees with those clients for whom the same bytes can be sent; others get none."""

    def __init__(self) -> None:
        super().__init__(
            server_no_context_takeover=True,
            client_no_context_takeover=True,
            server_max_window_bits=WINDOW_BITS,
        )
        self._kept: OrderedDict[bytes, bytes | None] = OrderedDict()

    def process_request_params(
        self, params: Sequence[ExtensionParameter], accepted_extensions: Sequence[Extension]
    ) -> tuple[list[ExtensionParameter], SharedDeflate]:
        """As in `websockets`."""
        answer, found = super().process_request_params(params, accepted_extensions)
        if found.local_max_window_bits != WINDOW_BITS:
            raise NegotiationError("a smaller window would need bytes of its own")
        return answer, SharedDeflate(found, self)

    def packed(self, payload: bytes) -> bytes | None:
        """`deflated`, but what many are sent one after the other is compressed once."""
        if payload in self._kept:
            return self._kept[payload]
        packed = self._kept[payload] = deflated(payload)
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return packed


class SharedDeflate(PerMessageDeflate):
    """One connection's, for those that are written by uvicorn."""

    def __init__(self, agreed: PerMessageDeflate, factory: SharedDeflateFactory) -> None:
        super().__init__(
            agreed.remote_no_context_takeover, agreed.local_no_context_takeover,
            agreed.remote_max_window_bits, agreed.local_max_window_bits,
        )  # fmt: skip
        self._factory = factory

    def encode(self, frame: Frame) -> Frame:
        """As in `websockets`; the hub sends whole messages only."""
        packed = None
        if frame.opcode is Opcode.TEXT and frame.fin:
            packed = self._factory.packed(bytes(frame.data))
        if packed is None:
            return frame
        return Frame(frame.opcode, packed, frame.fin, True, frame.rsv2, frame.rsv3)
