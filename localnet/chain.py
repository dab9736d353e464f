"""A chain on this machine: LiteSVM plus slots, blockhashes, commitment levels, history and forks.

Time moves only by `tick`. Levels are numbers: 0 processed, 1 confirmed, 2 finalized. A level
reaches a slot when `lags[level]` newer ones stand above it; with lag 0 a transaction has that level
as soon as it ran.
"""

from __future__ import annotations

import hashlib
import secrets
import struct
import time
from collections.abc import Callable
from typing import Protocol

import msgspec
from solders.account import Account
from solders.clock import Clock
from solders.hash import Hash
from solders.keypair import Keypair
from solders.litesvm import LiteSVM
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from localnet.accounts import SYSTEM, Accounts
from localnet.errors import PREFLIGHT_FAILURE, SIGNATURE_FAILURE, RpcError, error_text
from localnet.execution import Simulated, execute, simulate
from localnet.ledger import MAX_AGE, Bank, Landed, Ledger

PROCESSED, CONFIRMED, FINALIZED = 0, 1, 2
FAUCET_LAMPORTS = 10**18
_KEPT_BLOCKS = 2 * MAX_AGE
"""Never pruned: as long as a blockhash lives, its transactions must be known as duplicates."""


class ChainOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a chain behaves."""

    confirm_after: int = 2
    finalize_after: int = 32
    keep_transactions: int = 100_000
    first_slot: int = 0
    now: Callable[[], float] = time.time
    """Unix seconds: block times and the clock that programs read."""


class Fork(msgspec.Struct, frozen=True):
    """What an abandoned fork held: its slots, its signatures, and those that landed again."""

    dropped: list[int]
    transactions: list[str]
    replayed: list[str]


class Listener(Protocol):
    """Who is told what happens (the node's subscriptions)."""

    def on_transaction(self, landed: Landed, changed: list[Pubkey], bank: Bank) -> None:
        """A transaction ran in the open slot; `changed` accounts are in `bank.after`."""

    def on_level(self, bank: Bank, level: int) -> None:
        """A closed slot reached `level`."""

    def on_slot(self, bank: Bank, root: int) -> None:
        """A slot opened."""

    def on_revert(self, key: Pubkey, account: Account | None, slot: int) -> None:
        """A fork was dropped: the account is again what it was."""


class Chain:
    """Slots filled by `send`, closed by `tick`, undone by `fork`."""

    def __init__(self, options: ChainOptions | None = None) -> None:
        self.options = options or ChainOptions()
        if not 0 <= self.options.confirm_after <= self.options.finalize_after:
            raise ValueError("a slot is confirmed before it is finalized")
        # Signatures, duplicates and blockhashes are checked here: LiteSVM knows one blockhash only.
        self.svm = (
            LiteSVM().with_transaction_history(0).with_blockhash_check(False).with_sigverify(False)
        )
        self.lags = (0, self.options.confirm_after, self.options.finalize_after)
        self.ledger = Ledger(self.options.keep_transactions)
        self.accounts = Accounts(self.svm, self.ledger)
        self.listeners: list[Listener] = []
        self.faucet = Keypair()
        self.accounts.put(self.faucet.pubkey(), Account(FAUCET_LAMPORTS, b"", SYSTEM))
        genesis = Bank(self.options.first_slot, None, self._time())
        # Every chain is another one, even if the same things happen on it.
        genesis.parent_hash = Hash(secrets.token_bytes(32))
        self.genesis_hash = genesis.parent_hash
        self.tips = [genesis.slot] * 3
        """Newest slot at each level."""
        self._open(genesis)
        self.tick()

    @property
    def tip(self) -> Bank:
        """The slot that is being filled."""
        return self.ledger.banks[self.ledger.slots[-1]]

    def _time(self) -> int:
        return int(self.options.now())

    # ---- slots

    def _open(self, bank: Bank) -> None:
        self.ledger.open(bank)
        self.tips[PROCESSED] = bank.slot
        self.svm.set_clock(Clock(bank.slot, 0, 0, 1, bank.time))
        for listener in self.listeners:
            listener.on_slot(bank, self.tips[FINALIZED])

    def tick(self) -> None:
        """Close the slot being filled and open the next one; levels follow."""
        bank = self.tip
        closing = hashlib.sha256(bytes(bank.parent_hash) + struct.pack("<Q", bank.slot))
        for landed in bank.transactions:
            closing.update(landed.signature.encode())
        bank.hash = Hash(closing.digest())
        self.ledger.by_hash[bank.hash] = bank
        self._open(Bank(bank.slot + 1, bank, max(bank.time, self._time())))
        for level in (CONFIRMED, FINALIZED):
            self._raise_level(level)
        self.ledger.prune(self.tip.slot - max(_KEPT_BLOCKS, self.lags[FINALIZED] + 1))

    def _raise_level(self, level: int) -> None:
        slots, lag, old = self.ledger.slots, self.lags[level], self.tips[level]
        self.tips[level] = max(old, slots[-1 - lag] if lag < len(slots) else slots[0])
        # The open slot is never told of as a whole, whatever the lag.
        newest = min(self.tips[level], self.tip.parent)
        told_before = old if lag else old - 1
        for bank in self.ledger.above(told_before):
            if bank.slot > newest:
                break
            for listener in self.listeners:
                listener.on_level(bank, level)
            if level == FINALIZED:
                bank.seal()

    def fork(self, depth: int, *, replay: bool = False, confirmed: bool = False) -> Fork:
        """Abandon the `depth` newest unconfirmed slots: their transactions never happened.

        With `replay` those whose blockhash is still alive land again, in the slot that opens then.
        With `confirmed` all but finalized slots may go: what a cluster hardly ever does, and what
        confirmation does not rule out.
        """
        safe = self.tips[FINALIZED if confirmed else CONFIRMED]
        doomed = self.ledger.above(safe)[-depth:] if depth > 0 else []
        if not doomed:
            return Fork([], [], [])
        last, lost = self.tip.slot, [landed for bank in doomed for landed in bank.transactions]
        reverted: dict[Pubkey, Account | None] = {}
        for bank in reversed(doomed):
            self.ledger.drop(bank)
            for key, account in bank.before.items():
                self.accounts.put(key, account or Account(0, b"", SYSTEM))
                reverted[key] = account
        parent = self.tip
        self._open(Bank(last + 1, parent, max(parent.time, self._time())))
        if self.tips[CONFIRMED] > parent.slot:
            self.tips[CONFIRMED] = parent.slot if self.lags[CONFIRMED] else self.tip.slot
        for listener in self.listeners:
            for key, account in reverted.items():
                listener.on_revert(key, account, self.tip.slot)
        replayed = [
            landed.signature for landed in lost if replay and self._land(landed.transaction)
        ]
        return Fork([bank.slot for bank in doomed], [item.signature for item in lost], replayed)

    # ---- transactions

    def live_bank(self, blockhash: Hash, level: int = PROCESSED) -> Bank | None:
        """The block of `blockhash`, if that still counts as recent at `level`."""
        bank = self.ledger.by_hash.get(blockhash)
        if bank is None or bank.slot > self.tips[level]:
            return None
        return bank if self.tip.height - bank.height <= MAX_AGE else None

    def latest_blockhash(self, level: int) -> tuple[Hash, int]:
        """Newest blockhash at `level`, and the last block height it is good for."""
        bank = self.ledger.banks[self.tips[level]]
        if bank.hash is None:
            bank = self.ledger.banks[bank.parent]
        if bank.hash is None:
            raise RuntimeError(f"slot {bank.slot} is closed and has no hash")
        return bank.hash, bank.height + MAX_AGE

    def refusal(self, transaction: VersionedTransaction) -> str | None:
        """Why `transaction` cannot land in the open slot, whatever it does; None if it can."""
        if str(transaction.signatures[0]) in self.ledger.transactions:
            return "AlreadyProcessed"
        if self.live_bank(transaction.message.recent_blockhash) is None:
            return "BlockhashNotFound"
        return None

    def simulate(self, transaction: VersionedTransaction) -> Simulated:
        """What `transaction` would do now."""
        refusal = self.refusal(transaction)
        return Simulated(refusal) if refusal else simulate(transaction, self.accounts)

    def send(self, transaction: VersionedTransaction, *, preflight: bool = True) -> str:
        """Run `transaction` in the open slot; returns its signature.

        As with a validator, one without preflight that cannot land is dropped in silence, and so is
        a repeated one. Raises RpcError: bad signature, or preflight failed (then nothing happened).
        """
        signature = str(transaction.signatures[0])
        if signature in self.ledger.transactions:
            return signature
        if not all(transaction.verify_with_results()):
            raise RpcError(SIGNATURE_FAILURE, "Transaction signature verification failure")
        if preflight:
            simulated = self.simulate(transaction)
            if simulated.err is not None:
                reason = error_text(simulated.err)
                message = f"Transaction simulation failed: {reason}"
                raise RpcError(PREFLIGHT_FAILURE, message, simulated)
        self._land(transaction)
        return signature

    def _land(self, transaction: VersionedTransaction) -> bool:
        if self.refusal(transaction):
            return False
        executed = execute(transaction, self.accounts)
        if executed is None:
            return False
        bank = self.tip
        for key, (before, after) in executed.changed.items():
            bank.before.setdefault(key, before)
            bank.after[key] = after
            self.accounts.note(key, after)
        self.ledger.land(bank, executed.landed)
        for listener in self.listeners:
            listener.on_transaction(executed.landed, list(executed.changed), bank)
        return True

    def account(self, key: Pubkey, level: int) -> Account | None:
        """The account at `level`."""
        return self.accounts.at(key, self.tips[level])
