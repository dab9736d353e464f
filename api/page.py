"""The page's files, as the build left them: compressed once, held in memory, sent in one piece.

They come before the routes: a visit asks for a dozen of them at once. What is not one of them (a
folder without its slash, an address that nothing has) is the router's affair.
"""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType

import msgspec
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

ENCODINGS = MappingProxyType({"br": ".br", "gzip": ".gz"})
"""What the build may have put beside a file, best first, and how that is called."""

_INDEX = "index.html"
_HASHED = "/_next/static/"
_FOR_EVER = "public, max-age=31536000, immutable"
"""Names in there have a hash of the content: another content has another name."""
_ASK_AGAIN = "no-cache"


class PageFile(msgspec.Struct, frozen=True):
    """One file, by its encodings; "identity" is always there."""

    media_type: str
    cache_control: str
    bodies: dict[str, bytes]
    tag: str

    def answer(self, request: Headers) -> Response:
        """In the best encoding that is accepted, or that the browser has it already."""
        encoding = _chosen(request.get("accept-encoding", ""), self.bodies)
        tag = f'"{self.tag}-{encoding}"'
        headers = {"ETag": tag, "Cache-Control": self.cache_control, "Vary": "Accept-Encoding"}
        known = {
            each.strip().removeprefix("W/") for each in request.get("if-none-match", "").split(",")
        }
        if tag in known:
            return Response(status_code=304, headers=headers)
        if encoding != "identity":
            headers["Content-Encoding"] = encoding
        headers["X-Content-Type-Options"] = "nosniff"
        return Response(self.bodies[encoding], headers=headers, media_type=self.media_type)


class PageFiles:
    """ASGI middleware: answers what is a file of the page in `folder`, passes on the rest."""

    def __init__(self, app: ASGIApp, folder: Path) -> None:
        self._app = app
        self._files = dict(_files(folder))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        file = None
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD"):
            file = self._files.get(scope["path"])
        answer = self._app if file is None else file.answer(Headers(scope=scope))
        await answer(scope, receive, send)


def _chosen(accepted: str, bodies: dict[str, bytes]) -> str:
    """The best encoding that is both accepted and there."""
    wanted = {
        name.strip().lower()
        for name, _, quality in (each.partition(";") for each in accepted.split(","))
        if quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    }
    return next((each for each in ENCODINGS if each in wanted and each in bodies), "identity")


def _files(folder: Path) -> Iterator[tuple[str, PageFile]]:
    """Every file by its address; an index also by its folder's."""
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.suffix in ENCODINGS.values():
            continue
        address = f"/{path.relative_to(folder).as_posix()}"
        file = _read(path, _FOR_EVER if address.startswith(_HASHED) else _ASK_AGAIN)
        yield address, file
        if path.name == _INDEX:
            yield address.removesuffix(_INDEX), file


def _read(path: Path, cache_control: str) -> PageFile:
    bodies = {"identity": path.read_bytes()}
    for name, suffix in ENCODINGS.items():
        compressed = path.with_name(path.name + suffix)
        if compressed.is_file():
            bodies[name] = compressed.read_bytes()
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    tag = hashlib.sha256(bodies["identity"]).hexdigest()[:16]
    return PageFile(media_type, cache_control, bodies, tag)
