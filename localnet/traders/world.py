"""What the traders believe: curves, wallets and what these hold. Pure: no chain, no clock.

Beliefs move when a transaction is planned, not when it lands. Where reality differs (a price moved,
a transaction failed) the engine reads the chain and corrects them.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from solders.keypair import Keypair
from solders.pubkey import Pubkey

from programs import curve
from programs.pump_instructions import CurveState, GlobalState, Market

SOL = 10**9
VIRTUAL_TOKEN, VIRTUAL_SOL = 1_073_000_000_000_000, 30_000_000_000
REAL_TOKEN = 793_100_000_000_000
"""A curve's reserves at birth (pump-public-docs)."""
VAULT_RENT = 900_000
"""Lamports a buyer may have to add so that the creator's vault can exist (rent of 0 bytes)."""


@dataclass
class Coin:
    """One token on its curve."""

    market: Market
    ticker: str
    heat: float
    """How much attention it has: the weight of being chosen."""
    mood: float
    """From -1 (everybody sells) to 1 (everybody buys)."""
    virtual_token: int = VIRTUAL_TOKEN
    virtual_sol: int = VIRTUAL_SOL
    real_token: int = REAL_TOKEN
    is_complete: bool = False
    is_migrated: bool = False

    @property
    def progress(self) -> float:
        """Share of the curve that is sold, 0 … 1."""
        return 1 - self.real_token / REAL_TOKEN

    def move(self, tokens: int, lamports: int) -> None:
        """`tokens` left the curve (or came back, if negative) for `lamports`."""
        self.virtual_token -= tokens
        self.real_token -= tokens
        self.virtual_sol += lamports
        self.is_complete = self.is_complete or self.real_token == 0

    def correct(self, state: CurveState) -> None:
        """Believe the chain."""
        self.virtual_token, self.virtual_sol = state.virtual_token, state.virtual_sol
        self.real_token, self.is_complete = state.real_token, state.is_complete
        self.is_migrated = state.is_complete and not state.virtual_token


@dataclass
class Wallet:
    """One trader."""

    key: Keypair
    is_whale: bool
    lamports: int = 0
    holdings: dict[Pubkey, int] = field(default_factory=dict)
    """Mint → base units. An entry, even of 0, means that the token account exists."""

    @property
    def address(self) -> Pubkey:
        """Its public key."""
        return self.key.pubkey()


@dataclass
class World:
    """All of it."""

    rng: random.Random
    rules: GlobalState
    wallets: list[Wallet]
    coins: dict[Pubkey, Coin] = field(default_factory=dict)
    focus: Coin | None = None
    """In a storm, the one that most trades are about."""

    def with_fees(self, lamports: int) -> int:
        """What a buyer pays for a purchase of `lamports`."""
        return lamports + self._fees(lamports)

    def without_fees(self, lamports: int) -> int:
        """What a seller gets of a sale for `lamports`."""
        return lamports - self._fees(lamports)

    def _fees(self, lamports: int) -> int:
        rates = self.rules.fee_bps, self.rules.creator_fee_bps
        return sum(curve.fee_of(lamports, bps) for bps in rates)

    def open_coins(self) -> list[Coin]:
        """Those that can be traded."""
        return [coin for coin in self.coins.values() if not coin.is_complete]

    def pick_coin(self) -> Coin:
        """One that can be traded, by heat. There must be one."""
        if self.focus is not None and not self.focus.is_complete and self.rng.random() < 0.7:
            return self.focus
        coins = self.open_coins()
        return self.rng.choices(coins, [coin.heat for coin in coins])[0]

    def pick_wallet(self, *, whale: bool = False) -> Wallet:
        """Anybody, or one of the rich."""
        return self.rng.choice([wallet for wallet in self.wallets if wallet.is_whale or not whale])

    def holders(self, coin: Coin) -> list[Wallet]:
        """Wallets that have some of it."""
        mint = coin.market.mint
        return [wallet for wallet in self.wallets if wallet.holdings.get(mint)]

    def cool(self, limit: int) -> None:
        """Attention fades and moods drift; beyond `limit` open coins the coldest are forgotten."""
        for coin in self.coins.values():
            coin.heat = max(0.02, coin.heat * 0.995)
            coin.mood = max(-1.0, min(1.0, coin.mood * 0.99 + self.rng.gauss(0, 0.04)))
        if len(self.coins) > limit:
            ranked = sorted(self.coins.values(), key=lambda coin: (not coin.is_migrated, coin.heat))
            self.forget(ranked[0])

    def tickers(self) -> set[str]:
        """Tickers in use."""
        return {coin.ticker for coin in self.coins.values()}

    def forget(self, coin: Coin) -> None:
        """Nobody trades it any more."""
        del self.coins[coin.market.mint]
        for wallet in self.wallets:
            wallet.holdings.pop(coin.market.mint, None)
