"""Several endpoints: one that is ill is left within a few slots, and returned to when well."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import cycle
from typing import Any

import pytest
from prometheus_client import REGISTRY

from chaos.readings import stored_facts
from chaos.truth import LedgerTruth
from chaos.verdict import judge
from common.errors import NodeError
from db.pool import Pool
from indexer.endpoints import Endpoints, SlotClock
from localnet.node import Localnet
from localnet.traders import Traders
from tests.conftest import SettingsFactory
from tests.helpers.fake_node import FakeNode, RpcFailure, fake_node
from tests.helpers.forwarder import forwarder
from tests.helpers.indexing import indexing, settings_for, until

_SLOT_S = 0.8


def test_the_time_of_a_slot_is_measured() -> None:
    """Whatever it is, and without a guess before the first two slots."""
    clock = SlotClock()
    assert clock.seconds(5, otherwise=7.0) == 7.0
    for slot in range(50):
        clock.saw(slot, slot * 0.15)
    assert clock.seconds(10, otherwise=7.0) == pytest.approx(1.5)
    for slot in range(50, 150):
        clock.saw(slot, 7.35 + (slot - 49) * 0.6)
    assert clock.seconds(10, otherwise=7.0) == pytest.approx(6, rel=0.01)
    clock.saw(3, 900.0)
    assert clock.seconds(10, otherwise=7.0) == pytest.approx(6, rel=0.01)


@asynccontextmanager
async def _two(one: Any, other: Any) -> AsyncIterator[tuple[Endpoints, FakeNode, FakeNode]]:
    async with AsyncExitStack() as stack:
        nodes = [await stack.enter_async_context(fake_node(answer)) for answer in (one, other)]
        urls = [(node.url, node.ws_url) for node in nodes]
        endpoints = await stack.enter_async_context(Endpoints(urls, "confirmed"))
        yield endpoints, nodes[0], nodes[1]


def _fails(code: int) -> Any:
    def answer(_: str, __: list[Any]) -> Any:
        raise RpcFailure(code)

    return answer


async def test_what_one_cannot_answer_is_asked_of_the_other() -> None:
    """A call fails only where every endpoint fails it; one that goes on failing is left."""
    async with _two(_fails(-32005), lambda *_: 7) as (endpoints, one, other):
        for _ in range(5):
            assert await endpoints.newest_slot() == 7
        assert endpoints.current is endpoints.endpoints[1]
        assert (len(one.calls), len(other.calls)) == (3, 5)
        other.answer = _fails(-32005)
        with pytest.raises(NodeError):
            await endpoints.newest_slot()


async def test_a_skipped_slot_is_an_answer() -> None:
    """It is believed, not asked of another endpoint until one says otherwise."""
    async with _two(_fails(-32007), lambda *_: {}) as (endpoints, _, other):
        assert await endpoints.block(5) is None
        assert other.calls == []


async def test_one_that_lies_behind_is_left() -> None:
    """Some slots behind the best is ill; a claim to be absurdly far ahead makes nobody ill."""
    slots = {"one": 100, "other": 109}

    async def is_left() -> bool:
        return endpoints.current is not endpoints.endpoints[0]

    async def is_seen() -> bool:
        return len(one.calls) >= 3

    async with (
        _two(lambda *_: slots["one"], lambda *_: slots["other"]) as (endpoints, _, __),
        _watched(endpoints),
    ):
        await until(is_left, "another endpoint")
    slots["other"] = 10**9
    async with _two(lambda *_: slots["one"], lambda *_: slots["other"]) as (endpoints, one, __):
        async with _watched(endpoints):
            await until(is_seen, "three looks")
        assert not await is_left()


def _switches() -> float:
    return REGISTRY.get_sample_value("curvefeed_endpoint_switches_total") or 0.0


async def test_of_two_slow_endpoints_one_is_kept() -> None:
    """By turns each answers at once and far too late: that is found out in two switches, and then
    calls are left in peace.
    """
    loop, before = asyncio.get_running_loop(), _switches()

    def slot(*_: Any) -> int:
        return int(loop.time() * 10)

    async def asked() -> None:
        while True:
            await endpoints.history_slot()

    async with _two(slot, slot) as (endpoints, one, other):
        one.delay_s = cycle((0.0, 1.2, 0.0, 1.2, 1.2)).__next__
        other.delay_s = cycle((1.2, 0.0)).__next__
        async with _watched(endpoints):
            asking = asyncio.create_task(asked())
            await until(lambda: _is(len(other.calls) >= 10), "ten looks")
            assert not asking.done()
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
    assert _switches() - before <= 4


async def test_one_that_hangs_is_left_for_one_that_is_slow() -> None:
    """However long the other takes, as long as it answers."""
    async with _two(lambda *_: 7, lambda *_: 7) as (endpoints, one, other):
        one.delay_s, other.delay_s = lambda: 3600.0, lambda: 2.5
        async with _watched(endpoints):
            await until(lambda: _is(endpoints.current.number == 1), "the other endpoint")


async def _is(condition: bool) -> bool:
    return condition


@asynccontextmanager
async def _watched(endpoints: Endpoints) -> AsyncIterator[None]:
    watching = asyncio.create_task(endpoints.run())
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


@pytest.mark.timeout(120)
async def test_an_endpoint_that_hangs_is_left_within_ten_slots_and_returned_to(
    pool: Pool, settings: SettingsFactory
) -> None:
    """Connected and silent, calls and stream alike: the next one delivers within ten slot times
    (measured: five); when the first is well again it is used again, and nothing is lost on the way.
    """
    async with (
        Localnet(port=0, slot_ms=int(_SLOT_S * 1000)) as net,
        forwarder(net.port) as calls,
        forwarder(net.port + 1) as stream,
    ):
        config = settings_for(
            net, settings,
            solana_rpc_url=f"http://127.0.0.1:{calls.port},{net.rpc_url}",
            solana_ws_url=f"ws://127.0.0.1:{stream.port},{net.ws_url}",
        )  # fmt: skip
        async with indexing(config, pool):
            play = asyncio.create_task(Traders(net.rpc_url, seed=2).run(20))
            newest = "SELECT coalesce(max(slot), 0) FROM trades"
            await until(lambda: pool.fetchval("SELECT count(*) > 60 FROM trades"), "some trades")
            await asyncio.sleep(2)  # slots enough to measure their time
            calls.hang()
            stream.hang()
            hung_at, slot = time.monotonic(), net.chain.tip.slot
            await until(lambda: pool.fetchval(f"SELECT ({newest}) > {slot}"), "newer trades")
            assert time.monotonic() - hung_at < 10 * _SLOT_S
            before = stream.connections
            calls.heal()
            stream.heal()

            async def is_returned_to() -> bool:
                return stream.connections > before

            await until(is_returned_to, "the preferred endpoint used again")
            play.cancel()
            await asyncio.gather(play, return_exceptions=True)
            truth = LedgerTruth(net.chain)

            async def is_right() -> bool:
                async with pool.acquire() as connection:
                    return judge(truth.facts(), (), await stored_facts(connection)).is_clean

            await until(is_right, "the chain's history")
