"""Programs of Debian's, unpacked below .cache unless the system has them: installing them would
start services.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from chaos.processes import ROOT

DEBIAN = ROOT / ".cache" / "debian"
DEBIAN_BIN = (DEBIAN / "usr" / "bin", DEBIAN / "usr" / "sbin")


def find_program(name: str) -> str | None:
    """The unpacked one or the system's; None: there is none."""
    return shutil.which(name, path=os.pathsep.join([*map(str, DEBIAN_BIN), os.environ["PATH"]]))


def unpack(name: str, package: str) -> str:
    """Get a program out of its package unless there is one; why there is none, else empty."""
    if find_program(name):
        return ""
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        return f"this system has no apt-get: install {name} yourself"
    print(f"· unpacking {name} from the system's packages", flush=True)  # noqa: T201 - for ./run
    DEBIAN.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)  # apt-get downloads as a user of its own
        if apt_get("download", package, cwd=folder) and os.geteuid() == 0:
            apt_get("update")
            apt_get("download", package, cwd=folder)
        for archive in Path(folder).glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", archive, DEBIAN], check=False)  # noqa: S603, S607
    return (
        "" if find_program(name) else f"apt-get download {package} brought none: is the network up?"
    )


def apt_get(*args: str, cwd: str | None = None) -> int:
    """Its exit status."""
    return subprocess.run(  # noqa: S603
        ["apt-get", "-q", *args],  # noqa: S607
        cwd=cwd,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
    ).returncode
