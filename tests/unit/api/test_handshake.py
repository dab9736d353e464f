"""The usual handshake is read at once; whatever is unusual is left to uvicorn."""

from __future__ import annotations

import pytest

from api.wire.handshake import usual

HEAD = (
    b"GET /api/v1/websocket/ws?room=global HTTP/1.1\r\nHost: localhost:8001\r\n"
    b"Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


def test_a_browser() -> None:
    """Target, names in lower case, values without the space around them, and what came behind."""
    found = usual(HEAD + b"Origin:  https://a.b\t\r\nX-Empty:\r\n\r\nrest", ())
    assert found is not None
    assert found.target == b"/api/v1/websocket/ws?room=global"
    assert found.key == b"dGhlIHNhbXBsZSBub25jZQ=="
    assert found.headers[-2:] == [(b"origin", b"https://a.b"), (b"x-empty", b"")]
    assert (found.rest, found.subprotocols) == (b"rest", [])


def test_subprotocols() -> None:
    """In the client's order, from one header or several."""
    offers = b"Sec-WebSocket-Protocol: hub.v2, hub.v1\r\nSec-WebSocket-Protocol: x\r\n"
    found = usual(HEAD + offers + b"\r\n", ())
    assert found is not None
    assert found.subprotocols == ["hub.v2", "hub.v1", "x"]


def test_ignored_headers() -> None:
    """An offer of extensions matters only where it could be taken."""
    offer = b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
    assert usual(HEAD + offer, ()) is None
    assert usual(HEAD + offer, (b"sec-websocket-extensions",)) is not None


@pytest.mark.parametrize(
    "request_",
    [
        HEAD,
        HEAD[:40] + b"\r\n",
        HEAD.replace(b"GET", b"POST") + b"\r\n",
        HEAD.replace(b"1.1", b"1.0") + b"\r\n",
        HEAD.replace(b"/api", b"http://a/api") + b"\r\n",
        HEAD.replace(b"global", b"glo bal") + b"\r\n",
        HEAD.replace(b"global", b"global#x") + b"\r\n",
        HEAD.replace(b"\r\n", b"\n") + b"\n",
        HEAD.replace(b": 13", b": 8") + b"\r\n",
        HEAD.replace(b"Upgrade: WebSocket", b"Upgrade: h2c") + b"\r\n",
        HEAD.replace(b", Upgrade", b"") + b"\r\n",
        HEAD.replace(b"Host: localhost:8001\r\n", b"") + b"\r\n",
        HEAD.replace(b"ZQ==", b"ZQ=") + b"\r\n",
        HEAD + b"Host: other\r\n\r\n",
        HEAD + b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        HEAD + b"Content-Length: 3\r\n\r\nabc",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
        HEAD + b"Folded: a\r\n b\r\n\r\n",
        HEAD + b"Space : a\r\n\r\n",
        HEAD + b"Nul: a\0b\r\n\r\n",
        HEAD + b"Bare: a\rb\r\n\r\n",
        HEAD + b"Long: " + b"x" * 9_000 + b"\r\n\r\n",
        b"\r\n\r\n",
        b"",
    ],
)
def test_unusual(request_: bytes) -> None:
    """Unfinished, wrong, ambiguous or rare: not read here."""
    assert usual(request_, ()) is None
