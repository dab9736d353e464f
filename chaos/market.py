"""Who trades where the indexer is not what is tested: its own writer, fed with trades by hand, and
what the feed's table says of them in the end.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import asyncpg
import msgspec

from common.errors import CurvefeedError
from db.feed import OUTAGE, STATE_EVENTS
from db.pool import pool_of
from db.writer import Writer
from indexer.commit import Batch, commit
from indexer.seen import Seen, quote_of
from programs.events import NATIVE_SOL, AnyEvent, Created, Traded
from programs.keys import b58, signature_b58

_WALLET = bytes([9]) * 32
_BASE, _QUOTE = 1_073_000_000_000_000, 30_000_000_000
_TIME = 1_795_000_000
_MOST_AT_ONCE = 50


class Told(msgspec.Struct, frozen=True, gc=False):
    """One log event of the feed, as Postgres has it. `ts`: when it was committed, ms."""

    seq: int
    data: bytes
    is_trade: bool = True
    ts: int = 0


class State(msgspec.Struct, frozen=True, gc=False):
    """What a mint's price, or a position in it, was from `seq` on."""

    seq: int
    data: dict[str, Any]


class History(msgspec.Struct):
    """What every room should have been told, in order; prices and positions by mint, likewise."""

    rooms: dict[str, list[Told]]
    prices: dict[str, list[State]] = {}
    positions: dict[str, list[State]] = {}


class Market:
    """Trades of one wallet with a few tokens, stored as the indexer does: rows, states and feed in
    one transaction.
    """

    def __init__(self, url: str, tokens: int) -> None:
        self._url = url
        self._mints = [bytes([7]) * 31 + bytes([number]) for number in range(tokens)]
        self.number = 0
        """Events made so far."""
        self._batch = Batch(events=[self._seen(_created(mint)) for mint in self._mints])
        """What is to be stored next: kept over outages, as it may have been stored or not."""

    @property
    def rooms(self) -> list[str]:
        """Global, every token, and the wallet that trades them all."""
        return ["global", *(f"token_{b58(mint)}" for mint in self._mints), f"user_{b58(_WALLET)}"]

    async def run(self, per_s: float) -> None:
        """Trade until cancelled, through outages."""
        while True:
            with suppress(*OUTAGE, CurvefeedError):
                async with pool_of(self._url, 2) as pool, Writer(pool) as writer:
                    await self._trade(writer, per_s)
            await asyncio.sleep(0.1)

    async def _trade(self, writer: Writer, per_s: float) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time() - 1 / per_s
        while True:
            await commit(writer, self._batch, "confirmed")
            await asyncio.sleep(max(0, began + 1 / per_s - loop.time()))
            due = max(1, min(_MOST_AT_ONCE, int((loop.time() - began) * per_s)))
            began = max(began + due / per_s, loop.time() - 1)
            self._batch = Batch(events=[self._seen(self._traded()) for _ in range(due)])

    def _traded(self) -> Traded:
        """Two of three are buys, and no two leave the same price."""
        number = self.number
        return Traded(
            program="pump", ordinal=0, mint=self._mints[number % len(self._mints)], wallet=_WALLET,
            pool=None, timestamp=_TIME + number // 10, is_buy=number % 3 != 0,
            base_amount=1_000_000 + number, quote_amount=1_000 + number,
            user_quote_amount=1_010 + number, quote_mint=NATIVE_SOL, fees={"fee": 10}, reserves={},
            virtual_base=_BASE - 1_000_000 * number, virtual_quote=_QUOTE + 1_000 * number,
            progress_bps=number % 10_000,
        )  # fmt: skip

    def _seen(self, event: AnyEvent) -> Seen:
        """In a transaction of its own, ten to a slot."""
        self.number += 1
        signature = hashlib.sha512(b"%d" % self.number).digest()
        return Seen(
            event=event, mint=event.mint or b"", quote_mint=quote_of(event.quote_mint),
            signature=signature, signature_text=signature_b58(signature),
            slot=1 + self.number // 10, block_time=event.timestamp,
        )  # fmt: skip

    async def told(self) -> History:
        """What the table says."""
        connection = await asyncpg.connect(self._url)
        try:
            rows = await connection.fetch(
                """SELECT seq, event, mint, wallet, data, price_update, portfolio_update,
                    (extract(epoch FROM committed_at) * 1000)::bigint AS ts
                FROM feed WHERE event <> ALL($1) ORDER BY seq""",
                list(STATE_EVENTS),
            )
        finally:
            await connection.close()
        history = History({room: [] for room in self.rooms})
        for row in rows:
            each = Told(row["seq"], row["data"].encode(), row["event"] == "new_trade", row["ts"])
            mint = b58(row["mint"])
            for room in ("global", f"token_{mint}", f"user_{b58(row['wallet'])}"):
                history.rooms[room].append(each)
            for name, kept in (
                ("price_update", history.prices), ("portfolio_update", history.positions),
            ):  # fmt: skip
                if row[name] is not None:
                    kept.setdefault(mint, []).append(State(row["seq"], json.loads(row[name])))
        return history


def _created(mint: bytes) -> Created:
    return Created(
        program="pump", ordinal=0, mint=mint, wallet=_WALLET, pool=None, timestamp=_TIME,
        creator=_WALLET, name="Coin", symbol="COIN", uri="https://example.org/coin.json",
        quote_mint=NATIVE_SOL, base_decimals=6, supply=1_000_000_000_000_000, virtual_base=_BASE,
        virtual_quote=_QUOTE, real_base=793_100_000_000_000, real_quote=0, flags=(),
    )  # fmt: skip


def spread(rooms: Sequence[str], count: int) -> list[str]:
    """As many rooms, each of them as often as the others, but for one."""
    return [rooms[number % len(rooms)] for number in range(count)]
