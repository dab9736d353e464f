"""What a chain remembers: banks (one per slot), landed transactions, and who took part in them."""

from __future__ import annotations

import itertools
import zlib
from bisect import bisect_left, bisect_right
from collections import Counter, deque
from collections.abc import Iterator

import msgspec
from solders.account import Account
from solders.hash import Hash
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

Json = object
"""What msgspec encodes as it is: dict, list, str, int, float, bool, None."""

MAX_AGE = 150
"""Blocks a blockhash stays valid."""


class InnerInstruction(msgspec.Struct, frozen=True, rename="camel"):
    """One call a program made; `data` is base58 by the time it is printed."""

    program_id_index: int
    accounts: list[int]
    data: bytes
    stack_height: int | None


class InnerGroup(msgspec.Struct, frozen=True):
    """The calls below top-level instruction number `index`."""

    index: int
    instructions: list[InnerInstruction]


class TokenBalance(msgspec.Struct, frozen=True):
    """A token account's amount before or after a transaction."""

    account_index: int
    mint: str
    owner: str
    program: str
    amount: int
    decimals: int


class Meta(msgspec.Struct, frozen=True):
    """What executing a transaction brought about. Lamports and base units."""

    err: Json
    fee: int
    pre_balances: list[int]
    post_balances: list[int]
    pre_tokens: list[TokenBalance]
    post_tokens: list[TokenBalance]
    inner: list[InnerGroup]
    logs: list[str]
    compute_units: int
    return_data: tuple[str, bytes] | None


class Landed:
    """A transaction in a block. Old ones keep only packed bytes, about a third of the size."""

    __slots__ = (
        "_meta",
        "_packed",
        "_transaction",
        "err",
        "index",
        "loaded",
        "raw",
        "signature",
        "slot",
    )

    def __init__(self, transaction: VersionedTransaction, loaded: Loaded, meta: Meta) -> None:
        self.signature = str(transaction.signatures[0])
        self.raw = bytes(transaction)
        self.loaded = loaded
        self.err = meta.err
        self.slot = self.index = 0
        self._transaction: VersionedTransaction | None = transaction
        self._meta: Meta | None = meta
        self._packed = b""

    @property
    def transaction(self) -> VersionedTransaction:
        """The signed transaction."""
        return self._transaction or VersionedTransaction.from_bytes(self.raw)

    @property
    def meta(self) -> Meta:
        """What it brought about."""
        return self._meta or msgspec.msgpack.decode(zlib.decompress(self._packed), type=Meta)

    @property
    def keys(self) -> list[Pubkey]:
        """All accounts, looked-up ones last (writable before read-only), as indexes count them."""
        return [
            *self.transaction.message.account_keys,
            *self.loaded.writable,
            *self.loaded.readonly,
        ]

    @property
    def position(self) -> tuple[int, int]:
        """Slot, and index inside its block."""
        return self.slot, self.index

    def pack(self) -> None:
        """Trade time for memory: from now on, parts are unpacked when asked for."""
        if self._meta is not None:
            self._packed = zlib.compress(msgspec.msgpack.encode(self._meta), 1)
            self._meta = self._transaction = None


class Loaded(msgspec.Struct, frozen=True):
    """Accounts a v0 transaction names through lookup tables."""

    writable: tuple[Pubkey, ...] = ()
    readonly: tuple[Pubkey, ...] = ()


class Bank:
    """One slot: what it executed and, for undoing it, what each account was before."""

    __slots__ = (
        "after",
        "before",
        "hash",
        "height",
        "parent",
        "parent_hash",
        "slot",
        "time",
        "transactions",
    )

    def __init__(self, slot: int, parent: Bank | None, time: int) -> None:
        self.slot = slot
        self.parent: int = parent.slot if parent else max(0, slot - 1)
        self.height: int = parent.height + 1 if parent else 0
        self.parent_hash = parent.hash if parent and parent.hash else Hash.default()
        self.time = time
        self.hash: Hash | None = None
        self.transactions: list[Landed] = []
        self.before: dict[Pubkey, Account | None] = {}
        self.after: dict[Pubkey, Account | None] = {}

    def seal(self) -> None:
        """Finalized: nobody will undo it or ask for the accounts of that moment."""
        self.before.clear()
        self.after.clear()
        for landed in self.transactions:
            landed.pack()


