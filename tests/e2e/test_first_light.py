"""From a signed transaction to the pixels: what a newcomer does with `./run`."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest
import pytest_asyncio

from chaos.processes import ROOT, Command
from frontend.build import build_page
from frontend.weigh import PAGES, scripts_bytes
from programs.pump_instructions import Market, Token
from tests.e2e.running import browser, free_ports, ready
from tests.helpers.wallet import Wallet

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420), pytest.mark.asyncio(loop_scope="module")]

PICTURE = ROOT / "docs" / "trade.png"
BUY = 25_000_000_000_000
HISTORY = 36


class Running(NamedTuple):
    """`./run` as a process, and where it listens."""

    command: Command
    base: str
    rpc_url: str
    data_dir: Path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running() -> AsyncIterator[Running]:
    """Everything `./run` starts, on ports and a data folder of its own, ready."""
    port, chain_port = free_ports(2)
    env = {"LOCALNET_PORT": str(chain_port)}
    # Not below pytest's folder: Postgres, which refuses to be root, is another user.
    prefix = "curvefeed-e2e-"
    with (
        tempfile.TemporaryDirectory(prefix=prefix) as folder,
        tempfile.TemporaryDirectory(prefix=prefix) as data,
    ):
        data_dir = Path(data)
        args = ("--port", str(port), "--data-dir", str(data_dir), "--trades-per-second", "12")
        command = Command("up", *args, env=env, log=Path(folder) / "run.log")
        await command.start()
        try:
            base = f"http://127.0.0.1:{port}"
            await ready(base, command)
            yield Running(command, base, f"http://127.0.0.1:{chain_port}", data_dir)
        finally:
            await command.stop()


async def some_history(wallet: Wallet, market: Market) -> None:
    """Trades of a few kinds, so that the picture has something to show."""
    choice = random.Random(3)
    held = 0
    for _ in range(HISTORY):
        amount = int(choice.lognormvariate(2.4, 0.8) * 10**12)
        is_buy = held < amount or choice.random() < 0.62
        trade = await (wallet.purchase if is_buy else wallet.sale)(market, amount)
        held += amount if is_buy else -amount
        await wallet.confirmed(await wallet.send(trade))


async def test_a_signed_trade_appears_in_the_browser(running: Running, tmp_path: Path) -> None:
    """A trade signed and sent to the localnet shows up, live, on the token's open page; the first
    ones are there when they are asked for."""
    wallet = await Wallet.funded(running.rpc_url)
    market = await wallet.launch(Token("First Light", "LIGHT", "https://example.org/light.json"))
    await some_history(wallet, market)
    picture = tmp_path / "trade.png"
    async with browser("trade.mjs", running.base, str(market.mint), str(picture)) as script:
        assert await script.next() == {"at": "watching"}
        signature = await wallet.send(await wallet.purchase(market, BUY))
        script.answer(signature)
        seen = await script.next()
    await wallet.close()
    assert (seen["signature"], seen["side"]) == (signature, "buy")
    assert seen["rows"][0] < HISTORY < seen["rows"][1]
    if os.environ.get("CURVEFEED_UPDATE_PICTURE"):
        shutil.copy(picture, PICTURE)


async def test_the_first_page_lives(running: Running, tmp_path: Path) -> None:
    """The first page lists tokens of the demo traders, finds them by name, and a trade arrives
    while it is open."""
    async with browser("home.mjs", running.base, str(tmp_path / "home.png")) as script:
        assert (await script.next())["found"] >= 1


async def test_pages_are_light() -> None:
    """No page loads more than 130 KiB of scripts before it lives."""
    page = await build_page(for_localnet=True)
    sizes = {html: scripts_bytes(page, html) for html in PAGES}
    assert {html: size for html, size in sizes.items() if size > 130 * 1024} == {}
    assert min(sizes.values()) > 50 * 1024, "scripts were not found in the HTML"


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
