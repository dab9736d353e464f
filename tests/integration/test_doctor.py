"""`./run doctor`: what it says of a real database and a real node, and of what is wrong."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from aiohttp import ClientSession, web

from chaos.processes import Command
from chaos.system import free_port
from localnet.node import Localnet
from localnet.traders import Traders
from tests.helpers.pg import PostgresForTests

_WAIT_S = 120


def two_ports() -> int:
    """A free one before a free one: the localnet takes both."""
    while True:
        port = free_port()
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port + 1))
            return port


async def said(tmp_path: Path, **env: str) -> tuple[int, str]:
    """Exit status and output of `doctor` with these settings."""
    command = Command(
        "doctor",
        env={"WEBSOCKET_PORT": str(free_port()), "LOCALNET_PORT": str(two_ports()), **env},
        log=tmp_path / "doctor.log",
    )
    await command.start()
    return await command.ended(_WAIT_S), command.output


@asynccontextmanager
async def refusing(node: str) -> AsyncIterator[int]:
    """Port of a provider that gives no blocks, and passes every other call on."""

    async def answer(request: web.Request) -> web.Response:
        body = await request.json()
        error = {"code": -32601, "message": "Method not found"}
        if body["method"] in ("getBlock", "getBlocks"):
            return web.json_response({"jsonrpc": "2.0", "id": body["id"], "error": error})
        async with ClientSession() as http, http.post(node, json=body) as passed:
            return web.json_response(await passed.json())

    app = web.Application()
    app.router.add_post("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield port
    finally:
        await runner.cleanup()


async def test_a_whole_installation_is_well(postgres: PostgresForTests, tmp_path: Path) -> None:
    """Versions, migrations, methods, limits, lag, clocks and ports are told; the exit status is
    0, and no password is shown."""
    url = await postgres.create()
    async with Localnet(port=0, slot_ms=100) as net:
        await Traders(net.rpc_url).play(5)
        rpc_url = f"{net.rpc_url}/?api-key=s3cret"
        status, text = await said(
            tmp_path, DATABASE_URL=url, SOLANA_RPC_URL=rpc_url, SOLANA_WS_URL=net.ws_url
        )
    assert status == 0, text
    for words in (
        "migrations applied", "clock differs by", "endpoint 1: version", "newest block",
        "first notification after", "answers in", "feed at", "free", "DATABASE_URL=***",
    ):  # fmt: skip
        assert words in text, words
    assert "s3cret" not in text
    await postgres.drop(url)


async def test_nothing_is_changed(postgres: PostgresForTests, tmp_path: Path) -> None:
    """An empty database stays empty: what is pending is only said."""
    url = await postgres.create_empty()
    status, text = await said(tmp_path, DATABASE_URL=url)
    assert status == 0, text
    assert "pending: ./run migrate applies them" in text
    assert "0 of" in (await said(tmp_path, DATABASE_URL=url))[1]
    await postgres.drop(url)


async def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    """A node that lacks a method and one that is away, a database that is away, a port that is
    taken: each is named with what to do, and the exit status is 1."""
    async with Localnet(port=0, slot_ms=100) as net, refusing(net.rpc_url) as port:
        status, text = await said(
            tmp_path,
            DATABASE_URL=f"postgresql://me:hunter2@127.0.0.1:{free_port()}/none",
            SOLANA_RPC_URL=f"http://127.0.0.1:{port}/,http://127.0.0.1:{free_port()}",
            SOLANA_WS_URL=f"{net.ws_url},{net.ws_url}",
            WEBSOCKET_PORT=str(port),
        )
    assert status == 1
    for words in (
        "getBlocks and getBlock", "the node does not answer", "correct DATABASE_URL",
        f"port {port} is taken by",
    ):  # fmt: skip
        assert words in text, text
    assert "hunter2" not in text


@pytest.mark.parametrize("host", ["nonsense.invalid", "192.0.2.1"])
async def test_an_address_that_is_not_this_machines(host: str, tmp_path: Path) -> None:
    """Is refused in one line that names the setting."""
    command = Command(
        "serve", "--no-page", env={"WEBSOCKET_HOST": host}, log=tmp_path / "serve.log"
    )
    await command.start()
    assert await command.ended(_WAIT_S) == 1
    assert "Set WEBSOCKET_HOST to an address of this machine" in command.output
    assert "Traceback" not in command.output
