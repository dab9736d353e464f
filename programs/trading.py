"""What it takes to trade a launchpad's tokens: roles and values. Pure: accounts in, figures out.

A launchpad says which accounts it needs, makes a market of them, and the market quotes and builds.
Adding one is a module that does so, and its name in api.services.trading.desk.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec
from solders.instruction import Instruction
from solders.pubkey import Pubkey

from common.errors import TradeRefused
from programs.curve import BPS


class Account(msgspec.Struct, frozen=True):
    """An account as a node shows it."""

    lamports: int
    owner: Pubkey
    data: bytes


Accounts = Mapping[Pubkey, Account | None]
"""What was read, by address; None: not there."""


class Order(msgspec.Struct, frozen=True):
    """What a trader wants: so many base units, or so many quote units with fees (buys alone)."""

    is_buy: bool
    base: int | None = None
    quote: int | None = None


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """What a trade does, exact as long as nobody trades before it. Base units throughout."""

    is_buy: bool
    base_amount: int
    quote_amount: int
    """What moves the curve, before fees."""
    fees: dict[str, int]
    vault_rent: int
    """Lamports the trader adds so that an account the fees go to can exist."""
    before: tuple[int, int]
    """Virtual reserves, quote and base."""
    after: tuple[int, int]
    is_capped: bool
    """More was asked for than the curve has left."""
    completes_curve: bool

    @property
    def user_quote_amount(self) -> int:
        """What the trader pays or receives."""
        fees = sum(self.fees.values())
        return self.quote_amount + fees if self.is_buy else self.quote_amount - fees

    @property
    def impact_bps(self) -> int:
        """How much worse than the price before the trade its own is, fees apart; rounded up."""
        quote, base = self.before
        paid, fair = self.quote_amount * base, self.base_amount * quote
        return max(0, -((fair - paid if self.is_buy else paid - fair) * BPS // fair))

    def limit(self, slippage_bps: int) -> int:
        """The most a buyer pays or the least a seller gets, if the price may move that much."""
        amount = self.user_quote_amount
        if self.is_buy:
            return -(-amount * (BPS + slippage_bps) // BPS)
        return amount * (BPS - slippage_bps) // BPS


class Vault(msgspec.Struct, frozen=True):
    """An account that fees go to and that must be exempt from rent."""

    lamports: int
    least: int
    """Lamports with which an empty account is exempt."""


class Market(Protocol):
    """One token that can be traded, as it was when its accounts were read."""

    @property
    def vault(self) -> Pubkey:
        """Where the creator's fee goes."""

    @property
    def token_program(self) -> Pubkey:
        """Whose token it is."""

    @property
    def decimals(self) -> int:
        """Of the token."""

    @property
    def supply(self) -> int:
        """Of the token, in base units."""

    def quote(self, order: Order, vault: Vault) -> Quote:
        """What the order would do. Raises TradeRefused."""

    def instruction(self, wallet: Pubkey, quote: Quote, limit: int) -> Instruction:
        """The trade itself; `limit` as in Quote.limit."""


class Launchpad(Protocol):
    """How tokens of one program are traded."""

    @property
    def name(self) -> str:
        """As in `program` of the feed."""

    @property
    def program(self) -> Pubkey:
        """Whom a transaction that trades calls."""

    def keys(self, mint: Pubkey) -> tuple[Pubkey, ...]:
        """Accounts to read."""

    def market(self, mint: Pubkey, accounts: Accounts) -> Market:
        """From these accounts. Raises TradeRefused: unknown, complete, of an unknown kind."""

    def refusal(self, error: int) -> TradeRefused:
        """What the program's own error number tells a trader."""
