"""Which pages may open a WebSocket: browsers send cookies and all to any server, but also who
asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Set

Headers = Iterable[tuple[bytes, bytes]]


def is_origin_allowed(headers: Headers, scheme: str, allowed: Set[str]) -> bool:
    """Is the handshake from the API's own page, an allowed one, or from no page at all?

    `scheme` is the handshake's (ws or wss). A browser always sends exactly one Origin; programs
    send none.
    """
    origins = [value for name, value in headers if name == b"origin"]
    if not origins:
        return True
    if len(origins) > 1:
        return False
    origin = origins[0].decode("latin-1")
    hosts = [value.decode("latin-1") for name, value in headers if name == b"host"]
    own = {f"{'https' if scheme in ('wss', 'https') else 'http'}://{host}" for host in hosts}
    return origin in allowed or (len(hosts) == 1 and origin in own)
