"""The usual handshake, at once: what a browser or a program sends to open the hub's WebSocket.

Stands in front of uvicorn's HTTP class. A request that is whole, is for one of `paths` and has
nothing unusual about it is read here, in a fifth of the time that two parsers of Python take one
after the other, and answered by the application as always: route, dependencies and checks. All
else is handed to uvicorn with every byte: it judges what is wrong, and serves what is rare.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import Callable, Collection
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import unquote

import structlog
from uvicorn.config import Config
from uvicorn.protocols.utils import get_local_addr, get_remote_addr
from uvicorn.server import ServerState

from api.wire.adopted import ADOPT, AdoptedConnection

_MAX_BYTES = 8_192
_REQUEST = re.compile(rb"GET (/[!-\"$-~]*) HTTP/1\.1")
_HEADER = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?[ \t]*")  # noqa: E501  # fmt: skip
_KEY = re.compile(rb"[+/0-9A-Za-z]{22}==")
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_ONCE = (b"host", b"upgrade", b"connection", b"sec-websocket-key", b"sec-websocket-version")
_NEVER = (b"content-length", b"transfer-encoding", b"sec-websocket-extensions", b"expect")

Headers = list[tuple[bytes, bytes]]
HttpFactory = Callable[..., asyncio.Protocol]

_log = structlog.get_logger(__name__)


class Upgrade:
    """A usual handshake."""

    __slots__ = ("headers", "key", "rest", "subprotocols", "target")

    def __init__(self, target: bytes, headers: Headers, key: bytes, rest: bytes) -> None:
        self.target = target
        self.headers = headers
        self.key = key
        self.rest = rest
        """What came behind it."""
        self.subprotocols = [
            each.strip().decode("latin-1")
            for name, value in headers
            if name == b"sec-websocket-protocol"
            for each in value.split(b",")
        ]


def usual(data: bytes, ignored: Collection[bytes]) -> Upgrade | None:
    """The handshake in `data`; None if it isn't whole, or anything but usual. Headers in `ignored`
    don't make it unusual."""
    head, end, rest = data.partition(b"\r\n\r\n")
    if not end or len(head) > _MAX_BYTES:
        return None
    first, *lines = head.split(b"\r\n")
    request = _REQUEST.fullmatch(first)
    if request is None:
        return None
    headers: Headers = []
    found: dict[bytes, bytes] = {}
    for line in lines:
        header = _HEADER.fullmatch(line)
        if header is None:
            return None
        name, value = header[1].lower(), header[2] or b""
        if (name in found and name in _ONCE) or (name in _NEVER and name not in ignored):
            return None
        found[name] = value
        headers.append((name, value))
    return Upgrade(request[1], headers, found[_ONCE[3]], rest) if _is_upgrade(found) else None


def _is_upgrade(found: dict[bytes, bytes]) -> bool:
    return (
        all(name in found for name in _ONCE)
        and found[b"upgrade"].lower() == b"websocket"
        and b"upgrade" in [each.strip() for each in found[b"connection"].lower().split(b",")]
        and found[b"sec-websocket-version"] == b"13"
        and _KEY.fullmatch(found[b"sec-websocket-key"]) is not None
    )


