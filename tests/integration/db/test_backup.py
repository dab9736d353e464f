"""Backup and restore: the database is set back, the chain fills what lacks, clients are told."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from chaos.processes import Command
from chaos.readings import stored_facts
from chaos.scenario import cancelled
from chaos.subscriber import Subscriber
from chaos.system import free_port
from chaos.truth import LedgerTruth
from chaos.verdict import Counts, judge
from db.embedded import EmbeddedServer, program
from localnet.node import Localnet
from localnet.traders import Traders
from tests.helpers.pg import PostgresForTests

_WAIT_S = 120
_BEFORE, _AFTER = 40, 40
_FAST = {"fsync": "off", "full_page_writes": "on", "shared_buffers": "32MB"}


async def until(is_so: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait for it. Fails when it takes too long."""
    try:
        async with asyncio.timeout(_WAIT_S):
            while not await is_so():  # noqa: ASYNC110 - what happens in a database is polled
                await asyncio.sleep(0.2)
    except TimeoutError:
        pytest.fail(f"waited in vain: {what}")


class World:
    """A chain, traders, one client; and the processes on whichever database it is."""

    def __init__(self, net: Localnet, folder: Path) -> None:
        self.net, self._folder = net, folder
        self._port = free_port()
        self.client = Subscriber([f"ws://127.0.0.1:{self._port}/api/v1/websocket/ws"], "global")

    def _env(self, url: str) -> dict[str, str]:
        return {
            "DATABASE_URL": url,
            "SOLANA_RPC_URL": self.net.rpc_url,
            "SOLANA_WS_URL": self.net.ws_url,
            "INDEXER_START_SLOT": "0",
            "RPC_REQUESTS_PER_SECOND": "1000",
            "WEBSOCKET_DRAIN_S": "0",
        }

    @asynccontextmanager
    async def running(self, url: str) -> AsyncIterator[None]:
        """Indexer and API on this database; both end with SIGTERM, in peace."""
        commands = [
            Command(*args, env=self._env(url), log=self._folder / f"{args[0]}.log")
            for args in (("serve", "--port", str(self._port), "--no-page"), ("index",))
        ]
        for command in commands:
            await command.start()
        try:
            yield
            assert [await command.stop() for command in reversed(commands)] == [0, 0]
        finally:
            for command in commands:
                await command.kill()

    async def run(self, url: str, *args: str) -> str:
        """One of our commands on this database; what it printed."""
        command = Command(*args, env=self._env(url), log=self._folder / f"{args[0]}.log")
        await command.start()
        assert await command.ended(_WAIT_S) == 0, command.output
        return command.output

    async def trade(self, events: int) -> None:
        """Until the client got so many more."""
        wanted = len(self.client.events) + events

        async def has_enough() -> bool:
            return len(self.client.events) >= wanted

        trading = asyncio.create_task(Traders(self.net.rpc_url, 1).run(30))
        try:
            await until(has_enough, "events at the client")
        finally:
            await cancelled(trading)

    async def differences(self, url: str) -> Counts:
        """What stands in the database against the chain's ledger."""
        connection = await asyncpg.connect(url)
        try:
            stored = await stored_facts(connection)
        finally:
            await connection.close()
        return judge(LedgerTruth(self.net.chain).facts(), (), stored)

    async def is_right(self, url: str) -> bool:
        """All of the chain, and nothing else."""
        return (await self.differences(url)).is_clean


@asynccontextmanager
async def a_world(folder: Path) -> AsyncIterator[World]:
    """A chain that runs, and a client that follows for ever."""
    async with Localnet(port=0, slot_ms=100) as net:
        world = World(net, folder)
        following = asyncio.create_task(world.client.run())
        try:
            yield world
        finally:
            await cancelled(following)


async def head(url: str) -> tuple[str, int]:
    """Epoch and seq of the feed."""
    connection = await asyncpg.connect(url)
    try:
        row = await connection.fetchrow("SELECT epoch, seq FROM feed_head")
    finally:
        await connection.close()
    assert row is not None
    return row["epoch"], row["seq"]


async def goes_on(world: World, url: str, was: tuple[str, int]) -> None:
    """On the database that was set back: another epoch, the client is told and given a snapshot,
    the indexer reads again what lacks, and new trades come through."""
    epoch, seq = await head(url)
    assert epoch != was[0]
    assert seq < was[1]
    before = len(world.client.holes)
    async with world.running(url):

        async def is_told() -> bool:
            return len(world.client.holes) > before and world.client.position is not None

        await until(is_told, "a snapshot at the client")
        assert world.client.holes[before].reason == "epoch"
        await until(lambda: world.is_right(url), "the chain's history in the database")
        await world.trade(_AFTER)
        await until(lambda: world.is_right(url), "new trades in the database")


