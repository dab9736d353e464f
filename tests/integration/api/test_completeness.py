"""What the API says of completeness: never more than the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from db.coverage import Gap, Marking, Verified
from db.pool import Pool
from db.writer import Writer
from indexer.commit import Batch, commit
from programs.keys import signature_b58
from tests.helpers.events import signature
from tests.integration.api.conftest import Serve


@pytest.fixture
def is_direct() -> bool:
    """REST doesn't depend on the output path."""
    return True


@pytest.fixture
async def http(serve: Serve) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of a served API."""
    server = await serve()
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{server.port}/api/v1") as client:
        yield client


async def mark(pool: Pool, frontier: int, tip: int, *gaps: Gap, method: str = "signatures") -> None:
    """A look at the node, as the indexer writes it; pump's history begins at slot 100."""
    one = Verified("pump", 100, frontier, method, 3, (signature("anchor"), frontier))
    marking = Marking(verified=(one,), tip_slot=tip, finalized_slot=tip - 30, gaps=gaps)
    async with Writer(pool) as writer:
        await commit(writer, Batch(markings=[marking]), "confirmed")


async def meta(http: httpx2.AsyncClient) -> dict[str, Any]:
    """`meta` of a history answer, without the feed's position."""
    body = (await http.get("/tokens")).json()
    return {name: body["meta"][name] for name in ("frontier_slot", "finalized_slot", "complete")}


async def completeness(http: httpx2.AsyncClient, **query: Any) -> Any:
    """The answer for pump."""
    answer = await http.get("/completeness", params={"program": "pump"} | query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def gap(slot: int) -> Gap:
    """A transaction the node did not deliver."""
    return Gap(signature(f"gap {slot}"), slot, "pump", "the node does not deliver it")


async def test_nothing_is_claimed_before_a_look(http: httpx2.AsyncClient) -> None:
    """Without a ledger nothing is verified, and the program is not known to it."""
    assert await meta(http) == {"frontier_slot": None, "finalized_slot": None, "complete": False}
    answer = await http.get("/completeness", params={"program": "pump"})
    assert answer.status_code == 404
    assert answer.json()["hint"]


async def test_at_the_tip_it_is_complete(http: httpx2.AsyncClient, pool: Pool) -> None:
    """The frontier at the node's newest slot, a moment ago."""
    await mark(pool, 150, 150)
    assert await meta(http) == {"frontier_slot": 150, "finalized_slot": 120, "complete": True}
    body = await completeness(http)
    assert (body["from_slot"], body["to_slot"], body["complete"]) == (100, 150, True)


async def test_an_open_hole_makes_it_incomplete(http: httpx2.AsyncClient, pool: Pool) -> None:
    """The hole is named; slots below it are complete; when it closes it stays as history."""
    await mark(pool, 139, 150, gap(140))
    assert (await meta(http))["complete"] is False
    body = await completeness(http)
    ((named),) = body["gaps"]
    assert (named["slot"], named["closed_at"], body["complete"]) == (140, None, False)
    assert named["signature"] == signature_b58(signature("gap 140"))
    assert (await completeness(http, from_slot=100, to_slot=139))["complete"] is True
    await mark(pool, 150, 150)
    async with asyncio.timeout(30):  # what everybody asks for is read a few times a second
        while not (await meta(http))["complete"]:  # noqa: ASYNC110 - it has no event of its own
            await asyncio.sleep(0.05)
    ((named),) = (await completeness(http))["gaps"]
    assert named["closed_at"] is not None


async def test_slots_outside_the_history_are_not_complete(
    http: httpx2.AsyncClient, pool: Pool
) -> None:
    """Before the first slot nothing is claimed, nor beyond the frontier."""
    await mark(pool, 150, 150)
    for first, last in ((99, 120), (120, 151), (0, 10), (200, 300)):
        assert (await completeness(http, from_slot=first, to_slot=last))["complete"] is False


async def test_an_old_look_says_nothing_of_now(http: httpx2.AsyncClient, pool: Pool) -> None:
    """While nobody indexes, answers are as of the frontier and not complete."""
    await mark(pool, 150, 150)
    await pool.execute("UPDATE checkpoints SET updated_at = now() - interval '1 minute'")
    assert await meta(http) == {"frontier_slot": 150, "finalized_slot": 120, "complete": False}
    assert (await completeness(http))["age_s"] >= 60


async def test_ranges_adjoin_and_name_their_method(http: httpx2.AsyncClient, pool: Pool) -> None:
    """Looks in one way make one range, another way begins one; an older look moves nothing."""
    await mark(pool, 120, 120)
    await mark(pool, 130, 130)
    await mark(pool, 150, 150, method="blocks")
    await mark(pool, 110, 150)
    body = await completeness(http)
    ranges = [(one["from_slot"], one["to_slot"], one["method"]) for one in body["ranges"]]
    assert ranges == [(100, 130, "signatures"), (131, 150, "blocks")]
    assert body["ranges"][0]["signatures"] == 6
    assert body["frontier_slot"] == 150


async def test_a_range_the_wrong_way_round_is_refused(http: httpx2.AsyncClient, pool: Pool) -> None:
    """It is a mistake, not an empty range."""
    await mark(pool, 150, 150)
    query: dict[str, str | int] = {"program": "pump", "from_slot": 20, "to_slot": 10}
    assert (await http.get("/completeness", params=query)).status_code == 422