class Span(msgspec.Struct, frozen=True):
    """A part of history: not above slot `up_to`, between two signatures (both excluded)."""

    up_to: int
    before: str | None = None
    until: str | None = None


class Ledger:
    """Banks in order of slots, transactions by signature and by address. Forgets the oldest.

    `keep` is the number of transactions that survive pruning; banks go with their transactions.
    """

    def __init__(self, keep: int) -> None:
        self.keep = keep
        self.banks: dict[int, Bank] = {}
        self.slots: deque[int] = deque()
        self.transactions: dict[str, Landed] = {}
        self.by_hash: dict[Hash, Bank] = {}
        self.count = 0
        self._by_address: dict[Pubkey, list[Landed]] = {}

    @property
    def first_slot(self) -> int:
        """The oldest slot that is remembered."""
        return self.slots[0]

    def open(self, bank: Bank) -> None:
        """Add the newest bank."""
        self.banks[bank.slot] = bank
        self.slots.append(bank.slot)

    def newest_first(self) -> Iterator[Bank]:
        """All banks, from the tip down."""
        return (self.banks[slot] for slot in reversed(self.slots))

    def above(self, slot: int) -> list[Bank]:
        """Banks newer than `slot`, oldest first."""
        newer = itertools.takewhile(lambda bank: bank.slot > slot, self.newest_first())
        return list(newer)[::-1]

    def between(self, start: int, end: int) -> list[int]:
        """Slots with a block from `start` to `end`, both included."""
        return [slot for slot in self.slots if start <= slot <= end]

    def land(self, bank: Bank, landed: Landed) -> None:
        """Append `landed` to `bank`."""
        landed.slot, landed.index = bank.slot, len(bank.transactions)
        bank.transactions.append(landed)
        self.transactions[landed.signature] = landed
        self.count += 1
        for key in dict.fromkeys(landed.keys):
            self._by_address.setdefault(key, []).append(landed)

    def drop(self, bank: Bank) -> None:
        """Forget the newest bank: its fork lost."""
        self.slots.pop()
        del self.banks[bank.slot]
        if bank.hash is not None:
            del self.by_hash[bank.hash]
        for key, count in self._unlisted(bank).items():
            del self._by_address[key][-count:]

    def prune(self, below: int) -> None:
        """Forget the oldest banks under slot `below` while more transactions than `keep` are held.

        Empty slots count too (one eighth of a transaction), or an idle chain would grow for ever.
        """
        while self.slots[0] < below and len(self.transactions) + len(self.slots) // 8 > self.keep:
            bank = self.banks.pop(self.slots.popleft())
            if bank.hash is not None:
                self.by_hash.pop(bank.hash, None)
            self._forget(bank)

    def _forget(self, bank: Bank) -> None:
        for key, count in self._unlisted(bank).items():
            history = self._by_address[key]
            del history[:count]
            if not history:
                del self._by_address[key]

    def _unlisted(self, bank: Bank) -> Counter[Pubkey]:
        """Take its transactions out; how many there are in the history of each address, where the
        oldest bank's are the first and the newest one's the last.
        """
        for landed in bank.transactions:
            del self.transactions[landed.signature]
        return Counter(key for landed in bank.transactions for key in dict.fromkeys(landed.keys))

    def history(self, key: Pubkey, span: Span) -> Iterator[Landed]:
        """Transactions that name `key`, newest first, inside `span`.

        As with a validator: a `before` that is not remembered gives nothing, an `until` that is not
        has no effect.
        """
        landed = self._by_address.get(key, [])
        end: tuple[int, float] = (span.up_to, float("inf"))
        if span.before is not None:
            if span.before not in self.transactions:
                return iter(())
            end = min(end, self.transactions[span.before].position)
        stop = bisect_left(landed, end, key=lambda item: item.position)
        start = 0
        if span.until in self.transactions:
            last = self.transactions[span.until].position
            start = bisect_right(landed, last, key=lambda item: item.position)
        return (landed[at] for at in range(stop - 1, start - 1, -1))


def is_v0(transaction: VersionedTransaction) -> bool:
    """It may name accounts through lookup tables."""
    return isinstance(transaction.message, MessageV0)
