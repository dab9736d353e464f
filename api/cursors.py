"""Opaque cursors: the key of the last item, so that what comes in later shifts no page."""

from __future__ import annotations

import base64
import binascii
import re

from api.problems import ProblemError

_TEXT = re.compile(r"\d{1,19}(\.\d{1,19})*")


def cursor_of(key: tuple[int, ...]) -> str:
    """The cursor after an item with this key."""
    text = ".".join(map(str, key))
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def key_of_cursor(cursor: str | None, size: int) -> tuple[int, ...] | None:
    """The key in a cursor of `size` numbers. Raises ProblemError(400) if it is none of ours."""
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        text = raw.decode("ascii")
    except (binascii.Error, ValueError):
        text = ""
    key = tuple(map(int, text.split("."))) if _TEXT.fullmatch(text) else ()
    if len(key) != size or any(part >= 2**63 for part in key):
        raise ProblemError(
            400,
            "this cursor is not one of this list's",
            hint="Pass `next` of the page before as it is, to the same list, or leave it away",
        )
    return key
