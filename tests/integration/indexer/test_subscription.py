"""The socket to a node: subscribed as a whole, and broken as soon as anything is lost."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from common.errors import NodeError, NodeRefused
from indexer.subscription import SlotNotice, Subscription, subscribed
from programs.rpc_json import LogsNotification
from tests.helpers.fake_node import FakeNode, RpcFailure, fake_node

ADDRESSES = ["11111111111111111111111111111111", "SysvarC1ock11111111111111111111111111111111"]
_SLOT = json.dumps(
    {
        "jsonrpc": "2.0",
        "method": "slotNotification",
        "params": {"result": {"slot": 9, "parent": 8, "root": 1}, "subscription": 3},
    }
)


def _logs(slot: int) -> str:
    value = {"signature": "abc", "err": None, "logs": ["Program x invoke [1]"]}
    return json.dumps(
        {
            "jsonrpc": "2.0",
            "method": "logsNotification",
            "params": {
                "result": {"context": {"slot": slot}, "value": value},
                "subscription": 1,
            },
        }
    )


def _ok(_method: str, _params: list[Any]) -> Any:
    return 1


async def _next(subscription: Subscription) -> object:
    return await asyncio.wait_for(subscription.next(), 5)


async def test_each_program_has_a_subscription_of_its_own() -> None:
    """`mentions` takes one key: one logsSubscribe per program, and slots as heartbeat last."""
    async with fake_node(_ok) as fake, subscribed(fake.ws_url, ADDRESSES, "confirmed", 5):
        pass
    assert fake.calls == [
        *(
            ("logsSubscribe", [{"mentions": [address]}, {"commitment": "confirmed"}])
            for address in ADDRESSES
        ),
        ("slotSubscribe", []),
    ]


async def test_notifications_come_in_their_order() -> None:
    """Also those that came before the last acknowledgement."""
    async with fake_node(_ok) as fake:
        fake.frames.put_nowait(_logs(7))
        async with subscribed(fake.ws_url, ADDRESSES, "confirmed", 5) as subscription:
            fake.frames.put_nowait(_SLOT)
            first, second = await _next(subscription), await _next(subscription)
    assert isinstance(first, LogsNotification)
    assert first.slot == 7
    assert second == SlotNotice(9, 8)


@pytest.mark.parametrize(
    "frame",
    ["not json", _logs(7)[:-40], '{"method":"logsNotification","params":{"result":{}}}', "[]"],
    ids=["no json", "half", "odd", "list"],
)
async def test_a_frame_that_is_not_understood_breaks_the_socket(frame: str) -> None:
    """Something was lost with it: a reconnect fills it in, going on would not."""
    async with fake_node(_ok) as fake:
        fake.frames.put_nowait(frame)
        with pytest.raises(NodeError):
            async with subscribed(fake.ws_url, ADDRESSES, "confirmed", 5) as subscription:
                await _next(subscription)


async def test_a_cut_socket_is_to_be_opened_again() -> None:
    """The end of the stream is an error to try again after, not the end of the work."""
    async with fake_node(_ok) as fake:
        with pytest.raises(NodeError):
            async with subscribed(fake.ws_url, ADDRESSES, "confirmed", 5) as subscription:
                fake.frames.put_nowait(None)
                await _next(subscription)


async def test_a_silent_stream_is_noticed() -> None:
    """An open socket on which even slots have stopped is as good as broken."""
    async with fake_node(_ok) as fake:
        with pytest.raises(NodeError, match="silent"):
            async with subscribed(fake.ws_url, ADDRESSES, "confirmed", 0.1) as subscription:
                await _next(subscription)


async def test_a_node_without_slots_is_used_without_a_heartbeat() -> None:
    """Where slotSubscribe is not offered, silence proves nothing."""

    def answer(method: str, _params: list[Any]) -> Any:
        if method == "slotSubscribe":
            raise RpcFailure(-32601, "Method not found")
        return 1

    async with (
        fake_node(answer) as fake,
        subscribed(fake.ws_url, ADDRESSES, "confirmed", 0.1) as subscription,
    ):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(subscription.next(), 0.3)


async def test_a_node_that_refuses_logs_is_given_up() -> None:
    """Without logsSubscribe there is nothing to wait for."""

    def answer(_method: str, _params: list[Any]) -> Any:
        raise RpcFailure(-32601, "Method not found")

    async with fake_node(answer) as fake:
        with pytest.raises(NodeRefused):
            async with subscribed(fake.ws_url, ADDRESSES, "confirmed", 1):
                pass


async def test_nobody_at_the_address() -> None:
    """A refused connection is to be tried again; a key in the address is not repeated."""
    nowhere = FakeNode(_ok)
    nowhere.url = "http://127.0.0.1:1/?api-key=hunter2"
    with pytest.raises(NodeError) as caught:
        async with subscribed(nowhere.ws_url, ADDRESSES, "confirmed", 1):
            pass
    assert "hunter2" not in str(caught.value)