class Entrance:
    """Makes the first protocol of every connection; uvicorn calls it as it would its HTTP class,
    `http`. `has_deflate`: an offer of extensions is worth looking at, which is uvicorn's part."""

    def __init__(
        self, http: HttpFactory, paths: Collection[bytes], *, has_deflate: bool = False
    ) -> None:
        self.http = http
        self.paths = paths
        self.ignored = () if has_deflate else (b"sec-websocket-extensions",)

    def __call__(
        self, config: Config, server_state: ServerState, app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> Doorstep:  # fmt: skip
        """One connection."""
        return Doorstep(self, config, server_state, app_state)


class Doorstep(asyncio.Protocol):
    """A connection until its first bytes have come. `cycle`: its request, as in uvicorn."""

    __slots__ = ("_app_state", "_config", "_entrance", "_state", "_transport")
    cycle = None

    def __init__(
        self, entrance: Entrance, config: Config, state: ServerState, app_state: dict[str, Any]
    ) -> None:
        self._entrance = entrance
        self._config = config
        self._state = state
        self._app_state = app_state

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As in asyncio."""
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self)

    def data_received(self, data: bytes) -> None:
        """The handshake, or something for uvicorn."""
        self._connections.discard(self)
        upgrade = usual(data, self._entrance.ignored)
        is_plain = self._transport.get_extra_info("sslcontext") is None
        if upgrade and is_plain and upgrade.target.partition(b"?")[0] in self._entrance.paths:
            Handshake(upgrade, self._transport, self._config, self._state).begin(self._app_state)
            return
        http = self._entrance.http(
            config=self._config, server_state=self._state, app_state=self._app_state
        )
        http.connection_made(self._transport)
        self._transport.set_protocol(http)
        http.data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """It has said nothing."""
        self._connections.discard(self)

    def shutdown(self) -> None:
        """uvicorn stops."""
        self._transport.close()

    @property
    def transport(self) -> asyncio.Transport:
        """Its socket."""
        return self._transport

    @property
    def _connections(self) -> set[Any]:
        """uvicorn's list for its shutdown."""
        return cast("set[Any]", self._state.connections)


class Handshake(asyncio.Protocol):
    """The application decides about one handshake; then the hub adopts the socket, or it ends."""

    __slots__ = (
        "_config", "_is_accepted", "_is_adopted", "_is_over", "_response", "_state", "_transport",
        "_upgrade",
    )  # fmt: skip

    def __init__(
        self, upgrade: Upgrade, transport: asyncio.Transport, config: Config, state: ServerState
    ) -> None:
        self._upgrade = upgrade
        self._transport = transport
        self._config = config
        self._state = state
        self._is_accepted = self._is_adopted = self._is_over = False
        self._response: tuple[int, Headers] | None = None

    def begin(self, app_state: dict[str, Any]) -> None:
        """Ask the application, in a task that uvicorn waits for when it stops."""
        self._transport.set_protocol(self)
        self._connections.add(self)
        task = asyncio.get_running_loop().create_task(self._run(self._scope(app_state)))
        self._state.tasks.add(task)
        task.add_done_callback(self._state.tasks.discard)

    # --- asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        """Before it has an answer the client has nothing to say, but it may."""
        self._upgrade.rest += data
        if len(self._upgrade.rest) > _MAX_BYTES:
            self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """The client didn't wait."""
        self._is_over = True
        self._connections.discard(self)

    def shutdown(self) -> None:
        """uvicorn stops."""
        self._transport.close()

    # --- ASGI

    async def _run(self, scope: dict[str, Any]) -> None:
        try:
            await self._config.loaded_app(
                cast("Any", scope), cast("Any", self._receive), cast("Any", self._send)
            )
        except Exception:
            _log.exception("handshake_failed")
            if not self._is_accepted and not self._is_over:
                self._refuse(500, [], b"")
        finally:
            if not self._is_adopted:
                self._transport.close()

    def _scope(self, app_state: dict[str, Any]) -> dict[str, Any]:
        """As uvicorn's."""
        root, upgrade = self._config.root_path, self._upgrade
        path, _, query = upgrade.target.partition(b"?")
        return {
            "type": "websocket",
            "asgi": {"version": self._config.asgi_version, "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "ws",
            "server": get_local_addr(self._transport),
            "client": get_remote_addr(self._transport),
            "root_path": root,
            "path": root + unquote(path.decode("ascii")),
            "raw_path": root.encode("ascii") + path,
            "query_string": query,
            "headers": upgrade.headers,
            "subprotocols": upgrade.subprotocols,
            "state": app_state.copy(),
            "extensions": {"websocket.http.response": {}, ADOPT: self.adopt},
        }

    async def _receive(self) -> dict[str, Any]:
        """The beginning; who asks for more has nothing to wait for."""
        if self._is_accepted or self._is_over:
            return {"type": "websocket.disconnect", "code": 1006}
        return {"type": "websocket.connect"}

    async def _send(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "websocket.accept" and not self._is_accepted:
            self._accept(message)
        elif kind == "websocket.http.response.start":
            self._response = message["status"], list(message["headers"])
        elif kind == "websocket.http.response.body" and self._response is not None:
            self._refuse(*self._response, message.get("body", b""))
        elif kind == "websocket.close":
            if not self._is_accepted:
                self._refuse(403, [], b"")
        else:
            raise RuntimeError(f"a hub adopts the socket; {kind!r} was not expected")

    def _accept(self, message: dict[str, Any]) -> None:
        self._is_accepted = True
        digest = hashlib.sha1(self._upgrade.key + _GUID, usedforsecurity=False).digest()
        lines = [
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + base64.b64encode(digest)
        ]
        if message.get("subprotocol"):
            lines.append(b"Sec-WebSocket-Protocol: " + message["subprotocol"].encode("latin-1"))
        lines += [name + b": " + value for name, value in message.get("headers", ())]
        self._transport.write(b"\r\n".join([*lines, b"\r\n"]))

    def _refuse(self, status: int, headers: Headers, body: bytes) -> None:
        """An answer in plain HTTP, and the end."""
        names = {name.lower() for name, _ in headers}
        if b"content-length" not in names:
            headers.append((b"content-length", str(len(body)).encode()))
        lines = [
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode(),
            *(name + b": " + value for name, value in headers),
            b"connection: close\r\n\r\n" + body,
        ]
        self._is_over = True
        self._transport.write(b"\r\n".join(lines))
        self._transport.close()

    def adopt(self, connection: AdoptedConnection) -> bool:
        """Give the socket to `connection`. False if the client has already gone."""
        if self._is_over or not self._is_accepted or self._transport.is_closing():
            return False
        self._is_adopted = True
        self._connections.discard(self)
        connection.take_over(self._transport, self._connections)
        if self._upgrade.rest:
            asyncio.get_running_loop().call_soon(connection.data_received, self._upgrade.rest)
        return True

    @property
    def _connections(self) -> set[Any]:
        """uvicorn's list for its shutdown."""
        return cast("set[Any]", self._state.connections)
