"""A rolling upgrade: the release before this one and this one on the same database."""

from __future__ import annotations

import asyncio
import io
import subprocess
import tarfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import httpx2
import pytest

from chaos.processes import ROOT, Command
from chaos.readings import stored_facts
from chaos.scenario import cancelled
from chaos.subscriber import Subscriber
from chaos.system import free_port
from chaos.truth import LedgerTruth
from chaos.verdict import judge
from db.feed import STATE_EVENTS
from localnet.node import Localnet
from localnet.traders import Traders
from tests.helpers.pg import PostgresForTests

_RELEASE_0_1_0 = "102363b47d9826e7914ed32cdd1ef5307016f297"
"""For clones without tags."""
_WAIT_S = 120
_EVENTS = 40


def git(*args: str) -> bytes | None:
    """What git says; None where it says no."""
    done = subprocess.run(["git", *args], cwd=ROOT, capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else None


@pytest.fixture
def previous(tmp_path: Path) -> Path:
    """A folder with the release before this version. Skips where the clone does not have it."""
    newest = git("describe", "--tags", "--abbrev=0", "--match", "v*", "HEAD^")
    commit = _RELEASE_0_1_0 if newest is None else newest.decode().strip()
    packed = git("archive", "--format=tar", commit)
    if packed is None:
        pytest.skip("the previous release is not in this clone: git fetch --tags --unshallow")
    folder = tmp_path / "previous"
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return folder


class Upgrade:
    """The chain, who trades on it, one client of both APIs."""

    def __init__(self, net: Localnet, url: str, folder: Path) -> None:
        self._net, self.url, self._folder = net, url, folder
        self.commands: list[Command] = []
        self.ports = free_port(), free_port()
        self.client = Subscriber(
            [f"ws://127.0.0.1:{port}/api/v1/websocket/ws" for port in self.ports], "global"
        )

    def command(self, name: str, *args: str, root: Path = ROOT) -> Command:
        """A process of either version."""
        env = {
            "DATABASE_URL": self.url,
            "SOLANA_RPC_URL": self._net.rpc_url,
            "SOLANA_WS_URL": self._net.ws_url,
            "INDEXER_START_SLOT": "0",
            "RPC_REQUESTS_PER_SECOND": "1000",
            "WEBSOCKET_DRAIN_S": "0",
        }
        self.commands.append(Command(*args, env=env, log=self._folder / f"{name}.log", root=root))
        return self.commands[-1]

    def serve(self, number: int, root: Path = ROOT) -> Command:
        """An API on one of the ports."""
        port = str(self.ports[number])
        return self.command(f"serve-{number}", "serve", "--port", port, "--no-page", root=root)

    async def more(self) -> None:
        """Wait until the client has more events."""
        wanted = len(self.client.events) + _EVENTS

        async def has_more() -> bool:
            return len(self.client.events) >= wanted

        await until(has_more, f"events ({self.client.connects} connections)")

    async def is_ready(self, number: int) -> bool:
        """Does this API say so?"""
        try:
            async with httpx2.AsyncClient() as http:
                answer = await http.get(f"http://127.0.0.1:{self.ports[number]}/readyz")
        except httpx2.HTTPError:
            return False
        return answer.status_code == 200

    async def is_right(self) -> bool:
        """Postgres has what the chain has, once."""
        connection = await asyncpg.connect(self.url)
        try:
            stored = await stored_facts(connection)
        finally:
            await connection.close()
        return judge(LedgerTruth(self._net.chain).facts(), (), stored).is_clean

    async def told(self) -> list[int]:
        """Seqs of all log events of the feed."""
        connection = await asyncpg.connect(self.url)
        try:
            rows = await connection.fetch(
                "SELECT seq FROM feed WHERE event <> ALL($1) ORDER BY seq", list(STATE_EVENTS)
            )
        finally:
            await connection.close()
        return [row["seq"] for row in rows]


async def until(is_so: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait for it. Fails when it takes too long."""
    try:
        async with asyncio.timeout(_WAIT_S):
            while not await is_so():  # noqa: ASYNC110 - what other processes do is polled
                await asyncio.sleep(0.2)
    except TimeoutError:
        pytest.fail(f"waited in vain: {what}")


@asynccontextmanager
async def under_load(url: str, folder: Path) -> AsyncIterator[Upgrade]:
    """A chain with traders, and a client, until the end."""
    async with Localnet(port=0, slot_ms=100) as net:
        upgrade = Upgrade(net, url, folder)
        tasks = [
            asyncio.create_task(upgrade.client.run()),
            asyncio.create_task(Traders(net.rpc_url, 1).run(20)),
        ]
        try:
            yield upgrade
            await cancelled(tasks.pop())
            await until(upgrade.is_right, "the chain's history in the database")
            last = (await upgrade.told())[-1]

            async def has_all() -> bool:
                return (upgrade.client.position or 0) >= last

            await until(has_all, "the last event at the client")
            for command in upgrade.commands[-2:]:
                assert await command.stop() == 0
        finally:
            for command in upgrade.commands:
                await command.kill()
            for task in tasks:
                await cancelled(task)


@pytest.mark.timeout(600)
async def test_versions_take_over_from_one_another(
    previous: Path, postgres: PostgresForTests, tmp_path: Path
) -> None:
    """The old version goes on working on the new schema; then the new one takes over, API first
    and indexer last: rows are the chain's, and a client that resumes gets every event once."""
    url = await postgres.create_empty()
    async with under_load(url, tmp_path) as upgrade:
        old_api = upgrade.serve(0, previous)
        old_index = upgrade.command("index-old", "index", root=previous)
        await old_api.start()
        await until(lambda: upgrade.is_ready(0), "the old API")
        await old_index.start()
        await upgrade.more()
        migrating = upgrade.command("migrate", "migrate")
        await migrating.start()
        assert await migrating.ended(_WAIT_S) == 0, migrating.output
        await upgrade.more()
        await upgrade.command("index-new", "index").start()
        await upgrade.serve(1).start()
        await until(lambda: upgrade.is_ready(1), "the new API")
        assert await old_api.stop() == 0
        await upgrade.more()
        assert await old_index.stop() == 0
        await upgrade.more()
    first, *others = upgrade.client.holes
    assert not others
    told = [seq for seq in await upgrade.told() if seq > first.to]
    assert [event.seq for event in upgrade.client.events] == told
    await postgres.drop(url)
