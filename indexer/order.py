"""The chain's order of what is stored.

Slots are in order, and inside one the indexes in the block: as soon as those of all that is to be
ordered are known. The subscription does not tell them; until the sweep does, the order of arrival
stands in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Protocol, TypeVar


class Placed(Protocol):
    """Anything stored with its place."""

    @property
    def slot(self) -> int: ...
    @property
    def seq(self) -> int: ...
    @property
    def tx_index(self) -> int | None: ...


_P = TypeVar("_P", bound=Placed)


def in_order(rows: Iterable[_P]) -> list[_P]:
    """Rows of one token, in the chain's order. One transaction's events are stored in order."""
    ordered: list[_P] = []
    by_arrival = sorted(rows, key=lambda row: (row.slot, row.seq))
    for _, group in groupby(by_arrival, key=lambda row: row.slot):
        ordered += _of_slot(list(group))
    return ordered


def _of_slot(rows: Sequence[_P]) -> Sequence[_P]:
    if len(rows) == 1 or any(row.tx_index is None for row in rows):
        return rows
    return sorted(rows, key=lambda row: (row.tx_index or 0, row.seq))
