"""Peer: socketify, that is uWebSockets with its own publish/subscribe. `socketify_app.py PORT`."""

from __future__ import annotations

import sys
from typing import Any

from socketify import App, AppListenOptions, OpCode

_ROOM = "room"


def main(port: int) -> None:
    """Serve until killed: what arrives at /pub goes to everybody at /ws."""
    app = App()

    def on_open(ws: Any) -> None:
        ws.subscribe(_ROOM)

    def on_message(_: Any, message: str | bytes, __: Any) -> None:
        app.publish(_ROOM, message, OpCode.TEXT)

    app.ws("/ws", {"open": on_open, "idle_timeout": 0, "max_backpressure": 64 * 1024 * 1024})
    app.ws("/pub", {"message": on_message, "idle_timeout": 0})
    app.listen(AppListenOptions(port=port, host="127.0.0.1"))
    app.run()


if __name__ == "__main__":
    main(int(sys.argv[1]))
