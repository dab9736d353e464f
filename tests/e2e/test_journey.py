"""What a user lives through: a first trade, and a page that outlives its server."""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

import httpx2
import pytest
import pytest_asyncio

from chaos.processes import Command
from db.embedded import EmbeddedServer
from programs.pump_instructions import Market, Token
from tests.e2e.running import Script, browser, free_ports, listening, ready
from tests.helpers.wallet import Wallet

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420), pytest.mark.asyncio(loop_scope="module")]

PURCHASE = 2_000_000_000_000


class Parts(NamedTuple):
    """Chain, indexer and API apart, so that one of them can be killed."""

    api: Command
    base: str
    wallet: Wallet
    market: Market


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def parts() -> AsyncIterator[Parts]:
    """Each in a process of its own, on a Postgres and ports of their own, with one token."""
    port, chain_port = free_ports(2)
    async with AsyncExitStack() as stack:
        # Not below pytest's folder: Postgres, which refuses to be root, is another user.
        data = stack.enter_context(tempfile.TemporaryDirectory(prefix="curvefeed-postgres-"))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="curvefeed-e2e-")))
        server = EmbeddedServer(Path(data))
        url = server.start()
        stack.callback(server.stop)
        env = {
            "LOCALNET_PORT": str(chain_port),
            "DATABASE_URL": url,
            "WEBSOCKET_PING_INTERVAL_S": "3",  # a sleeper is missed sooner
        }
        commands = {
            args[0]: Command(*args, env=env, log=folder / f"{args[0]}.log")
            for args in (("localnet",), ("index",), ("serve", "--port", str(port)))
        }
        for command in commands.values():
            stack.push_async_callback(command.stop)
            await command.start()
        base = f"http://127.0.0.1:{port}"
        await ready(base, commands["serve"])
        await listening(chain_port)
        wallet = await Wallet.funded(f"http://127.0.0.1:{chain_port}")
        stack.push_async_callback(wallet.close)
        market = await wallet.launch(Token("First Light", "LIGHT", "https://example.org/l.json"))
        yield Parts(commands["serve"], base, wallet, market)


async def trades(parts: Parts, count: int) -> list[str]:
    """Signatures of so many purchases of a little, all confirmed."""
    choice = random.Random(count)
    signatures = []
    for _ in range(count):
        amount = PURCHASE + choice.randrange(PURCHASE)
        signatures.append(
            await parts.wallet.send(await parts.wallet.purchase(parts.market, amount))
        )
        await parts.wallet.confirmed(signatures[-1])
    return signatures


async def deserted(base: str) -> None:
    """Wait until the hub has given up whoever was connected."""
    async with asyncio.timeout(120), httpx2.AsyncClient(base_url=base) as http:
        while True:
            if (await http.get("/api/v1/websocket/stats")).json()["connections"] == 0:
                return
            await asyncio.sleep(0.5)


async def test_a_newcomer_trades_without_a_wallet_of_his_own(parts: Parts) -> None:
    """A burner is connected, signs in, buys and sells; row, position and profit come by the feed,
    and no page on the way keeps anybody out."""
    await trades(parts, 3)
    async with browser("journey.mjs", parts.base, str(parts.market.mint)) as script:
        seen = await script.next()
    assert seen["bought"] != seen["sold"]
    assert int(seen["held"]) > 0
    assert int(seen["realized"]) != 0
    assert seen["marks"]["others"] > 0, "the creator has traded"
    assert seen["marks"]["mine"] == 1
    assert seen["faults"] == []


async def test_nothing_is_lost_on_the_screen(parts: Parts) -> None:
    """Trades made while a tab was hidden, the machine asleep, the network away or the server killed
    and restarted show up on the open page, and none that was shown leaves it."""
    made: list[str] = []

    async def answered(script: Script, step: str, count: int) -> None:
        assert await script.next() == {"at": step}
        if step == "down":
            await parts.api.kill()
        signatures = await trades(parts, count)
        made.extend(signatures)
        if step == "down":
            await parts.api.start()
            await ready(parts.base, parts.api)
        if step == "asleep":
            await deserted(parts.base)
        script.answer(signatures)

    async with browser("outage.mjs", parts.base, str(parts.market.mint)) as script:
        for step in ("watching", "hidden", "asleep", "offline", "down"):
            await answered(script, step, 2)
        seen = await script.next()
    assert seen["kept"]
    assert set(made) <= set(seen["rows"])
    assert set(made) <= set(seen["second"])
