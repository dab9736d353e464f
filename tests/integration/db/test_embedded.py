"""The embedded server: starts anywhere, survives crashes, leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from common.errors import GiveUp
from db.embedded import EmbeddedServer, embedded_postgres

_HOLDER = """
import sys, time
from pathlib import Path
from common.logging import configure_logging
configure_logging("error", "json")
from db.embedded import EmbeddedServer
server = EmbeddedServer(Path(sys.argv[1]))
print(server.start(), flush=True)
time.sleep(600)
"""


@pytest.fixture
def folder(postgres_folder: Path) -> Iterator[Path]:
    yield postgres_folder
    for process in _servers_on(postgres_folder):
        process.kill()


def _servers_on(folder: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and str(folder) in " ".join(
                process.cmdline()
            ):
                found.append(process)
        except psutil.Error:
            continue
    return [process for process in found if process.name().startswith("postgres")]


def _holder(folder: Path) -> tuple[subprocess.Popen[str], str]:
    """Another process that uses the server of `folder`, and the URL it got."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


async def _one(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval("SELECT 1"))
    finally:
        await connection.close()


async def test_data_survives_and_the_server_does_not(folder: Path) -> None:
    """After the context no server runs; the next start finds the data."""
    async with embedded_postgres(folder) as url:
        connection = await asyncpg.connect(url)
        await connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        await connection.close()
    assert _servers_on(folder) == []
    async with embedded_postgres(folder) as url:
        connection = await asyncpg.connect(url)
        assert await connection.fetchval("SELECT answer FROM kept") == 42
        await connection.close()
    assert _servers_on(folder) == []


async def test_the_last_user_stops_it(folder: Path) -> None:
    """While another process uses the server, leaving it does not stop it."""
    other, url = _holder(folder)
    async with embedded_postgres(folder) as same_url:
        assert same_url == url
    assert await _one(url) == 1
    other.kill()
    other.communicate()


async def test_kill_9_of_a_user_is_forgotten_at_the_next_start(folder: Path) -> None:
    """A process that died without a word does not keep the server up after the next one leaves."""
    dead, _ = _holder(folder)
    dead.send_signal(signal.SIGKILL)
    dead.communicate()
    async with embedded_postgres(folder) as url:
        assert await _one(url) == 1
    assert _servers_on(folder) == []


async def test_a_stale_pid_file_whose_number_lives_is_seen_through(folder: Path) -> None:
    """After a crash of the machine the number in postmaster.pid may be anybody's."""
    async with embedded_postgres(folder):
        pid_file = folder / "postgres" / "data" / "postmaster.pid"
        saved = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *saved[1:]]) + "\n")
    async with embedded_postgres(folder) as url:
        assert await _one(url) == 1


async def test_an_initdb_that_was_killed_is_done_again(folder: Path) -> None:
    """A folder left half made is made anew."""
    half = folder / "postgres" / "data"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    async with embedded_postgres(folder) as url:
        assert await _one(url) == 1


async def test_a_long_path_still_gets_a_socket(folder: Path) -> None:
    """A folder whose path is longer than a Unix socket's may be works."""
    deep = folder / ("x" * 60) / ("y" * 60)
    async with embedded_postgres(deep) as url:
        assert await _one(url) == 1
    assert _servers_on(deep) == []
    assert not EmbeddedServer(deep).socket_dir.exists()


def test_a_socket_folder_of_somebody_else_is_not_used(folder: Path) -> None:
    """Who could make that folder first could listen in: it is refused, and said which it is."""
    server = EmbeddedServer(folder / ("x" * 120))
    server.socket_dir.symlink_to(folder)
    try:
        with pytest.raises(GiveUp, match=server.socket_dir.name):
            server.start()
    finally:
        server.socket_dir.unlink()


async def test_it_listens_on_no_network_port(folder: Path) -> None:
    """Nobody reaches the embedded server over a network."""
    async with embedded_postgres(folder) as url:
        connection = await asyncpg.connect(url)
        assert await connection.fetchval("SHOW listen_addresses") == ""
        await connection.close()
