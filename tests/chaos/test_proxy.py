"""The proxy between a node and whoever follows it, tried with a real node and real connections."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeAlias

import aiohttp
import msgspec
import pytest
from solders.pubkey import Pubkey

from chaos.plan import PlanOptions, Window, make_plan
from chaos.proxy import Proxy
from localnet.node import Localnet

LONG_S = 60.0
Faulty: TypeAlias = Callable[..., AbstractAsyncContextManager[Proxy]]


@pytest.fixture
def faulty(localnet: Localnet) -> Faulty:
    """A proxy before the localnet in which one fault is on from the beginning."""

    @asynccontextmanager
    async def proxy(fault: str, **fields: Any) -> AsyncIterator[Proxy]:
        window = Window(fault=fault, **({"start_s": 0.0, "end_s": LONG_S} | fields))
        plan = make_plan(1, PlanOptions(faults=frozenset()))
        plan = msgspec.structs.replace(plan, windows=(window,))
        async with Proxy(localnet.rpc_url, localnet.ws_url, plan) as running:
            yield running

    return proxy


async def call(url: str, method: str, *params: object) -> tuple[int, Any]:
    """HTTP status and answer of one call; None where the answer is not JSON."""
    body = {"jsonrpc": "2.0", "id": 7, "method": method, "params": list(params)}
    async with aiohttp.ClientSession() as http, http.post(url, json=body) as response:
        text = await response.text()
        is_json = response.content_type == "application/json"
        return response.status, json.loads(text) if is_json else None


class Listener:
    """A logsSubscribe through a proxy: `signatures` as they come."""

    def __init__(self) -> None:
        self.notes: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def run(self, url: str, subscribed: asyncio.Event) -> None:
        """Until the socket ends."""
        async with aiohttp.ClientSession() as http, http.ws_connect(url) as socket:
            request = {"jsonrpc": "2.0", "id": 1, "method": "logsSubscribe",
                       "params": ["all", {"commitment": "processed"}]}  # fmt: skip
            await socket.send_json(request)
            async for message in socket:
                frame = json.loads(message.data)
                if "method" in frame:
                    self.notes.put_nowait(frame["params"]["result"]["value"])
                else:
                    subscribed.set()


@asynccontextmanager
async def listening(proxy: Proxy) -> AsyncIterator[Listener]:
    """Subscribed before any fault begins."""
    listener, subscribed = Listener(), asyncio.Event()
    task = asyncio.create_task(listener.run(proxy.ws_url, subscribed))
    await asyncio.wait_for(subscribed.wait(), 5)
    proxy.begin()
    try:
        yield listener
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def airdrops(net: Localnet, count: int) -> list[str]:
    """So many transactions, past the proxy; their signatures."""
    key = str(Pubkey.new_unique())
    answers = [await call(net.rpc_url, "requestAirdrop", key, 10**9 + n) for n in range(count)]
    return [answer["result"] for _, answer in answers]


async def heard(listener: Listener, count: int) -> list[str]:
    """The next signatures."""
    return [(await asyncio.wait_for(listener.notes.get(), 5))["signature"] for _ in range(count)]


async def test_without_faults_everything_passes(localnet: Localnet, faulty: Faulty) -> None:
    """Calls and notifications arrive as the node sent them, in order; calls are counted."""
    async with faulty("drop", start_s=LONG_S) as proxy, listening(proxy) as listener:
        sent = await airdrops(localnet, 5)
        assert await heard(listener, 5) == sent
        assert await call(proxy.rpc_url, "getSlot") == await call(localnet.rpc_url, "getSlot")
        assert proxy.calls == {"getSlot": 1}
        assert proxy.mischief.counts == {}


async def test_dropped_notifications_do_not_come(localnet: Localnet, faulty: Faulty) -> None:
    """All are lost; the socket lives, and so does the rest of it."""
    async with faulty("drop") as proxy, listening(proxy) as listener:
        await airdrops(localnet, 3)
        assert (await call(proxy.rpc_url, "getSlot"))[0] == 200
        assert listener.notes.empty()
        assert proxy.mischief.counts == {"drop": 3}


async def test_duplicated_notifications_come_twice(localnet: Localnet, faulty: Faulty) -> None:
    """Each one comes twice."""
    async with faulty("duplicate") as proxy, listening(proxy) as listener:
        sent = await airdrops(localnet, 3)
        assert sorted(await heard(listener, 6)) == sorted(sent * 2)


async def test_reordered_notifications_all_come(localnet: Localnet, faulty: Faulty) -> None:
    """None is lost, and the order is another one."""
    async with faulty("reorder", length_s=1.0) as proxy, listening(proxy) as listener:
        sent = await airdrops(localnet, 20)
        order = await heard(listener, 20)
        assert sorted(order) == sorted(sent)
        assert order != sent


async def test_truncated_notifications_say_so(localnet: Localnet, faulty: Faulty) -> None:
    """Their logs end as a node's do that cut them."""
    async with faulty("truncate") as proxy, listening(proxy) as listener:
        await airdrops(localnet, 1)
        note = await asyncio.wait_for(listener.notes.get(), 5)
        assert note["logs"][-1] == "Log truncated"


