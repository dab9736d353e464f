"""Lists of signatures: read whole, and believed only where they reach what is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from common.errors import NodeError
from indexer import rpc
from indexer.listing import AnchorMissing, Span, listed
from indexer.rpc import Node, SignatureInfo
from tests.helpers.fake_node import RpcFailure, fake_node

Row = dict[str, Any]


def _row(name: str, slot: int, place: int | None = 0) -> Row:
    return {"signature": name, "slot": slot, "err": None, "transactionIndex": place}


def _history(rows: list[Row], page: int) -> Callable[[str, list[Any]], Any]:
    """A node with these rows, newest first, that gives `page` of them at once."""

    def answer(_method: str, params: list[Any]) -> Any:
        before = params[1].get("before")
        names = [row["signature"] for row in rows]
        at = names.index(before) + 1 if before else 0
        return rows[at : at + page]

    return answer


def _span(first: int, last: int, anchor: tuple[str, int] | None = None) -> Span:
    return Span(address="program", first=first, last=last, anchor=anchor)


async def _all(answer: Callable[[str, list[Any]], Any], span: Span) -> list[list[SignatureInfo]]:
    async with fake_node(answer) as fake, Node(fake.url, "confirmed") as node:
        return [part async for part in listed(node, span)]


def _names(parts: list[list[SignatureInfo]]) -> str:
    return " ".join(info.signature for part in parts for info in part)


ROWS = [_row(f"s{number}", number // 3, number % 3) for number in reversed(range(60))]


@pytest.mark.parametrize("page", [1, 2, 7, 1000])
async def test_pages_make_one_list_oldest_first(page: int) -> None:
    """However short the pages, also if they are too many to keep and are read twice."""
    parts = await _all(_history(ROWS, page), _span(3, 17))
    assert _names(parts) == " ".join(f"s{number}" for number in range(9, 54))


@pytest.mark.parametrize("page", [1, 2, 7])
async def test_parts_hold_whole_slots(page: int) -> None:
    """A slot that two pages share is not torn: a mark after a part may vouch for its slots."""
    parts = await _all(_history(ROWS, page), _span(0, 19))
    seen: set[int] = set()
    for part in parts:
        slots = {info.slot for info in part}
        assert not slots & seen
        seen |= slots


async def test_an_empty_page_before_the_anchor_is_not_believed() -> None:
    """The node said more before: "results disappear" is a known failure, not an end."""
    with pytest.raises(AnchorMissing):
        await _all(_history([], 10), _span(5, 19, anchor=("s9", 3)))


async def test_a_list_without_its_anchor_is_not_believed() -> None:
    """One in the middle is gone although older ones are there."""
    rows = [row for row in ROWS if row["signature"] != "s40"]
    with pytest.raises(AnchorMissing):
        await _all(_history(rows, 1000), _span(5, 19, anchor=("s40", 13)))


async def test_the_end_of_a_history_is_believed_once_the_anchor_was_met() -> None:
    """Nothing older than the anchor is asked for."""
    parts = await _all(_history(ROWS[:5], 1000), _span(0, 19, anchor=("s57", 19)))
    assert _names(parts) == "s55 s56 s57 s58 s59"


async def test_an_end_that_is_none_is_noticed() -> None:
    """Where nothing is known to be there, an empty page is read again before it counts."""
    answers = iter([ROWS[:3], [], ROWS[3:6], []])

    def answer(_method: str, _params: list[Any]) -> Any:
        return next(answers)

    with pytest.raises(NodeError, match="and then it did not"):
        await _all(answer, _span(0, 19))


async def test_a_backend_that_is_behind_has_to_say_so() -> None:
    """The first page asks for the tip's own state: a lagging backend refuses, and waits."""
    refusals = iter([True, True, False, False, False])

    def answer(_method: str, params: list[Any]) -> Any:
        assert "before" in params[1] or params[1]["minContextSlot"] == 19
        if next(refusals):
            raise RpcFailure(-32016, "Minimum context slot has not been reached")
        return ROWS

    assert _names(await _all(answer, _span(19, 19))) == "s57 s58 s59"


async def test_without_indexes_the_place_is_that_among_the_programs_own() -> None:
    """Older nodes do not say the index in the block; the list's order is the block's, reversed."""
    rows = [_row(f"s{number}", number // 3, None) for number in reversed(range(9))]
    parts = await _all(_history(rows, 2), _span(1, 2))
    places = [(info.slot, info.transaction_index) for part in parts for info in part]
    assert places == [(1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2)]


async def test_an_index_lost_on_the_way_is_noticed() -> None:
    """Some of a slot with and some without: the answer is not whole."""
    rows = [_row("b", 1, 1), _row("a", 1, None), _row("z", 0)]
    with pytest.raises(NodeError, match="not whole"):
        await _all(_history(rows, 1000), _span(1, 1))


def test_a_page_is_what_nodes_give_at_most() -> None:
    """More than a thousand are refused."""
    assert rpc.PAGE == 1_000
