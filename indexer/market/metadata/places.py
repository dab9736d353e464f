"""Where a URI leads: to itself, to gateways of IPFS, or into itself (data:)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from urllib.parse import unquote_to_bytes

import msgspec
from yarl import URL

from indexer.market.metadata.errors import Unacceptable

MAX_URI_CHARS = 2_048
_IPFS = re.compile(r"^ipfs://(?:ipfs/)?([A-Za-z0-9]{32,128})(/[^?#]*)?$")
_HOST = re.compile(r"^[A-Za-z0-9._:-]{1,253}$")
_GATEWAY_PATH = re.compile(r"^/ipfs/([A-Za-z0-9]{32,128})(/.*)?$")


class Body(msgspec.Struct, frozen=True):
    """What was found, and what it is said to be ("" if nobody says)."""

    kind: str
    data: bytes


def inline(uri: str, most_bytes: int) -> Body:
    """What a data URI holds. Raises Unacceptable."""
    head, comma, text = uri.removeprefix("data:").partition(",")
    kind, *parameters = head.split(";")
    try:
        data = unquote_to_bytes(text)
        if "base64" in parameters:
            data = base64.b64decode(data, validate=True)
    except (ValueError, binascii.Error):
        comma = ""
    if not comma:
        raise Unacceptable("that is no data URI")
    if len(data) > most_bytes:
        raise Unacceptable("it is too large")
    return Body(kind.strip().lower() or "text/plain", data)


def places_of(uri: str, gateways: Sequence[str]) -> list[str]:
    """URLs under which `uri` may be found, the likeliest first. Raises Unacceptable."""
    if len(uri) > MAX_URI_CHARS:
        raise Unacceptable("the address is too long")
    match = _IPFS.match(uri)
    if match is not None:
        return [f"{gateway}/ipfs/{match[1]}{match[2] or ''}" for gateway in gateways]
    url = url_of(uri)
    # Many tokens name a gateway that is gone: what counts is the content's own name.
    match = _GATEWAY_PATH.match(url.raw_path)
    others = [f"{gateway}{url.raw_path}" for gateway in gateways] if match else []
    return list(dict.fromkeys([str(url), *others]))


def url_of(text: str, base: URL | None = None) -> URL:
    """An http(s) URL that names a host and nobody's password. Raises Unacceptable."""
    try:
        url = URL(text) if base is None else base.join(URL(text))
        is_good = url.scheme in ("http", "https") and bool(_HOST.match(url.raw_host or ""))
    except ValueError:
        is_good = False
    if not is_good or url.user is not None or url.password is not None:
        raise Unacceptable("that is no http(s) address")
    return url