async def test_a_cut_ends_sockets_and_refuses_new_ones(faulty: Faulty) -> None:
    """What is open breaks at once, calls and sockets fail as long as it lasts, then all is well."""
    async with faulty("cut", end_s=0.5) as proxy:
        listener, subscribed = Listener(), asyncio.Event()
        task = asyncio.create_task(listener.run(proxy.ws_url, subscribed))
        await asyncio.wait_for(subscribed.wait(), 5)
        proxy.begin()
        await asyncio.wait({task}, timeout=5)
        assert task.done()
        await asyncio.gather(task, return_exceptions=True)
        with pytest.raises(aiohttp.ClientError):
            await call(proxy.rpc_url, "getSlot")
        await asyncio.sleep(max(0, 0.5 - proxy.now_s()))
        assert (await call(proxy.rpc_url, "getSlot"))[0] == 200


async def test_a_stall_keeps_the_socket_open_and_silent(localnet: Localnet, faulty: Faulty) -> None:
    """Held back: everything comes when it ends, and nothing before."""
    async with faulty("stall", end_s=0.5, flavour=1) as proxy, listening(proxy) as listener:
        sent = await airdrops(localnet, 3)
        assert listener.notes.empty()
        assert await heard(listener, 3) == sent
        assert proxy.now_s() >= 0.5


@pytest.mark.parametrize(
    ("fault", "method", "params", "code"),
    [
        ("busy", "getSlot", (), -32005),
        ("ahead", "getBlock", (1,), -32004),
        ("version", "getTransaction", ("1" * 64,), -32015),
    ],
)
async def test_a_node_that_refuses(
    faulty: Faulty, fault: str, method: str, params: tuple[object, ...], code: int
) -> None:
    """The error comes instead of an answer, with the id of the question."""
    async with faulty(fault) as proxy:
        proxy.begin()
        _, answer = await call(proxy.rpc_url, method, *params)
        assert (answer["id"], answer["error"]["code"]) == (7, code)


async def test_a_provider_that_throttles(faulty: Faulty) -> None:
    """429 with and without Retry-After, 502 and 503, none of them JSON."""
    async with faulty("throttle") as proxy:
        proxy.begin()
        answers = [await call(proxy.rpc_url, "getSlot") for _ in range(40)]
        assert {status for status, _ in answers} == {429, 502, 503}
        assert {answer for _, answer in answers} == {None}


async def test_half_an_answer_is_cut_off(faulty: Faulty) -> None:
    """The body is shorter than its length says, and the connection breaks."""
    async with faulty("half") as proxy:
        proxy.begin()
        with pytest.raises(aiohttp.ClientPayloadError):
            await call(proxy.rpc_url, "getSlot")


async def test_a_page_without_signatures(localnet: Localnet, faulty: Faulty) -> None:
    """Some pages are empty or short, though there are more signatures."""
    address = str(localnet.chain.faucet.pubkey())
    await airdrops(localnet, 10)
    async with faulty("empty") as proxy:
        proxy.begin()
        question = ("getSignaturesForAddress", address, {"commitment": "confirmed"})
        answers = [await call(proxy.rpc_url, *question) for _ in range(20)]
        assert {len(answer["result"]) for _, answer in answers} == {0, 3}
