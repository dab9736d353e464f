"""What Postgres holds and what a client was told, as facts in the order they claim."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import asyncpg
import msgspec

from chaos.truth import Fact, Kind
from db.pool import Connection
from programs.keys import b58, signature_b58

KINDS: Mapping[str, Kind] = {
    "new_trade": "trade",
    "token_created": "create",
    "curve_completed": "complete",
    "token_migrated": "migrate",
}
FIELDS = frozenset(
    {
        "program", "signature", "slot", "mint", "ordinal", "wallet", "side", "base_amount",
        "quote_amount", "virtual_base_reserves", "virtual_quote_reserves", "tx_index", "seq",
    }
)  # fmt: skip
"""Of the data of log events: what is read here."""
Reserves = tuple[int, int]


class Placed(msgspec.Struct, frozen=True):
    """A trade with all that may tell its place among those of its token in its slot."""

    fact: Fact
    seq: int
    tx_index: int | None
    reserves: Reserves | None
    """Virtual base and quote after it."""

    @property
    def reserves_before(self) -> Reserves | None:
        """What the reserves were, by what it moved."""
        if self.reserves is None:
            return None
        sign = 1 if self.fact.side == "buy" else -1
        base, quote = self.reserves
        return base + sign * self.fact.base_amount, quote - sign * self.fact.quote_amount


def ordered(trades: Iterable[Placed]) -> list[Fact]:
    """By slot; inside one, a token's trades by index in the block where all have it, else by the
    chain of reserves (what one leaves the next one finds), else as they arrived.
    """
    groups: dict[tuple[int, str], list[Placed]] = defaultdict(list)
    for trade in sorted(trades, key=lambda trade: trade.seq):
        groups[trade.fact.slot, trade.fact.mint].append(trade)
    return [trade.fact for key in sorted(groups) for trade in _inside_a_slot(groups[key])]


def _inside_a_slot(trades: list[Placed]) -> list[Placed]:
    if all(trade.tx_index is not None for trade in trades):
        return sorted(trades, key=lambda trade: (trade.tx_index or 0, trade.fact.ordinal))
    return _by_reserves(trades) or trades


def _by_reserves(trades: list[Placed]) -> list[Placed] | None:
    """The trades as links of one chain; None if they are not."""
    after = {trade.reserves for trade in trades}
    following = {trade.reserves_before: trade for trade in trades}
    first = [trade for trade in trades if trade.reserves_before not in after]
    if len(first) != 1:
        return None
    chain = first
    while len(chain) < len(trades) and (link := following.get(chain[-1].reserves)):
        chain.append(link)
    return chain if len(chain) == len(trades) else None


async def stored(connection: Connection) -> list[Placed]:
    """Events in Postgres that stand: trades as they come, the others by slot."""
    trades = await connection.fetch(
        """SELECT signature, slot, mint, ordinal, wallet, is_buy, base_amount, quote_amount,
                  tx_index, seq
           FROM trades WHERE NOT retracted AND program = 'pump'"""
    )
    others = await connection.fetch(
        """SELECT kind, signature, slot, mint, seq FROM token_events
           WHERE NOT retracted AND program = 'pump' ORDER BY slot, seq"""
    )
    return [
        *(
            Placed(
                Fact(row["kind"], signature_b58(row["signature"]), row["slot"], b58(row["mint"])),
                row["seq"], None, None,
            )
            for row in others
        ),
        *(_of_row(row) for row in trades),
    ]  # fmt: skip


def facts_in_order(events: Iterable[Placed]) -> list[Fact]:
    """Each token's in its order; what is no trade comes first."""
    events = list(events)
    others = [event.fact for event in events if event.fact.kind != "trade"]
    return [*others, *ordered(event for event in events if event.fact.kind == "trade")]


async def stored_facts(connection: Connection) -> list[Fact]:
    """Events in Postgres that stand, each token's in its order."""
    return facts_in_order(await stored(connection))


def _of_row(row: asyncpg.Record) -> Placed:
    fact = Fact(
        "trade", signature_b58(row["signature"]), row["slot"], b58(row["mint"]), row["ordinal"],
        "" if row["wallet"] is None else b58(row["wallet"]), "buy" if row["is_buy"] else "sell",
        int(row["base_amount"]), int(row["quote_amount"]),
    )  # fmt: skip
    # History is asked for by place, not by reserves: rows have to know theirs.
    return Placed(fact, row["seq"], row["tx_index"], None)


def told_facts(events: Iterable[Mapping[str, Any]]) -> list[Fact]:
    """Log events as a client holds them, retracted ones already taken out, in its order."""
    others: list[Fact] = []
    trades: list[Placed] = []
    for event in events:
        kind, data = KINDS.get(event["type"]), event["data"]
        if data.get("program") != "pump" or kind is None:
            continue
        if kind == "trade":
            trades.append(_of_event(event["seq"], data))
        else:
            others.append(Fact(kind, data["signature"], data["slot"], data["mint"]))
    return [*others, *ordered(trades)]


def _of_event(seq: int, data: Mapping[str, Any]) -> Placed:
    fact = Fact(
        "trade", data["signature"], data["slot"], data["mint"], data["ordinal"],
        data["wallet"] or "", data["side"], int(data["base_amount"]), int(data["quote_amount"]),
    )  # fmt: skip
    base, quote = data.get("virtual_base_reserves"), data.get("virtual_quote_reserves")
    reserves = None if base is None or quote is None else (int(base), int(quote))
    return Placed(fact, seq, data.get("tx_index"), reserves)
