"""Who holds a TCP port, so that "address in use" can name its way out."""

from __future__ import annotations

import contextlib
from pathlib import Path

from common.errors import PortInUse

_LISTEN = "0A"
_PROC = Path("/proc")


def port_in_use(port: int, setting: str) -> PortInUse:
    """The error for a port that is taken; `setting` is what the user changes to take another."""
    holder = describe_port_holder(port)
    hint = f"Stop that process, or choose another port with {setting}"
    return PortInUse(f"port {port} is taken by {holder}", hint=hint)


def describe_port_holder(port: int) -> str:
    """`name (pid N)` of the process that listens on `port`, as far as this user may see (Linux)."""
    inodes = _listening_inodes(port)
    for process in sorted(_PROC.glob("[0-9]*")) if inodes else ():
        with contextlib.suppress(OSError):
            if inodes.intersection(_sockets(process)):
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
                return f"`{command[:80]}` (pid {process.name})"
    return "another process"


def _listening_inodes(port: int) -> set[str]:
    found = set[str]()
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in (_PROC / "net" / table).read_text().splitlines()[1:]:
                columns = line.split()
                local, state, inode = columns[1], columns[3], columns[9]
                if state == _LISTEN and int(local.rsplit(":", 1)[1], 16) == port:
                    found.add(inode)
    return found


def _sockets(process: Path) -> set[str]:
    names = set[str]()
    for descriptor in (process / "fd").iterdir():
        with contextlib.suppress(OSError):
            target = str(descriptor.readlink())
            if target.startswith("socket:["):
                names.add(target[8:-1])
    return names
