"""After an upgrade, one command decodes what an older version had to set aside."""

from __future__ import annotations

from chaos.truth import node_facts
from db.pool import Pool
from indexer.requeue import Outcome, requeue
from localnet.node import Localnet
from localnet.traders import Traders
from programs.keys import signature_of
from tests.conftest import SettingsFactory
from tests.helpers.indexing import indexing, settings_for, stored_facts, until

TRANSACTIONS = 60


async def set_aside(pool: Pool, net: Localnet) -> int:
    """What a version that can decode nothing leaves behind; how many transactions."""
    landed = sorted({(fact.signature, fact.slot) for fact in await node_facts(net.rpc_url)})
    await pool.executemany(
        """INSERT INTO quarantine (signature, slot, program, path, reason, payload)
           VALUES ($1, $2, 'pump', 'log:1', 'an event the interface does not have', '')""",
        [(signature_of(signature), slot) for signature, slot in landed],
    )
    return len(landed)


async def test_everything_leaves_the_quarantine_once(
    localnet: Localnet, pool: Pool, settings: SettingsFactory
) -> None:
    """All events are stored, each once, the quarantine is empty, and a second run finds nothing."""
    await Traders(localnet.rpc_url, seed=5).play(TRANSACTIONS, between=localnet.tick)
    count = await set_aside(pool, localnet)
    seen: list[tuple[int, int]] = []
    config = settings_for(localnet, settings)
    outcome = await requeue(config, pool, lambda done, total: seen.append((done, total)))
    truth = await node_facts(localnet.rpc_url)
    assert sorted(await stored_facts(pool)) == sorted(truth)
    assert outcome == Outcome(total=count, released=count, events=len(truth))
    assert seen[-1] == (count, count)
    assert await pool.fetchval("SELECT count(*) FROM quarantine") == 0
    await set_aside(pool, localnet)
    again = await requeue(config, pool, lambda *_: None)
    assert (again.released, again.events) == (count, 0)
    assert sorted(await stored_facts(pool)) == sorted(truth)


async def test_what_the_node_does_not_have_stays(
    localnet: Localnet, pool: Pool, settings: SettingsFactory
) -> None:
    """A transaction that the node has pruned keeps its bytes in quarantine."""
    await pool.execute(
        """INSERT INTO quarantine (signature, slot, program, path, reason, payload)
           VALUES ($1, 1, 'pump', 'log:1', 'unknown', 'bytes')""",
        bytes(64),
    )
    outcome = await requeue(settings_for(localnet, settings), pool, lambda *_: None)
    assert outcome == Outcome(total=1, not_at_the_node=1)
    assert await pool.fetchval("SELECT payload FROM quarantine") == b"bytes"


async def test_a_running_indexer_is_asked(
    localnet: Localnet, pool: Pool, settings: SettingsFactory
) -> None:
    """There is one writer: an indexer that runs decodes it, and reports what it could not get."""
    await Traders(localnet.rpc_url, seed=6).play(30, between=localnet.tick)
    start = localnet.tick()
    count = await set_aside(pool, localnet)
    await pool.execute(
        """INSERT INTO quarantine (signature, slot, program, path, reason, payload)
           VALUES ($1, 1, 'pump', 'log:1', 'unknown', 'bytes')""",
        bytes(64),
    )
    config = settings_for(localnet, settings, indexer_start_slot=start)
    async with indexing(config, pool):
        localnet.tick()
        await until(lambda: pool.fetchval("SELECT count(*) > 0 FROM checkpoints"), "at work")
        outcome = await requeue(config, pool, lambda *_: None)
    truth = await node_facts(localnet.rpc_url)
    assert outcome == Outcome(total=count + 1, released=count, not_at_the_node=1, events=len(truth))
    assert sorted(await stored_facts(pool)) == sorted(truth)
    assert await pool.fetchval("SELECT array_agg(payload) FROM quarantine") == [b"bytes"]
    assert await pool.fetchval("SELECT count(*) FROM requests") == 0
