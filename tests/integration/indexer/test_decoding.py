"""From updates to events: what logs cannot tell is fetched, what nobody can tell is set aside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest

from db.rows import PoolRow
from indexer.commit import Batch
from indexer.decoding import Decoder
from indexer.updates import Update, update_of
from programs import pump, pumpswap
from programs.keys import signature_b58
from programs.registry import PROGRAMS, program_set
from programs.rpc_json import parse_notification, parse_transaction
from tests.helpers.borsh import event_bytes
from tests.helpers.chain import Emits, MadeUp, Runs, key
from tests.helpers.events import signature

ALL = program_set(PROGRAMS.values())
BUY = bytes.fromhex("66063d1201daebea")


def _buy(*amounts: int) -> MadeUp:
    """A transaction of pump with a trade of each amount."""
    values = {"mint": key("mint"), "user": key("user"), "is_buy": True, "timestamp": 5}
    emits = [
        Emits(event_bytes(pump.INTERFACE, "TradeEvent", values | {"sol_amount": amount}))
        for amount in amounts
    ]
    run = Runs(pump.PROGRAM.id, emits, data=BUY, name="Buy")
    return MadeUp([run], signature=signature_b58(signature(repr(amounts))))


def _swap() -> MadeUp:
    """A sale on PumpSwap, whose event names its pool and no mint."""
    values = {"pool": key("pool"), "user": key("user"), "timestamp": 5, "base_amount_in": 3}
    emit = Emits(event_bytes(pumpswap.INTERFACE, "SellEvent", values))
    run = Runs(pumpswap.PROGRAM.id, [emit], data=bytes.fromhex("33e685a4017f83ad"), name="Sell")
    return MadeUp([run], signature=signature_b58(signature("swap")))


def _notified(tx: MadeUp, logs: Sequence[str] | None = None) -> Update:
    value = {"signature": tx.signature, "err": tx.err, "logs": logs or tx.logs()}
    frame = {
        "jsonrpc": "2.0",
        "method": "logsNotification",
        "params": {"result": {"context": {"slot": 7}, "value": value}, "subscription": 1},
    }
    notification = parse_notification(msgspec.json.encode(frame))
    assert notification is not None
    return update_of(notification)


def _whole(tx: MadeUp) -> Update:
    transaction = parse_transaction(tx.json())
    return Update(signature=tx.signature, slot=7, err=tx.err, transaction=transaction, block_time=9)


class _World:
    """A node that has some transactions, and a database that knows some pools."""

    def __init__(self, *has: MadeUp, pools: Sequence[PoolRow] = ()) -> None:
        self._has = {tx.signature: tx for tx in has}
        self._known = {row.pool: row for row in pools}
        self.fetched: list[str] = []
        self.looked_up: list[bytes] = []

    async def fetch(self, update: Update) -> Update:
        self.fetched.append(update.signature)
        tx = self._has.get(update.signature)
        return update if tx is None else _whole(tx)

    async def find(self, keys: Sequence[bytes]) -> Mapping[bytes, PoolRow]:
        self.looked_up += keys
        return {one: self._known[one] for one in keys if one in self._known}

    async def decode(self, *updates: Update) -> Batch:
        return await Decoder(ALL, self.fetch, self.find).decode(updates)


def _amounts(batch: Batch) -> list[Any]:
    return [getattr(seen.event, "quote_amount", None) for seen in batch.events]


async def test_logs_that_say_all_need_no_call() -> None:
    """Pump's trades come out of the notification alone, in their order, with the event's time."""
    world = _World()
    batch = await world.decode(_notified(_buy(1, 2)), _notified(_buy(3)))
    assert _amounts(batch) == [1, 2, 3]
    assert {seen.block_time for seen in batch.events} == {5}
    assert (world.fetched, batch.quarantine) == ([], [])


async def test_truncated_logs_are_replaced_by_the_transaction() -> None:
    """What was cut off is fetched, once, and each event counts once, in its place."""
    cut, other = _buy(1, 2), _buy(3)
    world = _World(cut)
    update = _notified(cut, [*cut.logs()[:3], "Log truncated"])
    batch = await world.decode(_notified(other), update, _notified(other))
    assert _amounts(batch) == [3, 1, 2, 3]
    assert world.fetched == [cut.signature]


async def test_what_cannot_be_fetched_is_set_aside_whole() -> None:
    """A part of a transaction's events would give the rest wrong ordinals: none is stored."""
    cut = _buy(1, 2)
    batch = await _World().decode(_notified(cut, [*cut.logs()[:3], "Log truncated"]))
    ((row),) = batch.quarantine
    assert batch.events == []
    assert (row.path, row.slot) == ("transaction", 7)
    assert row.payload.endswith(b"Log truncated")


async def test_a_listed_transaction_nobody_delivers_is_set_aside() -> None:
    """It happened, and what it said is not known: that is said, not forgotten."""
    name = signature_b58(signature("gone"))
    batch = await _World().decode(Update(signature=name, slot=3, err=None))
    assert [(row.slot, row.path) for row in batch.quarantine] == [(3, "transaction")]


async def test_a_failed_transaction_says_nothing() -> None:
    """Its events never happened, and it is not fetched either."""
    failed = _buy(1)
    failed.err = {"InstructionError": [0, {"Custom": 6002}]}
    world = _World()
    batch = await world.decode(_notified(failed), _whole(failed))
    assert (batch.events, batch.quarantine, world.fetched) == ([], [], [])


async def test_a_pools_mint_comes_from_the_database() -> None:
    """An event that names only its pool gets its mint from what is stored of pools."""
    world = _World(pools=[PoolRow(key("pool"), key("mint"), key("quote"))])
    batch = await world.decode(_notified(_swap()))
    ((seen),) = batch.events
    assert (seen.mint, seen.quote_mint) == (key("mint"), key("quote"))
    assert (world.looked_up, world.fetched) == ([key("pool")], [])


async def test_an_unknown_pool_is_never_guessed() -> None:
    """Neither told nor stored nor in the transaction: the event is set aside with its pool."""
    swap = _swap()
    world = _World(swap)
    batch = await world.decode(_notified(swap))
    assert batch.events == []
    assert [(row.program, row.payload) for row in batch.quarantine] == [("pumpswap", key("pool"))]
    assert world.fetched == [swap.signature]


async def test_garbage_of_a_known_program_is_kept(caplog: pytest.LogCaptureFixture) -> None:
    """Bytes that do not decode go to the quarantine with their place; the others are stored."""
    bad = event_bytes(pump.INTERFACE, "TradeEvent", {})[:20]
    good = event_bytes(pump.INTERFACE, "TradeEvent", {"mint": key("mint"), "sol_amount": 4})
    run = Runs(pump.PROGRAM.id, [Emits(bad), Emits(good)], data=BUY, name="Buy")
    tx = MadeUp([run], signature=signature_b58(signature("bad")))
    batch = await _World(tx).decode(_notified(tx))
    assert _amounts(batch) == [4]
    assert [row.payload for row in batch.quarantine] == [bad]
    assert caplog.records == []
