"""An answer of the history: its tag, how long it may be kept, and what the request left over."""

from __future__ import annotations

import hashlib
from typing import Protocol

import msgspec
from fastapi import Request, Response

from api.schemas import Meta

LIVE = "no-cache"
"""May be kept, and must be asked for again every time: the tag makes that cheap."""
BRIEF = "public, max-age=2"
"""Lists that are computed every few seconds anyway."""
SETTLED = "public, max-age=3600"
"""What no fork can undo and no late trade can change."""


class Answer(Protocol):
    """A model with a moment."""

    @property
    def meta(self) -> Meta:
        """What it shows."""


_MEDIA_TYPE = "application/json"


def _fields(model: object) -> dict[str, object]:
    return model.__dict__


# Pydantic describes the answers; building and writing its models took most of a long page's time.
# So items may also be plain dicts of a model's fields, and it is msgspec that writes.
_encode = msgspec.json.Encoder(enc_hook=_fields).encode


class Encoded(msgspec.Struct, frozen=True):
    """An answer as it is sent, whoever asked."""

    raw: bytes
    tag: str
    cache: str
    feed_seq: int


def encode(body: Answer, cache: str = LIVE) -> Encoded:
    """The body as JSON.

    The tag is weak: it stands for everything but how far `meta` has gone meanwhile, which
    X-Feed-Seq tells also of a 304.
    """
    raw = _encode(body)
    return Encoded(raw, _tag(raw, body), cache, body.meta.feed_seq)


def respond(request: Request, found: Encoded) -> Response:
    """The answer, or 304 where the client has it already."""
    headers = dict(getattr(request.state, "headers", {}))
    cache = found.cache
    if headers and cache != LIVE:
        cache = cache.replace("public", "private")  # counted answers are nobody else's
    headers |= {
        "ETag": found.tag,
        "Cache-Control": cache,
        "X-Feed-Seq": str(found.feed_seq),
    }
    if found.tag in _tags_of(request):
        return Response(None, 304, headers)
    return Response(found.raw, 200, headers, _MEDIA_TYPE)


def answer(request: Request, body: Answer, cache: str = LIVE) -> Response:
    """Both."""
    return respond(request, encode(body, cache))


def cache_of(body: Answer, slot: int | None) -> str:
    """How long an answer may be kept that holds nothing after `slot`."""
    meta = body.meta
    if slot is None or meta.frontier_slot is None or meta.finalized_slot is None:
        return LIVE
    return SETTLED if slot <= min(meta.frontier_slot, meta.finalized_slot) else LIVE


def _tag(raw: bytes, body: Answer) -> str:
    content = raw.replace(_encode(body.meta), b"")
    lasting = f"{body.meta.epoch} {body.meta.complete}"
    return f'W/"{hashlib.blake2b(content + lasting.encode(), digest_size=12).hexdigest()}"'


def _tags_of(request: Request) -> list[str]:
    given = request.headers.get("if-none-match", "")
    return [
        tag if tag.startswith("W/") else f"W/{tag}" for tag in given.replace(" ", "").split(",")
    ]
