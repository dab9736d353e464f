"""What an endpoint can do, asked of it once: for `./run doctor`. Nothing is stored."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from common.errors import CurvefeedError, NodeError, NodeRefused
from common.settings import Commitment
from indexer.rpc import Node
from indexer.subscription import subscribed

_BURST = 10
_LISTEN_S = 15.0
_BEHIND = 10
"""Blocks below the tip that an endpoint surely has."""


class Probed(msgspec.Struct, kw_only=True):
    """An endpoint, as it answered. `lacks`: methods it refused or failed, each with the reason."""

    version: str = "?"
    genesis: str = "?"
    slot: int | None = None
    block_age_s: float | None = None
    """From the time of its newest block to now, by this machine's clock."""
    answer_s: float = 0.0
    """Median of some short calls, one after the other."""
    limited: int = 0
    """Of a burst of short calls, how many were refused for being too many."""
    oldest_slot: int | None = None
    lacks: list[str] = []


async def probe(url: str, commitment: Commitment, address: str) -> Probed:
    """Ask it for everything an indexer of the program at `address` asks for. Raises NodeError and
    NodeRefused if it does not even tell its slot.
    """
    found = Probed()
    async with Node(url, commitment) as node:
        found.slot = await node.history_slot()
        await _facts(node, found)
        await _methods(node, found, address)
        await _limits(node, found)
    return found


async def _facts(node: Node, found: Probed) -> None:
    async def version() -> None:
        about = await node.call("getVersion", [], dict[str, Any])
        found.version = str(about.get("solana-core", about))

    async def genesis() -> None:
        found.genesis = await node.genesis_hash()

    async def age() -> None:
        block_time = await node.call("getBlockTime", [found.slot], int)
        found.block_age_s = time.time() - block_time

    async def oldest() -> None:
        found.oldest_slot = await node.call("getFirstAvailableBlock", [], int)

    for name, ask in (
        ("getVersion", version), ("getGenesisHash", genesis), ("getBlockTime", age),
        ("getFirstAvailableBlock", oldest),
    ):  # fmt: skip
        await _asked(name, ask, found)


async def _methods(node: Node, found: Probed, address: str) -> None:
    """The same calls the sweep makes, with the same parameters."""
    slot = (found.slot or 0) - _BEHIND
    signatures: list[str] = []

    async def history() -> None:
        signatures.extend(one.signature for one in await node.signatures(address))

    async def transaction() -> None:
        if signatures and await node.transaction(signatures[-1]) is None:
            raise NodeError("it lists a transaction and does not have it")

    async def blocks() -> None:
        slots = await node.block_slots(max(0, slot - _BEHIND), max(0, slot))
        if slots:
            await node.block(slots[-1])

    for name, ask in (
        ("getSignaturesForAddress", history), ("getTransaction", transaction),
        ("getBlocks and getBlock", blocks),
    ):  # fmt: skip
        await _asked(name, ask, found)


async def _limits(node: Node, found: Probed) -> None:
    times: list[float] = []
    for _ in range(3):
        began = time.monotonic()
        await _asked("getSlot", node.newest_slot, found)
        times.append(time.monotonic() - began)
    found.answer_s = sorted(times)[1]
    answers = await asyncio.gather(
        *(node.newest_slot() for _ in range(_BURST)), return_exceptions=True
    )
    found.limited = sum(isinstance(answer, NodeError) for answer in answers)


async def _asked(name: str, ask: Callable[[], Awaitable[object]], found: Probed) -> None:
    try:
        await ask()
    except (NodeError, NodeRefused) as error:
        found.lacks.append(f"{name} ({reason_of(error)})")
    except msgspec.DecodeError:
        found.lacks.append(f"{name} (its answer is none of that method)")


def reason_of(error: CurvefeedError) -> str:
    """In as few words as there are."""
    code = error.fields.get("code", error.fields.get("status"))
    return error.message if code is None else f"{error.message}, {code}"


async def listen(url: str, commitment: Commitment, address: str) -> str:
    """Subscribe as the indexer does, and wait for anything. Raises NodeError, NodeRefused."""
    began = time.monotonic()
    async with subscribed(url, [address], commitment, _LISTEN_S) as stream:
        await stream.next()
        slots = "" if stream.has_heartbeat else ", no slot notifications"
    return f"first notification after {time.monotonic() - began:.1f} s{slots}"
