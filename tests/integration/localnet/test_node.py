"""The node as a whole: ports, clock, stopping and starting again."""

from __future__ import annotations

import asyncio
import os
import socket

import httpx2
import pytest

from common.errors import PortInUse
from localnet.node import Localnet, NodeOptions, first_slot_now, run_localnet
from tests.conftest import SettingsFactory
from tests.helpers.chain_user import ChainUser
from tests.helpers.raw_rpc import RawPubSub, RawRpc


async def free_port() -> int:
    """A port that is free, and so is the next."""
    async with Localnet() as net:
        return net.port


async def test_port_0_takes_a_free_pair() -> None:
    """Several nodes live side by side, PubSub always one above JSON-RPC."""
    async with Localnet() as one, Localnet() as two:
        assert len({one.port, one.port + 1, two.port, two.port + 1}) == 4
        assert one.ws_url == f"ws://127.0.0.1:{one.port + 1}"
        async with RawRpc(two.rpc_url) as rpc:
            assert await rpc("getGenesisHash") == str(two.chain.genesis_hash)


@pytest.mark.parametrize("taken", [0, 1])
async def test_a_busy_port_is_named_with_its_holder(taken: int) -> None:
    """PortInUse says which of the two ports, who holds it, and how to choose another."""
    port = await free_port()
    with socket.socket() as held:
        held.bind(("127.0.0.1", port + taken))
        held.listen()
        with pytest.raises(PortInUse) as refused:
            async with Localnet(port):
                pass
    text = str(refused.value)
    assert str(port + taken) in text
    assert f"pid {os.getpid()}" in text
    assert "LOCALNET_PORT" in text


async def test_a_node_can_be_stopped_and_started_again() -> None:
    """While it is down nothing answers; afterwards it is the same chain on the same port."""
    async with Localnet(confirm_after=0) as net:
        landed = ChainUser(net.chain).launch()
        url = net.rpc_url
        async with RawPubSub(net.ws_url) as pubsub:
            await pubsub.subscribe("slot")
            await net.down()
            await pubsub.socket.wait_closed()
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", net.port), timeout=1)
        await net.up()
        assert net.rpc_url == url
        async with RawRpc(url) as rpc:
            config = {"commitment": "confirmed", "encoding": "base64"}
            assert (await rpc("getAccountInfo", str(landed.mint), config))["value"] is not None


async def test_slots_pass_by_themselves_and_can_be_paused() -> None:
    """With slot_ms the clock runs; devPause stops it, devTick moves it by hand."""
    async with (
        Localnet(slot_ms=10) as net,
        RawRpc(net.rpc_url) as rpc,
        RawPubSub(net.ws_url) as sub,
    ):
        await sub.subscribe("slot")
        told = [(await sub.next())[1]["slot"] for _ in range(5)]
        assert told == list(range(told[0], told[0] + 5))
        assert await rpc("devPause", True) is True
        slot = net.chain.tip.slot
        assert await rpc("devTick", 3) == slot + 3
        fork = await rpc("devFork", 2)
        assert len(fork["dropped"]) == 2


async def test_slots_do_not_run_backwards_over_a_restart() -> None:
    """A later localnet of the same pace begins above where an earlier one got to."""
    before = first_slot_now(400)
    async with Localnet(slot_ms=400) as net:
        assert net.chain.ledger.first_slot >= before
    async with Localnet(options=NodeOptions(first_slot=7)) as net:
        assert net.chain.ledger.first_slot == 7
    async with Localnet() as net:
        assert net.chain.ledger.first_slot == 0


async def test_run_localnet_runs_until_cancelled(settings: SettingsFactory) -> None:
    """The coroutine of `./run localnet` serves on the port of the settings, and leaves it free."""
    port = await free_port()
    task = asyncio.create_task(run_localnet(settings(localnet_port=port, localnet_slot_ms=10)))
    url = f"http://127.0.0.1:{port}"
    async with RawRpc(url) as rpc, asyncio.timeout(10):
        while not task.done():
            try:
                assert await rpc("getHealth") == "ok"
                break
            except httpx2.TransportError:
                await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with Localnet(port):
        pass
