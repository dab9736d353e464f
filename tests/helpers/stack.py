"""What docker-compose.yml describes, without an engine: the same commands, environments, secrets
and health checks as processes of this machine.

What differs is written here and nowhere else: Postgres is the embedded one instead of the image's,
with the file's own `-c` settings; addresses of containers become ports of 127.0.0.1; there is one
user for all, without capabilities. Where the system lets us, each process sees a read-only file
system with an empty /tmp, as in its container.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import psutil
import yaml

from chaos.unpacked import find_program
from db.embedded import EmbeddedServer
from tests.e2e.running import free_ports
from tests.helpers.compose_file import ROOT, ComposeFile, seconds

BIN = Path(sys.executable).parent
_READY_S = 240
_PREFIX = "stack-"
_CONTAINER = """
mount --make-rprivate / || exit 97
while read -r _ folder _; do
    mount -o remount,bind,ro "$folder" 2>/dev/null
done < /proc/self/mounts
mount --bind "$TREE" /mnt && mount -t tmpfs tmpfs /tmp || exit 97
mkdir -p "$TREE" && mount -n --move /mnt "$TREE" && cd "$TREE" || exit 97  # it may lie below /tmp
unset TREE
exec setpriv --bounding-set -all --inh-caps -all --no-new-privs --pdeathsig KILL -- "$@"
"""
_INHERITED = ("PATH", "LANG")


class TcpPostgres(EmbeddedServer):
    """The embedded server at a port of 127.0.0.1 too, where passwords count."""

    def __init__(self, folder: Path, options: Mapping[str, str], port: int) -> None:
        self._port = port
        folder.mkdir()
        rules = folder / "hba.conf"
        rules.write_text("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
        super().__init__(
            folder,
            {
                **options,
                "listen_addresses": "127.0.0.1",
                "port": str(port),
                "hba_file": str(rules),
            },
        )

    @property
    def programs(self) -> Path:
        """Where psql and its like are."""
        return self._bin

    def url(self, database: str = "curvefeed") -> str:
        """See EmbeddedServer."""
        return f"{super().url(database)}&port={self._port}"


class Container:
    """One process in the place of one container."""

    def __init__(self, name: str, args: list[str], env: dict[str, str], folder: Path) -> None:
        self.name = name
        self._args, self._env = args, env
        self.log = folder / f"{name}.log"
        self._said = folder / f"{name}.out"
        self.process: asyncio.subprocess.Process | None = None

    async def start(self, *, is_boxed: bool) -> None:
        """Start it; its standard error goes to `log`."""
        box = ["unshare", "--mount", "sh", "-c", _CONTAINER, "sh"] if is_boxed else []
        with self.log.open("ab") as log, self._said.open("ab") as said:
            self.process = await asyncio.create_subprocess_exec(
                *box, *self._args, cwd=ROOT, env={**self._env, "TREE": str(ROOT)},
                stdin=asyncio.subprocess.DEVNULL, stdout=said, stderr=log,
            )  # fmt: skip

    @property
    def output(self) -> str:
        """All it printed, to people and to the log."""
        return "".join(
            file.read_text(errors="replace") for file in (self._said, self.log) if file.exists()
        )

    @property
    def logged(self) -> list[str]:
        """The lines of its log."""
        return self.log.read_text().splitlines() if self.log.exists() else []

    @property
    def pid(self) -> int:
        """Of its process; 0 before it was started."""
        return self.process.pid if self.process is not None else 0

    @property
    def is_running(self) -> bool:
        """Started and not ended."""
        return self.process is not None and self.process.returncode is None

    async def kill(self) -> None:
        """kill -9."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    async def stop(self, within_s: float) -> int:
        """SIGTERM as `docker stop` does; its exit status. Raises TimeoutError after `within_s`."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.terminate()
        return await asyncio.wait_for(self.process.wait(), within_s)


class Stack:
    """The services named, running. `ports`: (service, replica, container's port) → ours."""

    def __init__(self, compose: ComposeFile, names: set[str], folder: Path) -> None:
        self.compose, self.names, self.folder = compose, names, folder
        self.secrets = folder / "secrets"
        self.ports: dict[tuple[str, int, int], int] = {}
        self.containers: dict[str, list[Container]] = {}
        self.is_boxed = is_boxing_possible()
        self._postgres: TcpPostgres | None = None

    def port(self, service: str, port: int, replica: int = 0) -> int:
        """Where that port of that container is on this machine."""
        key = service, replica, port
        if key not in self.ports:
            first = next(
                port for port in iter(lambda: free_ports(1)[0], None) if self._is_new(port)
            )
            self.ports[key] = first
            if (service, port) == ("localnet", 8899):
                self.ports[service, replica, 8900] = first + 1
        return self.ports[key]

    def _is_new(self, port: int) -> bool:
        return not {port, port + 1} & set(self.ports.values())

    async def start(self) -> None:
        """Everything, each service after those it depends on, as soon as they are healthy."""
        assert await _run(["sh", str(ROOT / "deploy" / "secrets.sh"), str(self.secrets)]) == 0
        self._point_secrets_at_us()
        if "prometheus" in self.names:
            self._point_prometheus_at_us()
        for name in self.compose.in_order(self.names):
            for other, state in self.compose.services[name].get("depends_on", {}).items():
                if other in self.names and state["condition"] == "service_healthy":
                    await self.healthy(other)
            await self._start(name)
        for name in self.names:
            await self.healthy(name)

    async def _start(self, name: str) -> None:
        if name == "postgres":
            await self._start_postgres()
            return
        self.containers[name] = [
            Container(f"{name}-{replica}", self._args(name), self._env(name, replica), self.folder)
            for replica in range(self.compose.replicas(name))
        ]
        for each in self.containers[name]:
            await each.start(is_boxed=self.is_boxed)
        if self.compose.services[name].get("restart") == "no":
            for each in self.containers[name]:
                assert each.process is not None
                assert await asyncio.wait_for(each.process.wait(), _READY_S) == 0, each.output

    async def _start_postgres(self) -> None:
        """The image makes user and database of its environment, with the secret's password."""
        words = self.compose.command("postgres")
        assert words[0] == "postgres"
        options = dict(word.removeprefix("-c").split("=", 1) for word in words[1:])
        self._postgres = TcpPostgres(self.folder / "postgres", options, self.port("postgres", 5432))
        await asyncio.to_thread(self._postgres.start)
        env = self.compose.environment("postgres")
        password = self.secret(env["POSTGRES_PASSWORD_FILE"])
        connection = await asyncpg.connect(self._postgres.url())
        try:
            await connection.execute(
                f"CREATE ROLE {env['POSTGRES_USER']} SUPERUSER LOGIN PASSWORD '{password}'"
            )
            await connection.execute(
                f"ALTER DATABASE {env['POSTGRES_DB']} OWNER TO {env['POSTGRES_USER']}"
            )
        finally:
            await connection.close()

    @property
    def database_url(self) -> str:
        """Of the user that the services are."""
        return self.secret("/run/secrets/database_url")

    def secret(self, path: str) -> str:
        """What a container finds at this path."""
        return Path(self.translated(path)).read_text().strip()

    def _args(self, name: str) -> list[str]:
        """The image's entrypoint and the file's command, as programs of this machine."""
        command = self.compose.command(name)
        if "build" in self.compose.services[name]:
            return [sys.executable, str(ROOT / "main.py"), *command]
        program = {"proxy": str(BIN / "caddy"), "prometheus": find_program("prometheus") or ""}
        words = command[1:] if name == "proxy" else command
        args = [program[name], *(self.translated(word) for word in words)]
        if name == "prometheus":
            args.append(f"--web.listen-address=127.0.0.1:{self.port('prometheus', 9090)}")
        return args

    def _env(self, name: str, replica: int) -> dict[str, str]:
        kept = {key: os.environ[key] for key in _INHERITED if key in os.environ}
        env = {key: self.translated(value) for key, value in self.compose.environment(name).items()}
        for key, port in (("WEBSOCKET_PORT", 8001), ("METRICS_PORT", 9101)):
            if key in env:
                env[key] = str(self.port(name, port, replica))
        if "LOCALNET_HOST" in env:
            env["LOCALNET_PORT"] = str(self.port("localnet", 8899))
        if name == "proxy":
            env["API_UPSTREAMS"] = " ".join(
                f"127.0.0.1:{self.port('api', 8001, each)}"
                for each in range(self.compose.replicas("api"))
            )
            env |= {
                "HTTP_PORT": str(self.port(name, 8080)),
                "HTTPS_PORT": str(self.port(name, 8443)),
                "HEALTH_PORT": str(self.port(name, 2020)),
            }
        return kept | image_environment() | env

    def translated(self, text: str) -> str:
        """A value of the file, with this machine's paths and addresses."""
        text = text.replace("/run/secrets/", f"{self.secrets}/")
        text = re.sub(
            r"^(/etc/caddy|/etc/prometheus)/", lambda at: f"{self._mounted(at[1])}/", text
        )
        text = re.sub(r"=(/etc/prometheus)/", lambda at: f"={self._mounted(at[1])}/", text)
        text = re.sub(r"^/data$|(?<==)/prometheus$", f"/tmp/{self.folder.name}", text)  # noqa: S108
        text = re.sub(r"^(localnet|postgres)$|^0\.0\.0\.0$|^172\.30\.83\.2$", "127.0.0.1", text)
        return re.sub(r"^:8080$", f"http://127.0.0.1:{self.port('proxy', 8080)}", text)

    def _mounted(self, folder: str) -> Path:
        """Where the file mounts this folder from; a copy of the test's own goes before."""
        own = self.folder / Path(folder).name
        return own if own.exists() else ROOT / "deploy" / Path(folder).name

    def _point_secrets_at_us(self) -> None:
        url = self.secrets / "database_url"
        here = f"@127.0.0.1:{self.port('postgres', 5432)}/"
        assert "@postgres:5432/" in url.read_text()
        url.write_text(url.read_text().replace("@postgres:5432/", here))

    def _point_prometheus_at_us(self) -> None:
        """The deployed configuration; ports in the place of names, and a scrape every second."""
        deployed, own = ROOT / "deploy" / "prometheus", self.folder / "prometheus"
        own.mkdir()
        shutil.copy(deployed / "rules.yml", own)
        config = yaml.safe_load((deployed / "prometheus.yml").read_text())
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        for job in config["scrape_configs"]:
            (names,) = job.pop("dns_sd_configs")
            targets = [
                f"127.0.0.1:{self.port(name, names['port'], replica)}"
                for name in set(names["names"]) & self.names
                for replica in range(self.compose.replicas(name))
            ]
            job["static_configs"] = [{"targets": targets}]
        (own / "prometheus.yml").write_text(yaml.safe_dump(config))

    async def healthy(self, name: str) -> None:
        """Wait until the file's health check passes for every container of this service."""
        if "healthcheck" not in self.compose.services[name]:
            return
        for replica in range(self.compose.replicas(name)):
            args = self._check(name, replica)
            deadline = time.monotonic() + _READY_S
            while (done := await _run(args)) != 0:
                running = [each for each in self.containers.get(name, []) if not each.is_running]
                assert not running, f"{name} ended:\n{running[0].output}"
                assert time.monotonic() < deadline, f"{name} is not healthy: {args} gives {done}"
                await asyncio.sleep(0.2)

    def _check(self, name: str, replica: int) -> list[str]:
        """Its health check as a command of this machine."""
        spec = self.compose.services[name]["healthcheck"]
        kind, *words = spec["test"]
        assert seconds(spec["interval"]) and seconds(spec["timeout"])
        if kind == "CMD-SHELL":
            assert words[0].split()[0] == "pg_isready"
            assert self._postgres is not None
            there = ["-h", "127.0.0.1", "-p", str(self.port("postgres", 5432))]
            return [str(self._postgres.programs / "pg_isready"), *words[0].split()[1:], *there]
        text = " ".join(words)
        port = int(re.findall(r"127\.0\.0\.1:(\d+)", text)[0])
        here = text.replace(f":{port}", f":{self.port(name, port, replica)}")
        if words[0] == "python":
            code = here.partition("-c ")[2]
        else:
            assert words[0] == "wget"
            code = f"import urllib.request as r; r.urlopen('{here.rpartition(' ')[2]}')"
        return [sys.executable, "-c", code]

    async def once(self, name: str, *command: str, **environment: str) -> tuple[int, str]:
        """Another command in a container like this service's: its exit status and output."""
        args = [sys.executable, str(ROOT / "main.py"), *command]
        env = {key: value for key, value in self._env(name, 0).items() if key != "METRICS_PORT"}
        env |= environment
        container = Container(f"{name}-{command[0]}", args, env, self.folder)
        await container.start(is_boxed=self.is_boxed)
        assert container.process is not None
        return await asyncio.wait_for(container.process.wait(), _READY_S), container.output

    async def close(self) -> None:
        """Stop what still runs, and remove the folder."""
        everything = [each for all_of_it in self.containers.values() for each in all_of_it]
        await asyncio.gather(*(each.kill() for each in everything))
        if self._postgres is not None:
            await asyncio.to_thread(self._postgres.stop)
        shutil.rmtree(self.folder, ignore_errors=True)


def image_environment() -> dict[str, str]:
    """What the image says, but for the path of its own Python."""
    text = (ROOT / "Dockerfile").read_text().rpartition("\nFROM ")[2].replace("\\\n", " ")
    said = " ".join(re.findall(r"^ENV (.*)$", text, re.MULTILINE))
    return {name: value for name, value in re.findall(r"(\w+)=(\S+)", said) if name != "PATH"}


def reap(cache: Path, surely_over_s: float = 1800) -> None:
    """End the servers of test processes that were killed, and remove their folders. All else of
    theirs has ended with them.
    """
    for folder in cache.glob(f"{_PREFIX}*"):
        if time.time() - folder.stat().st_mtime < surely_over_s:
            continue
        with contextlib.suppress(OSError, ValueError, IndexError, psutil.Error):
            data = folder / "postgres" / "postgres" / "data"
            server = psutil.Process(int((data / "postmaster.pid").read_text().splitlines()[0]))
            if str(data) in server.cmdline():
                server.send_signal(signal.SIGINT)  # a fast shutdown
                server.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def running(names: set[str], **variables: str) -> AsyncIterator[Stack]:
    """These services of docker-compose.yml, healthy."""
    cache = ROOT / ".cache"
    cache.mkdir(exist_ok=True)
    reap(cache)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=cache))
    stack = Stack(ComposeFile(variables), names, folder)
    stack.folder.chmod(0o755)
    try:
        await stack.start()
        yield stack
    finally:
        await stack.close()


async def _run(args: list[str]) -> int:
    process = await asyncio.create_subprocess_exec(
        *args, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    return await process.wait()


def is_boxing_possible() -> bool:
    """May we have a mount namespace of our own?"""
    with contextlib.suppress(OSError):
        probe = ["unshare", "--mount", "sh", "-c", _CONTAINER, "sh", "true"]
        tree = {"PATH": os.environ["PATH"], "TREE": str(ROOT)}
        return subprocess.run(probe, env=tree, capture_output=True, check=False).returncode == 0
    return False
