"""One transaction of every kind: planned against the world, which then believes it happened."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from localnet.traders.lies import FAILING, KINDS, TRUTHFUL, forged_trade, steps_of
from localnet.traders.names import coin_name
from localnet.traders.world import REAL_TOKEN, SOL, VAULT_RENT, Coin, Wallet, World
from programs import curve
from programs import pump_instructions as pump
from programs.onchain.instructions import lie, route
from programs.pump_instructions import Market

TOLERANCE_BPS = 1_500
"""How much worse than believed a price may be."""
UNLIMITED = 2**63
_TYPICAL_BUY_SOL = 0.3
_SPREAD = 1.2
"""Of the logarithm: one purchase in a hundred is above 5 SOL."""
_LARGEST_SHARE = 0.9
"""Of the curve's rest: only `complete` buys the last token."""


@dataclass
class Action:
    """A transaction to be: `trades` of pump it makes, `fails` if it is meant to."""

    kind: str
    payer: Wallet
    instructions: list[Instruction]
    coins: list[Coin]
    trades: int = 1
    fails: bool = False
    cosigners: list[Keypair] = field(default_factory=list)


class Planner:
    """Makes actions. Each public method is one kind, named as in the mix."""

    def __init__(self, world: World, mint_keys: MintKeys) -> None:
        self.world = world
        self._mint_keys = mint_keys
        self._kinds: dict[str, Callable[[], Action]] = {
            "create": self.create,
            "trade": self.trade,
            "buy": self.buy,
            "sell": self.sell,
            "dust": self.dust,
            "whale": self.whale,
            "slip": self.slip,
            "several": self.several,
            "routed": self.routed,
            "lie": self.lie,
            "complete": self.complete,
            "migrate": self.migrate,
        }

    def plan(self, kind: str) -> Action:
        """A transaction of `kind`; where no curve is open, a new token."""
        if not self.world.open_coins():
            kind = "create"
        return self._kinds[kind]()

    # ---- single trades

    def _purchase(self, wallet: Wallet, coin: Coin, amount: int) -> list[Instruction]:
        """Buy exactly `amount`, opening the token account first if need be."""
        world, mint = self.world, coin.market.mint
        cost = curve.buy_cost(coin.virtual_sol, coin.virtual_token, amount)
        total = world.with_fees(cost)
        limit = total * (10_000 + TOLERANCE_BPS) // 10_000 + VAULT_RENT
        made = [] if mint in wallet.holdings else [self._account(wallet, mint)]
        made.append(pump.buy(wallet.address, coin.market, amount, limit))
        coin.move(amount, cost)
        wallet.lamports -= total
        wallet.holdings[mint] = wallet.holdings.get(mint, 0) + amount
        coin.heat *= 1.02
        return made

    def _sale(self, wallet: Wallet, coin: Coin, amount: int) -> Instruction:
        """Sell exactly `amount` of what `wallet` holds."""
        world, mint = self.world, coin.market.mint
        proceeds = curve.sell_proceeds(coin.virtual_sol, coin.virtual_token, amount)
        net = world.without_fees(proceeds)
        made = pump.sell(
            wallet.address, coin.market, amount, max(0, net * (10_000 - TOLERANCE_BPS) // 10_000)
        )
        coin.move(-amount, -proceeds)
        wallet.lamports += net
        wallet.holdings[mint] -= amount
        return made

    @staticmethod
    def _account(wallet: Wallet, mint: Pubkey) -> Instruction:
        return pump.create_ata(wallet.address, wallet.address, mint)

    def _amount_for(self, coin: Coin, lamports: int) -> int:
        """Tokens for `lamports`, never all that are left."""
        most = max(1, int(coin.real_token * _LARGEST_SHARE))
        amount = curve.buy_amount(coin.virtual_sol, coin.virtual_token, lamports)
        return max(1, min(amount, most))

    def _usual_lamports(self) -> int:
        return int(_TYPICAL_BUY_SOL * SOL * self.world.rng.lognormvariate(0, _SPREAD))

    def create(self) -> Action:
        """A new token; most creators buy some of it in the same transaction."""
        world, wallet, mint = self.world, self.world.pick_wallet(), self._mint_keys.next()
        market = Market(mint.pubkey(), wallet.address, world.rules.fee_recipient)
        name = coin_name(world.rng, world.tickers())
        coin = Coin(
            market, name.symbol, world.rng.lognormvariate(0.5, 0.8), world.rng.uniform(-0.1, 0.7)
        )
        world.coins[market.mint] = coin
        made = [pump.create(wallet.address, market.mint, wallet.address, name)]
        has_bought = world.rng.random() < 0.7
        if has_bought:
            made += self._purchase(wallet, coin, self._amount_for(coin, self._usual_lamports()))
        return Action("create", wallet, made, [coin], int(has_bought), cosigners=[mint])

    def trade(self) -> Action:
        """Somebody buys or sells, after the coin's mood."""
        coin = self.world.pick_coin()
        if self.world.rng.random() < 0.56 + 0.3 * coin.mood:
            return self.buy(coin)
        return self.sell(coin)

    def buy(self, coin: Coin | None = None) -> Action:
        """Anybody buys for some tenths of a SOL."""
        wallet, coin = self.world.pick_wallet(), coin or self.world.pick_coin()
        amount = self._amount_for(coin, self._usual_lamports())
        return Action("buy", wallet, self._purchase(wallet, coin, amount), [coin])

    def whale(self) -> Action:
        """One of the rich buys a piece of the curve."""
        wallet, coin = self.world.pick_wallet(whale=True), self.world.pick_coin()
        amount = self._amount_for(coin, self.world.rng.randrange(5 * SOL, 25 * SOL))
        coin.heat *= 1.5
        return Action("whale", wallet, self._purchase(wallet, coin, amount), [coin])

    def dust(self) -> Action:
        """A purchase of a handful of base units: rounding is all there is to it."""
        wallet, coin = self.world.pick_wallet(), self.world.pick_coin()
        amount = min(self.world.rng.randrange(1, 1_000), max(1, coin.real_token - 1))
        return Action("dust", wallet, self._purchase(wallet, coin, amount), [coin])

    def sell(self, coin: Coin | None = None) -> Action:
        """A holder sells a quarter, half or all; without holders somebody buys."""
        rng, coin = self.world.rng, coin or self.world.pick_coin()
        holders = self.world.holders(coin)
        if not holders:
            return self.buy(coin)
        wallet = rng.choice(holders)
        held = wallet.holdings[coin.market.mint]
        amount = max(1, held * rng.choice((25, 50, 100, 100)) // 100)
        return Action("sell", wallet, [self._sale(wallet, coin, amount)], [coin])

    def slip(self) -> Action:
        """A trade whose limit cannot be met: it lands, fails, and changes nothing."""
        rng, coin = self.world.rng, self.world.pick_coin()
        holders = self.world.holders(coin)
        if holders and rng.random() < 0.5:
            wallet = rng.choice(holders)
            held = wallet.holdings[coin.market.mint]
            made = [pump.sell(wallet.address, coin.market, held, UNLIMITED)]
        else:
            wallet, amount = self.world.pick_wallet(), rng.randrange(10**6, 10**9)
            accounts = self._account(wallet, coin.market.mint)
            made = [accounts, pump.buy(wallet.address, coin.market, amount, 1)]
        return Action("slip", wallet, made, [coin], fails=True)

    # ---- several at once

    def _several(self, wallet: Wallet, coins: list[Coin]) -> list[Instruction]:
        """Buy each of `coins` (at most two: transactions are small), sell some of the first."""
        made = list[Instruction]()
        for coin in coins:
            made += self._purchase(wallet, coin, self._amount_for(coin, self._usual_lamports()))
        half = wallet.holdings[coins[0].market.mint] // 2
        if half:
            made.append(self._sale(wallet, coins[0], half))
        return made

    def _one_or_two(self) -> list[Coin]:
        first, second = self.world.pick_coin(), self.world.pick_coin()
        return [first] if first is second else [first, second]

    def several(self) -> Action:
        """Several trades in one transaction, one instruction each."""
        wallet, coins = self.world.pick_wallet(), self._one_or_two()
        made = self._several(wallet, coins)
        return Action("several", wallet, made, coins, trades=_trades_in(made))

    def routed(self) -> Action:
        """Several trades in one instruction, made by a router."""
        wallet, coins = self.world.pick_wallet(), self._one_or_two()
        made = self._several(wallet, coins)
        accounts = [each for each in made if each.program_id != pump.PUMP]
        trades = [each for each in made if each.program_id == pump.PUMP]
        return Action("routed", wallet, [*accounts, route(trades)], coins, trades=len(trades))

    def lie(self) -> Action:
        """The hostile program prints what looks like pump's events."""
        rng, wallet, coin = self.world.rng, self.world.pick_wallet(), self.world.pick_coin()
        kind, mint = rng.randrange(KINDS), coin.market.mint
        forged = forged_trade(rng, mint, wallet.address)
        is_truthful = kind in TRUTHFUL and kind != FAILING
        if is_truthful:
            made = self._purchase(wallet, coin, self._amount_for(coin, self._usual_lamports()))
        else:
            trade = pump.buy(wallet.address, coin.market, rng.randrange(10**6, 10**9), UNLIMITED)
            made = [self._account(wallet, mint), trade]
        made[-1] = lie(steps_of(kind, forged, made[-1]))
        return Action("lie", wallet, made, [coin], int(is_truthful), fails=kind == FAILING)

    # ---- the end of a curve

    def complete(self) -> Action:
        """A whale buys all that is left of the most advanced curve."""
        coin = max(self.world.open_coins(), key=lambda each: each.progress)
        wallet = self.world.pick_wallet(whale=True)
        made = self._purchase(wallet, coin, min(coin.real_token, REAL_TOKEN))
        return Action("complete", wallet, made, [coin])

    def migrate(self) -> Action:
        """Somebody moves a completed curve to its pool; without one, somebody buys."""
        done = [c for c in self.world.coins.values() if c.is_complete and not c.is_migrated]
        if not done:
            return self.buy()
        wallet, coin = self.world.pick_wallet(), done[0]
        coin.is_migrated = True
        mint, authority = coin.market.mint, self.world.rules.withdraw_authority
        made = pump.migrate(wallet.address, mint, authority)
        return Action("migrate", wallet, [made], [coin], trades=0)


def _trades_in(instructions: list[Instruction]) -> int:
    return sum(each.program_id == pump.PUMP for each in instructions)


class MintKeys:
    """Keys of new tokens: another one each time, all following from `seed`."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._count = 0

    def next(self) -> Keypair:
        """The next token's key."""
        self._count += 1
        return derived_key(self._seed, f"mint {self._count}")


def derived_key(seed: bytes, purpose: str) -> Keypair:
    """A key that follows from `seed`. For play money only."""
    return Keypair.from_seed(hashlib.sha256(seed + purpose.encode()).digest())
