"""web3.js, kit and pump's own SDK, as they are on npm, work with our node and our program."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from localnet.node import Localnet
from localnet.npm import node_binary
from tests.helpers.npm import npm_folder

SCRIPTS = Path(__file__).parent / "javascript"
SLOT_MS = 20


async def run_script(name: str, net: Localnet) -> Any:
    """What the script prints; its last words fail the test."""
    folder = await npm_folder(SCRIPTS)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        node_binary(), name, net.rpc_url, net.ws_url, cwd=folder, stdout=pipe, stderr=pipe
    )
    try:
        async with asyncio.timeout(60):
            output, words = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, words.decode()
    return json.loads(output)


@pytest.mark.timeout(300)
async def test_web3js_and_the_official_pump_sdk() -> None:
    """Its transactions land, its quotes are exact to the lamport, its decoders read our events."""
    async with Localnet(slot_ms=SLOT_MS) as net:
        seen = await run_script("web3.cjs", net)
    buy = "buy 1000000000000"
    assert sorted(seen["logged"]) == [buy, buy, "create Tulip", "sell 500000000000"]
    assert "Error Number: 6002" in seen["refusal"], "one lamport below the quote is refused"
    assert seen["accountChanges"] == 4
    assert seen["blockTransactions"] >= 1
    assert seen["innerGroups"] == 1
    assert seen["held"] == ["1500000000000"]
    assert seen["balance"] == "1500000"
    assert (seen["history"], seen["curves"]) == (4, 1)


@pytest.mark.timeout(300)
async def test_kit() -> None:
    """kit airdrops, sends, confirms and subscribes, and understands our errors."""
    async with Localnet(slot_ms=SLOT_MS) as net:
        seen = await run_script("kit.mjs", net)
    assert seen["version"] == 0
    assert seen["fee"] == 5_000
    assert seen["status"] in ("confirmed", "finalized")
    assert seen["loggedSame"]
    assert seen["slotHasParent"]
    assert seen["lamports"] == 10**9
    assert seen["rentEpoch"] == str(2**64 - 1)
    assert seen["slotsInEpoch"] == 432_000
    assert "maxSupportedTransactionVersion" in seen["withoutVersion"]
    assert "1000000000" in seen["futureBlock"]
