"""Accounts of the SVM: by owner, and as they were at each commitment."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from solders.account import Account
from solders.litesvm import LiteSVM
from solders.pubkey import Pubkey

from localnet.ledger import Ledger

SYSTEM = Pubkey.default()
TOKEN_PROGRAMS = {
    Pubkey.from_string("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"): "spl-token",
    Pubkey.from_string("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb"): "spl-token-2022",
}
MINT_BYTES, TOKEN_ACCOUNT_BYTES = 82, 165
_ACCOUNT_TYPE = 2
"""What Token-2022 writes behind the common 165 bytes of a token account (a mint has 1 there)."""


class TokenHolding(msgspec.Struct, frozen=True):
    """What a token account says."""

    mint: Pubkey
    owner: Pubkey
    amount: int
    decimals: int
    program: Pubkey


class Accounts:
    """Reads and writes accounts of `svm`; knows which keys each program has owned."""

    def __init__(self, svm: LiteSVM, ledger: Ledger) -> None:
        self.svm = svm
        self._ledger = ledger
        self._owned: dict[Pubkey, set[Pubkey]] = {}

    def put(self, key: Pubkey, account: Account) -> None:
        """Set `account` as it is, outside of any transaction."""
        self.svm.set_account(key, account)
        self.note(key, account)

    def note(self, key: Pubkey, account: Account | None) -> None:
        """Remember the owner of an account that a transaction wrote."""
        if account is not None:
            self._owned.setdefault(account.owner, set()).add(key)

    def now(self, key: Pubkey) -> Account | None:
        """The account after everything executed so far; None without lamports."""
        account = self.svm.get_account(key)
        return account if account is not None and account.lamports else None

    def at(self, key: Pubkey, slot: int) -> Account | None:
        """The account at the end of `slot`, which is the newest finalized one or above it."""
        for bank in self._ledger.above(slot):
            if key in bank.before:
                account = bank.before[key]
                return account if account is not None and account.lamports else None
        return self.now(key)

    def owned_by(self, owner: Pubkey, slot: int) -> Iterator[tuple[Pubkey, Account]]:
        """Accounts of program `owner` at the end of `slot`, in order of their keys."""
        for key in sorted(self._owned.get(owner, ()), key=bytes):
            account = self.at(key, slot)
            if account is not None and account.owner == owner:
                yield key, account

    def holding(self, account: Account | None) -> TokenHolding | None:
        """What `account` holds, if it is a token account."""
        if account is None or account.owner not in TOKEN_PROGRAMS:
            return None
        data = account.data
        if len(data) < TOKEN_ACCOUNT_BYTES:
            return None
        if len(data) > TOKEN_ACCOUNT_BYTES and data[TOKEN_ACCOUNT_BYTES] != _ACCOUNT_TYPE:
            return None
        mint = Pubkey(data[:32])
        amount = int.from_bytes(data[64:72], "little")
        return TokenHolding(mint, Pubkey(data[32:64]), amount, self._decimals(mint), account.owner)

    def _decimals(self, mint: Pubkey) -> int:
        account = self.svm.get_account(mint)
        return account.data[44] if account and len(account.data) >= MINT_BYTES else 0
