"""What happened, twice: as the chain's ledger has it, and as Postgres has it."""

from __future__ import annotations

import time

import asyncpg
import msgspec
from solders.account import Account
from solders.pubkey import Pubkey

from chaos.callbacks import Published
from chaos.folds import wrong_folds
from chaos.readings import Placed, facts_in_order, stored
from chaos.truth import Fact, landed_facts
from chaos.verdict import Landing
from db.feed import STATE_EVENTS
from db.pool import Connection
from localnet.chain import CONFIRMED
from localnet.ledger import Bank, Landed
from programs.keys import b58

_LIVELY_SLOTS = 150


class Recorder:
    """Listens to the chain: events of confirmed slots, less those that forks abandoned."""

    def __init__(self) -> None:
        self.count = 0
        self.dropped: set[Landing] = set()
        """What landed in slots that were abandoned."""
        self._slots: dict[int, list[Fact]] = {}
        self._landings: dict[int, list[Landing]] = {}
        self._mints: dict[str, int] = {}
        self._wallets: dict[str, int] = {}
        self._newest = 0
        self._trades_at: list[tuple[float, int]] = []

    def on_transaction(self, landed: Landed, _: list[Pubkey], bank: Bank) -> None:
        """Remember in which slot it is: that may be abandoned before it is confirmed."""
        self._landings.setdefault(bank.slot, []).append((landed.signature, bank.slot))

    def on_level(self, bank: Bank, level: int) -> None:
        """Keep what a confirmed slot holds."""
        if level != CONFIRMED:
            self._landings.pop(bank.slot, None)  # finalized: no fork undoes it
            return
        self._newest = bank.slot
        facts = [fact for landed in bank.transactions for fact in landed_facts(landed)]
        self.count += len(facts) - len(self._slots.get(bank.slot, ()))
        self._slots[bank.slot] = facts
        trades = sum(fact.kind == "trade" for fact in facts)
        self._trades_at.append((time.time(), trades))
        for fact in facts:
            if fact.kind == "trade":
                self._mints[fact.mint] = self._wallets[fact.wallet] = bank.slot

    def on_slot(self, bank: Bank, root: int) -> None:
        """Nothing."""

    def on_revert(self, key: Pubkey, account: Account | None, slot: int) -> None:
        """Nothing: `drop` is told of slots."""

    def drop(self, slots: list[int]) -> None:
        """A fork abandoned these."""
        for slot in slots:
            self.count -= len(self._slots.pop(slot, ()))
            self.dropped.update(self._landings.pop(slot, ()))

    def truth(self) -> list[Fact]:
        """Every event, in the order of the chain."""
        return [fact for slot in sorted(self._slots) for fact in self._slots[slot]]

    def trades_between(self, since: float, until: float) -> int:
        """How many were confirmed between these moments (unix seconds), abandoned ones too."""
        return sum(count for at, count in self._trades_at if since <= at <= until)

    def mints(self) -> list[str]:
        """Tokens traded lately, those first that were first traded first."""
        return [key for key, at in self._mints.items() if at > self._newest - _LIVELY_SLOTS]

    def wallets(self) -> list[str]:
        """Wallets that traded lately."""
        return [key for key, at in self._wallets.items() if at > self._newest - _LIVELY_SLOTS]


class History(msgspec.Struct, frozen=True):
    """Postgres at the end."""

    events: list[Placed]
    """Those that stand."""
    feed: list[Published]
    unfolded: list[str]
    retracted: int

    @property
    def facts(self) -> list[Fact]:
        """Those that stand, each token's in its order."""
        return facts_in_order(self.events)

    def last_of_rooms(self) -> dict[str, int]:
        """Seq of the last log event of each room."""
        last: dict[str, int] = {}
        for row in self.feed:
            last[f"token_{row.mint}"] = last[f"user_{row.wallet}"] = row.seq
        return last


async def recorded(url: str) -> tuple[int, int, int]:
    """How many events stand in Postgres, how far the feed is, and of how many trades the place in
    the block is not known yet: until it is, nobody claims their order.
    """
    connection = await asyncpg.connect(url, timeout=10)
    try:
        row = await connection.fetchrow(
            """SELECT (SELECT count(*) FROM trades WHERE NOT retracted)
                      + (SELECT count(*) FROM token_events WHERE NOT retracted) AS events,
                      (SELECT seq FROM feed_head) AS seq,
                      (SELECT count(*) FROM trade_rows
                       WHERE NOT retracted AND tx_index IS NULL) AS unplaced"""
        )
    finally:
        await connection.close()
    return (0, 0, 0) if row is None else (row["events"], row["seq"], row["unplaced"])


async def read_history(url: str) -> History:
    """All of it, as of one moment."""
    connection = await asyncpg.connect(url, timeout=10)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            feed = await _published(connection)
            return History(
                events=await stored(connection),
                feed=feed,
                unfolded=await wrong_folds(connection),
                retracted=sum(row.takes_back > 0 for row in feed),
            )
    finally:
        await connection.close()


async def _published(connection: Connection) -> list[Published]:
    rows = await connection.fetch(
        """SELECT seq, mint, wallet,
                  CASE WHEN event = 'retracted' THEN (data::jsonb ->> 'seq')::bigint ELSE 0 END
                  AS takes_back
           FROM feed WHERE event <> ALL($1) ORDER BY seq""",
        list(STATE_EVENTS),
    )
    return [
        Published(row["seq"], _key(row["mint"]), _key(row["wallet"]), row["takes_back"])
        for row in rows
    ]


def _key(key: bytes | None) -> str:
    return "" if key is None else b58(key)