@pytest.mark.timeout(600)
async def test_a_dump_is_restored(postgres: PostgresForTests, tmp_path: Path) -> None:
    """`backup` beside running processes, `restore` into an empty database: what the dump lacks
    comes from the chain, and clients with newer positions start afresh."""
    old, new = await postgres.create_empty(), await postgres.create_empty()
    file = tmp_path / "curvefeed.dump"
    async with a_world(tmp_path) as world:
        async with world.running(old):
            await world.trade(_BEFORE)
            await world.run(old, "backup", str(file))
            await world.trade(_AFTER)
            await until(lambda: world.is_right(old), "everything stored")
        was = await head(old)
        assert "the feed's epoch is" in await world.run(new, "restore", str(file))
        await goes_on(world, new, was)
    await postgres.drop(old)
    await postgres.drop(new)


async def test_restore_takes_nothing_away(postgres: PostgresForTests, tmp_path: Path) -> None:
    """Into a database that holds something nothing is restored, and a file is not written over."""
    url = await postgres.create()
    file = tmp_path / "kept"
    file.write_text("precious")
    env = {"DATABASE_URL": url, "PATH": os.environ["PATH"]}
    for args, said in ((("restore", str(file)), "not empty"), (("backup", str(file)), "a file")):
        command = Command(*args, env=env, log=tmp_path / f"{args[0]}.log")
        await command.start()
        assert await command.ended(_WAIT_S) == 1
        assert said in command.output
    assert file.read_text() == "precious"
    await postgres.drop(url)


def base_backup(server: EmbeddedServer, target: Path) -> None:
    """A copy of the running server's files, as the operator of a Postgres makes it."""
    name = program("pg_basebackup")
    assert name is not None
    subprocess.run(
        [name, "-h", str(server.socket_dir), "-U", "postgres", "-D", str(target), "-X", "stream",
         "-c", "fast"],
        check=True, capture_output=True,
    )  # fmt: skip


def recovered_to(target: Path, archive: Path, point: str) -> None:
    """Settings of a recovery to a point in time."""
    with (target / "postgresql.auto.conf").open("a") as settings:
        settings.write(
            f"restore_command = 'cp {archive}/%f %p'\nrecovery_target_name = '{point}'\n"
            "recovery_target_action = 'promote'\narchive_mode = 'off'\n"
        )
    (target / "recovery.signal").touch()
    for socket in target.glob(".s.PGSQL*"):  # the embedded server's lies in its folder
        socket.unlink()


def given_to(owner: Path, *folders: Path) -> None:
    """The server's user owns these, as it owns `owner`."""
    stat = owner.stat()
    for folder in folders:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, stat.st_uid, stat.st_gid, follow_symlinks=False)


@pytest.mark.timeout(600)
async def test_a_point_in_time_is_recovered(postgres_folder: Path, tmp_path: Path) -> None:
    """From a base backup and the archive of the log, to a named point; then `epoch`."""
    archive, restored = postgres_folder / "archive", postgres_folder / "restored"
    archive.mkdir()
    archive.chmod(0o777)
    server = EmbeddedServer(
        postgres_folder / "old",
        _FAST | {"archive_mode": "on", "archive_command": f"cp %p {archive}/%f"},
    )
    old = await asyncio.to_thread(server.start)
    data = postgres_folder / "old" / "postgres" / "data"
    recovered = EmbeddedServer(restored, _FAST)
    async with a_world(tmp_path) as world:
        try:
            async with world.running(old):
                await world.trade(_BEFORE)
                target = restored / "postgres" / "data"
                target.parent.mkdir(parents=True)
                await asyncio.to_thread(base_backup, server, target)
                await world.trade(_BEFORE)
                await _execute(old, "SELECT pg_create_restore_point('before_the_accident')")
                await world.trade(_AFTER)
                await until(lambda: world.is_right(old), "everything stored")
            was = await head(old)
        finally:
            await asyncio.to_thread(server.stop)  # the last of the log is archived
        recovered_to(target, archive, "before_the_accident")
        given_to(data, target, archive)
        new = await asyncio.to_thread(recovered.start)
        try:
            await until(lambda: _is_promoted(new), "the recovery's end")
            await world.run(new, "epoch")
            await goes_on(world, new, was)
        finally:
            await asyncio.to_thread(recovered.stop)
            shutil.rmtree(restored)


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _is_promoted(url: str) -> bool:
    connection = await asyncpg.connect(url)
    try:
        return not await connection.fetchval("SELECT pg_is_in_recovery()")
    finally:
        await connection.close()
