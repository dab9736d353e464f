"""Opaque cursors: the key of the last item, so that what comes in later shifts no page.

A cursor names its list, so that one of another list is refused rather than misread.
"""

from __future__ import annotations

import base64
import binascii
import math
from typing import Any

import msgspec

from api.problems import ProblemError
from db.reads.moment import Key, KeyPart

MAX_LENGTH = 200
_BIGINT = 2**63


class CursorOf:
    """The cursors of one list: `parts` are the kinds of its key's parts, in order."""

    def __init__(self, list_name: str, *parts: type[KeyPart]) -> None:
        self._name = list_name
        kind: Any = tuple.__class_getitem__((str, *parts))
        self._decoder: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(kind)

    def encode(self, key: Key | None) -> str | None:
        """The cursor after an item with this key; None after the last one."""
        if key is None:
            return None
        raw = msgspec.msgpack.encode((self._name, *key))
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    def decode(self, cursor: str | None) -> Key | None:
        """The key in a cursor. Raises ProblemError(400) if it is none of this list's."""
        if cursor is None:
            return None
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
            name, *key = self._decoder.decode(raw)
        except (binascii.Error, ValueError, msgspec.MsgspecError):
            name, key = "", []
        if name != self._name or not all(map(_is_storable, key)):
            raise ProblemError(
                400,
                "this cursor is not one of this list's",
                hint="Pass `next` of the page before as it is, to the same list, or leave it away",
            )
        return tuple(key)


def _is_storable(part: KeyPart) -> bool:
    """Could the database hold it? Else it is forged."""
    if isinstance(part, int):
        return -_BIGINT <= part < _BIGINT
    return math.isfinite(part)
