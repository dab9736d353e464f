"""The pipeline: what cannot be stored stands alone, what was received is committed."""

from __future__ import annotations

import asyncio

from common.settings import Settings
from db.pool import Pool
from db.rows import PoolRow
from db.writer import Writer
from indexer import pipeline
from indexer.commit import Batch, commit
from indexer.decoding import Decoder
from indexer.pipeline import Pipeline, PipelineConfig
from indexer.replay import Recording
from indexer.run import find_pools_by
from indexer.updates import Intake, Update
from programs import pump, pumpswap
from programs.keys import signature_b58
from programs.registry import program_set
from programs.rpc_json import parse_transaction
from tests.conftest import SettingsFactory
from tests.helpers.borsh import event_bytes
from tests.helpers.chain import Emits, MadeUp, Runs, key
from tests.helpers.events import signature
from tests.helpers.indexing import feed_is_whole

BUY, SELL = bytes.fromhex("66063d1201daebea"), bytes.fromhex("33e685a4017f83ad")


def _update(number: int, slot: int) -> Update:
    values = {"mint": key("mint"), "user": key("user"), "sol_amount": number, "timestamp": 5}
    emit = Emits(event_bytes(pump.INTERFACE, "TradeEvent", values))
    run = Runs(pump.PROGRAM.id, [emit], data=BUY, name="Buy")
    tx = MadeUp([run], signature=signature_b58(signature(str(number))))
    transaction = parse_transaction(tx.json())
    return Update(signature=tx.signature, slot=slot, err=None, transaction=transaction)


def _pipeline(pool: Pool, writer: Writer, config: Settings) -> Pipeline:
    decoder = Decoder(program_set([pump.PROGRAM, pumpswap.PROGRAM]), None, find_pools_by(pool))
    return Pipeline(
        decoder,
        writer,
        PipelineConfig(commitment="confirmed", batch_rows=config.indexer_batch_rows),
    )


def _huge_swap() -> Update:
    """A sale on PumpSwap whose pool claims reserves of more digits than any amount has."""
    values = {"pool": key("pool"), "user": key("user"), "virtual_quote_reserves": 10**30}
    emit = Emits(event_bytes(pumpswap.INTERFACE, "SellEvent", values))
    run = Runs(pumpswap.PROGRAM.id, [emit], data=SELL, name="Sell")
    tx = MadeUp([run], signature=signature_b58(signature("huge")))
    transaction = parse_transaction(tx.json())
    return Update(signature=tx.signature, slot=5, err=None, transaction=transaction)


async def test_a_slot_of_no_chain_is_set_aside(pool: Pool, settings: SettingsFactory) -> None:
    """A number that not even the driver can send is the update's fault, not the database's."""
    updates = [_update(1, slot=1), _update(2, slot=2**63), _update(3, slot=3)]
    async with Writer(pool) as writer:
        await pipeline.run(Recording(updates), _pipeline(pool, writer, settings()), Intake(100))
    assert await pool.fetchval("SELECT count(*) FROM trades") == 2
    assert await pool.fetchval("SELECT count(*) FROM quarantine") == 1


async def test_what_cannot_be_stored_is_set_aside_alone(
    pool: Pool, settings: SettingsFactory
) -> None:
    """An update that Postgres refuses goes to the quarantine; those around it are stored."""
    updates = [_update(number, slot=number) for number in range(10)]
    updates.insert(5, _huge_swap())
    async with Writer(pool) as writer:
        known = PoolRow(key("pool"), key("mint"), None)
        await commit(writer, Batch(pools=[known]), "confirmed")
        await pipeline.run(Recording(updates), _pipeline(pool, writer, settings()), Intake(100))
    amounts = await pool.fetch("SELECT quote_amount FROM trades ORDER BY seq")
    assert [row["quote_amount"] for row in amounts] == list(range(10))
    ((row),) = await pool.fetch("SELECT * FROM quarantine")
    assert row["signature"] == signature("huge")
    assert "could not be stored" in row["reason"]
    assert b"Program data" in row["payload"]
    await feed_is_whole(pool)


class _Endless:
    """A source that puts its updates and then waits for more, as a live one does."""

    def __init__(self, updates: list[Update]) -> None:
        self._updates = updates
        self.is_done = asyncio.Event()

    async def run(self, intake: Intake) -> None:
        for update in self._updates:
            await intake.put(update)
        self.is_done.set()
        await asyncio.Event().wait()


async def test_a_stop_commits_what_was_received(pool: Pool, settings: SettingsFactory) -> None:
    """Cancelled with updates waiting, it stores them all before it ends."""
    source = _Endless([_update(number, slot=number) for number in range(50)])
    async with Writer(pool) as writer:
        worker = _pipeline(pool, writer, settings(indexer_batch_rows=7))
        task = asyncio.create_task(pipeline.run(source, worker, Intake(100)))
        await source.is_done.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()
    assert await pool.fetchval("SELECT count(*) FROM trades") == 50
