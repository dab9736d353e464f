"""A token's JSON, by strangers: a few texts and addresses are taken, cleaned and cut; no more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from indexer.market.metadata.errors import Unacceptable
from indexer.market.metadata.places import Body, url_of

MAX_BYTES = 256 * 1024
_KINDS = ("", "application/json", "text/plain", "application/octet-stream", "binary/octet-stream")
_DESCRIPTION_CHARS, _LINK_CHARS = 2_000, 300


class Document(msgspec.Struct, frozen=True):
    """What of it is kept. Links are http(s) addresses."""

    description: str | None = None
    image: str | None = None
    """As written: http(s), ipfs or data."""
    website: str | None = None
    twitter: str | None = None
    telegram: str | None = None


def document_of(body: Body) -> Document:
    """Read it. Raises Unacceptable where it is no JSON object."""
    if body.kind not in _KINDS and not body.kind.endswith("+json"):
        raise Unacceptable("it is not JSON", kind=body.kind[:60])
    try:
        found: Any = msgspec.json.decode(body.data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Unacceptable("it is not JSON") from None
    if not isinstance(found, dict):
        raise Unacceptable("it is JSON, but no object")
    extensions = found.get("extensions")
    more = extensions if isinstance(extensions, dict) else {}
    return Document(
        description=_text(found, "description", _DESCRIPTION_CHARS),
        image=_text(found, "image", MAX_BYTES),
        website=_link(found, more, "website") or _link(found, more, "external_url"),
        twitter=_link(found, more, "twitter"),
        telegram=_link(found, more, "telegram"),
    )


def _text(found: Mapping[str, Any], name: str, most_chars: int) -> str | None:
    """Without what can't be stored or shown: control characters, halves of surrogate pairs."""
    value = found.get(name)
    if not isinstance(value, str):
        return None
    text = value.encode("utf-8", "ignore").decode()
    kept = "".join(char for char in text if char.isprintable() or char == "\n")
    return kept.strip()[:most_chars] or None


def _link(found: Mapping[str, Any], more: Mapping[str, Any], name: str) -> str | None:
    """An address that a page may link to."""
    text = _text(found, name, _LINK_CHARS + 1) or _text(more, name, _LINK_CHARS + 1)
    if text is None or len(text) > _LINK_CHARS:
        return None
    try:
        return str(url_of(text))
    except Unacceptable:
        return None
