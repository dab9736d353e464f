"""Who is measured: how each is started, and what its clients and its publisher say.

Every client gets the same 300 bytes of JSON: as a text frame's payload, inside Socket.IO's packet,
or behind NATS' MSG line.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec

from benchmarks.fanout_peers.hub_app import room_name
from benchmarks.fanout_peers.processes import Server, free_port, script
from benchmarks.fanout_peers.tools import compiled, nats_server, node_and_ws, peers_python

EVENT_BYTES = 300
_PLAIN = {"pub_path": "/pub"}
_SOCKETIO = "/socket.io/?EIO=4&transport=websocket"
_NATS_CONNECT = 'CONNECT {"verbose":false,"pedantic":false,"lang":"c","version":"1","protocol":1}'
_NATS_CONF = """listen: "127.0.0.1:-1"
websocket {{ listen: "127.0.0.1:{port}", no_tls: true, compression: false }}
ping_interval: "1h"
max_connections: 50000
logtime: false
log_file: "{log}"
"""


class Started(msgspec.Struct, frozen=True):
    """A running server, and what the load generator needs to know of it."""

    server: Server
    path: str
    """What clients ask for."""
    message: bytes
    """One message, as the publisher says it."""
    options: Mapping[str, str]


def event(size: int = EVENT_BYTES) -> str:
    """JSON of this many bytes."""
    return '{"type":"new_trade","data":"' + "x" * (size - 30) + '"}'


def plain(command: Callable[[int], list[str | Path]]) -> Started:
    """A server with members at /ws whose publisher, at /pub, says what they get."""
    port = free_port()
    return Started(Server(command(port), port), "/ws", event().encode(), _PLAIN)


def c_write() -> Started:
    """write() for every frame and connection."""
    return plain(lambda port: [compiled("server"), str(port), "write"])


def c_coalesced() -> Started:
    """write() for every burst and connection."""
    return plain(lambda port: [compiled("server"), str(port), "coalesced"])


def node_ws() -> Started:
    """npm's `ws`."""
    node, home = node_and_ws()
    return plain(lambda port: [node, script("node_ws.mjs"), str(port), home])


def socketify() -> Started:
    """uWebSockets, from Python."""
    python = peers_python()
    return plain(lambda port: [python, script("socketify_app.py"), str(port)])


def fastapi_docs() -> Started:
    """The documentation's ConnectionManager."""
    python = peers_python()
    return plain(lambda port: [python, script("docs_app.py"), str(port)])


def python_socketio() -> Started:
    """Socket.IO, from Python; its packet is the event's 300 bytes long."""
    port = free_port()
    message = '42["pub","' + "x" * (EVENT_BYTES - 13) + '"]'
    options = {
        "hello": "40", "ready": "40{", "pub_path": f"{_SOCKETIO}&pub=1",
        "pub_hello": "40", "pub_ready": "40{",
    }  # fmt: skip
    server = Server([peers_python(), script("socketio_app.py"), str(port)], port)
    return Started(server, _SOCKETIO, message.encode(), options)


def nats_ws() -> Started:
    """NATS' WebSocket listener: frames are a stream of its protocol, so bytes are counted."""
    port, program = free_port(), nats_server()
    folder = Path(tempfile.mkdtemp(prefix="curvefeed-nats-"))
    conf = folder / "nats.conf"
    conf.write_text(_NATS_CONF.format(port=port, log=folder / "log"))
    delivered = len(f"MSG room 1 {EVENT_BYTES}\r\n") + EVENT_BYTES + 2
    options = {
        "hello": f"{_NATS_CONNECT}\r\nSUB room 1\r\nPING\r\n", "ready": "PONG", "opcode": "2",
        "unit": str(delivered), "pub_path": "/", "pub_hello": f"{_NATS_CONNECT}\r\nPING\r\n",
        "pub_ready": "PONG",
    }  # fmt: skip
    message = f"PUB room {EVENT_BYTES}\r\n{event()}\r\n"
    return Started(Server([program, "-c", conf], port), "/", message.encode(), options)


def hub(database_url: str, *, core: int | None = 0) -> Started:
    """Ours, fed at the seam between follower and hub. `database_url`: migrated, otherwise idle."""
    port, feed_port = free_port(), free_port()
    module = "benchmarks.fanout_peers.hub_app"
    command = [sys.executable, "-m", module, str(port), str(feed_port)]
    server = Server(command, port, core=core, env={"DATABASE_URL": database_url})
    options = {"pub_port": str(feed_port), "ready": '"subscribed"'}
    message = hub_line(0) + "\n"
    return Started(server, hub_path([0]), message.encode(), options)


def hub_path(rooms: Iterable[int]) -> str:
    """What a client in these rooms asks the hub for."""
    return "/api/v1/websocket/ws?room=" + "&room=".join(room_name(room) for room in rooms)


def hub_line(room: int) -> str:
    """What hub_app takes for an event of this room that is EVENT_BYTES long on the wire."""
    head = f'{{"type":"new_trade","room":"{room_name(room)}","seq":1000,"prev":999,"ts":'
    return f'{room:04}{{"x":"' + "x" * (EVENT_BYTES - len(head) - len("1795347000456") - 17) + '"}'


PEERS: Mapping[str, Callable[[], Started]] = {
    "c_write": c_write,
    "c_coalesced": c_coalesced,
    "socketify": socketify,
    "node_ws": node_ws,
    "nats_ws": nats_ws,
    "fastapi_docs": fastapi_docs,
    "python_socketio": python_socketio,
}
