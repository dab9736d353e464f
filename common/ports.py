"""Is a port free, and if not: who holds it."""

from __future__ import annotations

import errno
import socket
from pathlib import Path

from common.errors import PortInUse, SettingsError

_LISTEN = "0A"


def require_free_port(host: str, port: int, *, option: str) -> None:
    """Raise PortInUse, naming the holder and the way out, unless `port` can be listened on.

    `option` is the command-line option that chooses another one. Port 0 is always free. Raises
    SettingsError where nobody may listen there: no address of this machine, a privileged port.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise SettingsError(
                    f"can't listen on {host}, port {port}",
                    hint=f"Set WEBSOCKET_HOST to an address of this machine, or choose {option}",
                    reason=error.strerror,
                ) from None
            holder = describe_port_holder(port)
            raise PortInUse(
                f"port {port} is taken by {holder}",
                hint=f"Stop it, or choose another port with {option}",
            ) from None


def describe_port_holder(port: int) -> str:
    """The process that listens on `port`, as "name (pid 123)", as far as /proc tells."""
    inodes = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(_points_to(link, inodes) for link in (process / "fd").iterdir()):
                return f"{(process / 'comm').read_text().strip()} (pid {process.name})"
        except OSError:
            continue  # another user's process, or one that has just ended
    return "another process"


def _points_to(link: Path, targets: set[str]) -> bool:
    try:
        return str(link.readlink()) in targets
    except FileNotFoundError:
        return False  # closed since the folder was listed


def _listening_inodes(port: int) -> set[str]:
    """Inodes of the sockets that listen on `port` (columns of /proc/net/tcp: see proc(5))."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            columns = line.split()
            if columns[3] == _LISTEN and int(columns[1].rpartition(":")[2], 16) == port:
                found.add(columns[9])
    return found
