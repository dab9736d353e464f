"""How a cluster says what is final: by Tower BFT, by Alpenglow, or by either while it migrates."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from indexer.finality import Detected, strategy_of
from indexer.rpc import Node
from tests.helpers.fake_node import FakeNode, RpcFailure, fake_node

_SLOTS = {"processed": 103, "confirmed": 100, "finalized": 69}


class _Cluster:
    """Answers as a node of a cluster would. `certificate`: of Alpenglow's first block."""

    def __init__(self) -> None:
        self.certificate: Any = None
        self.knows_alpenglow = True

    def answer(self, method: str, params: list[Any]) -> Any:
        """One call."""
        if method == "getSlot":
            return _SLOTS[params[0]["commitment"]]
        if not self.knows_alpenglow:
            raise RpcFailure(-32601, "Method not found")
        return self.certificate


@pytest.fixture
def cluster() -> _Cluster:
    """A classic one."""
    return _Cluster()


@pytest.fixture
async def fake(cluster: _Cluster) -> AsyncIterator[FakeNode]:
    """Its node."""
    async with fake_node(cluster.answer) as fake:
        yield fake


@pytest.fixture
async def node(fake: FakeNode) -> AsyncIterator[Node]:
    """The node as the indexer calls it."""
    async with Node(fake.url, "confirmed") as node:
        yield node


async def test_classic_waits_for_the_root(node: Node) -> None:
    """Confirmed by votes, final 31 confirmed blocks later: two slots of the node's own word."""
    assert await strategy_of("classic").slots(node) == (100, 69)


async def test_under_alpenglow_confirmed_is_final(node: Node, fake: FakeNode) -> None:
    """One certificate makes both, and one call asks for it."""
    assert await strategy_of("alpenglow").slots(node) == (100, 100)
    assert len(fake.calls) == 1


@pytest.mark.parametrize("knows_alpenglow", [True, False])
async def test_a_cluster_without_a_certificate_is_classic(
    node: Node, cluster: _Cluster, knows_alpenglow: bool
) -> None:
    """Also where the node is too old to know the question; it is not asked again each time."""
    cluster.knows_alpenglow = knows_alpenglow
    strategy = strategy_of("auto")
    assert await strategy.slots(node) == (100, 69)
    assert await strategy.slots(node) == (100, 69)


async def test_a_cluster_that_migrates_is_noticed(node: Node, cluster: _Cluster) -> None:
    """As soon as it has a certificate, at the next time it is asked: no restart is needed."""
    strategy = Detected(ask_every_s=0)
    assert await strategy.slots(node) == (100, 69)
    cluster.certificate = {"slot": 90}
    assert await strategy.slots(node) == (100, 100)
