"""Whole transactions: half an answer never passes for one."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from common.errors import NodeError
from indexer.fetching import fetch, update_of_body
from indexer.pace import Priority
from indexer.rpc import Node, SignatureInfo
from indexer.updates import Update
from localnet.node import Localnet
from localnet.traders import Traders
from programs import pump
from programs.decode import decode_transaction
from programs.events import AnyEvent
from programs.registry import program_set
from tests.helpers.fake_node import fake_node

PROGRAMS = program_set([pump.PROGRAM])


async def _real(net: Localnet) -> tuple[SignatureInfo, dict[str, Any]]:
    """A transaction of the chain with events, as its node lists and prints it."""
    await Traders(net.rpc_url, seed=3).play(20, between=net.tick)
    async with Node(net.rpc_url, "confirmed") as node:
        for info in await node.signatures(pump.PROGRAM.address):
            raw = await node.transaction(info.signature)
            assert raw is not None
            body: dict[str, Any] = msgspec.json.decode(raw)
            if info.err is None and _events(update_of_body(info, body)):
                return info, body
    raise AssertionError("no trade in twenty plays")


def _events(update: Update) -> tuple[AnyEvent, ...]:
    assert update.transaction is not None
    return decode_transaction(update.transaction, PROGRAMS).events


def _damaged(body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The answer with one key less, or null, anywhere in its upper levels."""
    message = ("transaction", "message")
    for path in ((), ("meta",), ("transaction",), message, (*message, "header")):
        place: Any = body
        for name in path:
            place = place[name]
        for key in place:
            for is_null in (True, False):
                copied = copy.deepcopy(body)
                target: Any = copied
                for name in path:
                    target = target[name]
                if is_null:
                    target[key] = None
                else:
                    del target[key]
                yield f"{'.'.join((*path, key))}{' null' if is_null else ''}", copied


async def test_a_key_that_is_missing_never_costs_an_event(localnet: Localnet) -> None:
    """Whatever one key of the answer is lost: it is refused, or says the same."""
    info, body = await _real(localnet)
    whole, refused = _events(update_of_body(info, body)), []
    for name, damaged in _damaged(body):
        try:
            update = update_of_body(info, damaged)
        except NodeError:
            refused.append(name)
        else:
            assert (_events(update), update.err) == (whole, None), name
    assert {"meta.innerInstructions", "meta.logMessages null", "transaction null"} <= {*refused}


async def test_a_failure_never_becomes_a_success(localnet: Localnet) -> None:
    """`err` gone from the transaction, or from the list: they contradict each other."""
    info, body = await _real(localnet)
    failed = copy.deepcopy(body)
    failed["meta"] |= {"err": {"InstructionError": [0, {"Custom": 1}]}, "status": {"Err": {}}}
    with pytest.raises(NodeError, match="contradicts"):
        update_of_body(info, failed)
    failed["meta"]["err"] = None
    with pytest.raises(NodeError, match="contradicts"):
        update_of_body(info, failed)


async def test_old_recordings_are_taken_in_the_end(localnet: Localnet) -> None:
    """A node that recorded no inner calls then will not have them later."""
    info, body = await _real(localnet)
    whole = [(event.ordinal, event.mint) for event in _events(update_of_body(info, body))]
    body["meta"]["innerInstructions"] = None
    with pytest.raises(NodeError, match="not whole"):
        update_of_body(info, body)
    update = update_of_body(info, body, is_lenient=True)
    assert [(event.ordinal, event.mint) for event in _events(update)] == whole


async def test_another_landing_is_not_this_one(localnet: Localnet) -> None:
    """After a fork the same signature may stand in another slot: the list is asked again."""
    info, body = await _real(localnet)
    with pytest.raises(NodeError, match="another slot"):
        update_of_body(msgspec.structs.replace(info, slot=info.slot - 1), body)


async def test_what_the_node_does_not_have_is_not_nothing() -> None:
    """null is "not yet", never "it has no events"."""
    async with fake_node(lambda _method, _params: None) as fake, Node(fake.url, "confirmed") as n:
        with pytest.raises(NodeError, match="does not deliver"):
            await fetch(n, SignatureInfo("abc", 1), Priority.GAP)
