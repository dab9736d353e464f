"""One statement, one moment: rows, the feed's position and how far history is verified."""

# ruff: noqa: S608 - what is put into statements are names that are written in this package

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from operator import itemgetter
from typing import Any, Generic, TypeVar

import asyncpg
import msgspec

from db.coverage import HORIZON, Horizon
from db.feed import Position
from db.pool import Connection, Pool

Item = TypeVar("Item")
Row = TypeVar("Row", bound=msgspec.Struct)
KeyPart = int | float | Decimal
Key = tuple[KeyPart, ...]
"""Place of an item in its list."""
Before = Key | None
"""Key of the last item of the page before."""

TIMEOUT_S = 5.0


ID_OF = "(SELECT id FROM keys WHERE key = {})"
"""A key's number, looked up before anything else: so the index of the numbers gives the order."""


class Moment(msgspec.Struct, frozen=True):
    """What an answer shows: everything in the feed up to here, and how far that is verified."""

    position: Position
    horizon: Horizon


class Page(msgspec.Struct, Generic[Item], frozen=True):
    """Items in the list's order; `last` is the key to go on from, None at the end."""

    moment: Moment
    items: list[Item]
    last: Key | None


class Arguments:
    """Values of a statement, and the placeholders that stand for them."""

    def __init__(self, *values: object) -> None:
        self.values = list(values)

    def add(self, value: object) -> str:
        """Its placeholder."""
        self.values.append(value)
        return f"${len(self.values)}"


async def at_moment(
    target: Pool | Connection, select: str, *arguments: object
) -> tuple[Moment, list[asyncpg.Record]]:
    """Rows of `select`, the feed's position and the horizon, in one statement, so of one moment."""
    records = await target.fetch(
        "SELECT h.epoch AS head_epoch, h.seq AS head_seq, z.*, r.* "
        f"FROM feed_head h CROSS JOIN ({HORIZON}) z "
        f"LEFT JOIN LATERAL (SELECT true AS is_found, q.* FROM ({select}) q) r ON true",
        *arguments,
        timeout=TIMEOUT_S,
    )
    first = records[0]
    moment = Moment(
        Position(first["head_epoch"], first["head_seq"]),
        Horizon(first["frontier_slot"], first["finalized_slot"], first["is_complete"]),
    )
    return moment, [record for record in records if record["is_found"]]


def page_of(
    moment: Moment, found: list[Item], limit: int, key: Callable[[Item], Key]
) -> Page[Item]:
    """The first `limit` of what was found; one more than that means that there is another page."""
    items = found[:limit]
    return Page(moment, items, key(items[-1]) if len(found) > limit else None)


def row_of(kind: type[Row], record: asyncpg.Record) -> Row:
    """The record's columns that are the struct's fields."""
    values: dict[str, Any] = {name: record[name] for name in kind.__struct_fields__}
    return kind(**values)


def rows_of(kind: type[Row], records: Iterable[asyncpg.Record]) -> list[Row]:
    """The same of many, of a struct that takes its fields by their places: a third of the time."""
    values = itemgetter(*kind.__struct_fields__)
    return [kind(*values(record)) for record in records]


def columns_of(row: type[msgspec.Struct], others: tuple[str, ...] = ()) -> str:
    """The struct's fields as columns of `t`, `others` of `k`."""
    names = row.__struct_fields__
    return ", ".join(f"k.{name}" if name in others else f"t.{name}" for name in names)
