"""Calls to a node: what is asked, and what becomes of every kind of answer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web

from common.errors import NodeError, NodeRefused
from indexer.rpc import Node
from tests.helpers.fake_node import RpcFailure, fake_node


@pytest.mark.parametrize("code", [-32004, -32005, -32007, -32014, -32015, -32016, -32603, 429])
async def test_what_may_pass_is_to_be_tried_again(code: int) -> None:
    """Node behind, busy, block not there yet: the call fails with the code, to be repeated."""

    def answer(_method: str, _params: list[Any]) -> Any:
        raise RpcFailure(code, "later")

    async with fake_node(answer) as fake, Node(fake.url, "confirmed") as node:
        with pytest.raises(NodeError, match=str(code)):
            await node.history_slot()


@pytest.mark.parametrize("code", [-32600, -32601, -32602])
async def test_what_will_never_work_is_said_at_once(code: int) -> None:
    """A method or parameter the node does not accept will not be accepted later."""

    def answer(_method: str, _params: list[Any]) -> Any:
        raise RpcFailure(code)

    async with fake_node(answer) as fake, Node(fake.url, "confirmed") as node:
        with pytest.raises(NodeRefused):
            await node.transaction("x")


@pytest.mark.parametrize(
    ("status", "kind"), [(401, NodeRefused), (403, NodeRefused), (404, NodeRefused),
                         (429, NodeError), (500, NodeError), (503, NodeError)],
)  # fmt: skip
async def test_http_says_it_too(status: int, kind: type[Exception]) -> None:
    """A wrong key or path is ours to correct; a busy or broken server is not."""
    async with (
        fake_node(lambda _method, _params: web.Response(status=status)) as fake,
        Node(fake.url, "confirmed") as node,
    ):
        with pytest.raises(kind):
            await node.history_slot()


@pytest.mark.parametrize("text", ["", "half an ans", '{"result": "a word"}', "[]", "null"])
async def test_a_broken_answer_is_to_be_tried_again(text: str) -> None:
    """Half an answer, or another than was asked for, is the node's failure, never a crash."""
    async with (
        fake_node(lambda _method, _params: web.Response(text=text)) as fake,
        Node(fake.url, "confirmed") as node,
    ):
        with pytest.raises(NodeError):
            await node.history_slot()


async def test_a_dead_node_is_to_be_tried_again(unused_tcp_port: int) -> None:
    """Nobody at the address; the address, which may hold a key, is not repeated."""
    async with Node(f"http://127.0.0.1:{unused_tcp_port}/?api-key=hunter2", "confirmed") as node:
        with pytest.raises(NodeError) as caught:
            await node.genesis_hash()
    assert "hunter2" not in str(caught.value)


async def test_version_one_transactions_are_asked_for() -> None:
    """Without it one transaction of that version fails the call with -32015."""
    async with (
        fake_node(lambda _method, _params: None) as fake,
        Node(fake.url, "processed") as node,
    ):
        assert await node.transaction("abc") is None
    ((method, params),) = fake.calls
    assert method == "getTransaction"
    assert params[1]["maxSupportedTransactionVersion"] == 1
    assert params[1]["commitment"] == "confirmed", "history refuses processed"


async def test_calls_are_limited_in_rate() -> None:
    """An endpoint's limit is kept: a burst of one second's worth, then the pace."""
    async with (
        fake_node(lambda _method, _params: 7) as fake,
        Node(fake.url, "confirmed", requests_per_second=20) as node,
    ):
        began = asyncio.get_running_loop().time()
        await asyncio.gather(*(node.history_slot() for _ in range(26)))
        assert asyncio.get_running_loop().time() - began >= 6 / 20 * 0.9
