"""Trading on one chain: send what is planned, believe what landed, read again where it did not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from solders.compute_budget import set_compute_unit_price
from solders.hash import Hash
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.message import Message
from solders.transaction import Transaction

from localnet.traders.actions import Action, Planner
from localnet.traders.client import Node, Status
from localnet.traders.world import SOL, Coin, Wallet, World
from programs.pump_instructions import curve_address, read_curve, token_account

ALLOWANCE, WHALE_ALLOWANCE = 2_000 * SOL, 20_000 * SOL
OPEN_COINS = 40
LOST_AFTER_S = 90.0
"""A blockhash lives 150 slots: what has not landed until then never will."""
_BLOCKHASH_AGE_S, _BLOCKHASH_USES = 0.5, 40
_PRICES = 50_000
"""Priority prices in micro-lamports, one after the other, so that no two transactions are equal."""


@dataclass
class Sent:
    """A transaction on its way."""

    action: Action
    raw: bytes
    sent_s: float


@dataclass
class Campaign:
    """One chain, one world, and the transactions on their way."""

    node: Node
    genesis: str
    planner: Planner
    kinds: Iterator[str]
    pending: dict[str, Sent] = field(default_factory=dict)
    _blockhash: Hash = field(default_factory=Hash.default)
    _blockhash_until_s: float = 0.0
    _blockhash_uses: int = 0
    _price: int = 0

    @property
    def world(self) -> World:
        """What the traders believe."""
        return self.planner.world

    async def is_here(self) -> bool:
        """Whether the node still serves the chain this campaign is on: it may have begun anew.

        Some nodes begin anew with the same genesis hash; then at least our wallets are gone.
        """
        if await self.node.genesis_hash() != self.genesis:
            return False
        return None not in await self.node.accounts([each.address for each in self.world.wallets])

    def plan(self) -> Action:
        """The next transaction of the seeded mix."""
        self.world.cool(OPEN_COINS)
        return self.planner.plan(next(self.kinds))

    async def send(self, action: Action) -> str:
        """Sign and hand in; the signature."""
        self._price = self._price % _PRICES + 1
        instructions = [set_compute_unit_price(self._price), *action.instructions]
        signers = [action.payer.key, *action.cosigners]
        signature, raw = signed(instructions, signers, await self._recent_blockhash())
        self.pending[signature] = Sent(action, raw, time.monotonic())
        await self.node.send(raw)
        await self._top_up(action.payer)
        return signature

    async def _recent_blockhash(self) -> Hash:
        now = time.monotonic()
        self._blockhash_uses += 1
        if now > self._blockhash_until_s or self._blockhash_uses > _BLOCKHASH_USES:
            self._blockhash_until_s = now + _BLOCKHASH_AGE_S
            self._blockhash_uses = 0
            self._blockhash = await self.node.blockhash()
        return self._blockhash

    async def _top_up(self, wallet: Wallet) -> None:
        allowance = WHALE_ALLOWANCE if wallet.is_whale else ALLOWANCE
        if wallet.lamports < allowance // 4:
            wallet.lamports += allowance
            await self.node.airdrop(wallet.address, allowance)

    async def settle(self, *, is_confirmed: bool = False) -> list[str]:
        """Take what landed (with `is_confirmed`: what was confirmed) off `pending`.

        Where things went otherwise than planned, the chain is read again. Returns what is lost: too
        old to land any more.
        """
        signatures = list(self.pending)
        statuses = await self.node.statuses(signatures)
        surprising, lost = list[Action](), list[str]()
        for signature, status in zip(signatures, statuses, strict=True):
            sent = self.pending[signature]
            if status is None or not _is_settled(status, is_confirmed):
                if time.monotonic() - sent.sent_s > LOST_AFTER_S:
                    del self.pending[signature]
                    surprising.append(sent.action)
                    lost.append(signature)
                continue
            del self.pending[signature]
            if (status.err is not None) != sent.action.fails:
                surprising.append(sent.action)
        if surprising:
            await self.correct(surprising)
        return lost

    async def repeat(self) -> None:
        """Hand in again what has not landed: forks lose transactions, and nodes drop them."""
        for signature, status in zip(
            list(self.pending), await self.node.statuses(list(self.pending)), strict=True
        ):
            if status is None:
                await self.node.send(self.pending[signature].raw)

    async def correct(self, actions: list[Action]) -> None:
        """Read again what `actions` touched: their curves, and what their payers hold."""
        coins = {coin.market.mint: coin for action in actions for coin in action.coins}
        await self.correct_coins(list(coins.values()))
        pairs = [(action.payer, coin.market.mint) for action in actions for coin in action.coins]
        addresses = [token_account(wallet.address, mint) for wallet, mint in pairs]
        for (wallet, mint), data in zip(pairs, await self.node.accounts(addresses), strict=True):
            if data is None:
                wallet.holdings.pop(mint, None)
            elif mint in self.world.coins:
                wallet.holdings[mint] = int.from_bytes(data[64:72], "little")

    async def correct_coins(self, coins: list[Coin]) -> None:
        """Read `coins` again; those that are not there are forgotten."""
        addresses = [curve_address(coin.market.mint) for coin in coins]
        for coin, data in zip(coins, await self.node.accounts(addresses), strict=True):
            if data is not None:
                coin.correct(read_curve(data))
            elif coin.market.mint in self.world.coins:
                self.world.forget(coin)


def _is_settled(status: Status, is_confirmed: bool) -> bool:
    return not is_confirmed or status.confirmation_status != "processed"


def signed(
    instructions: list[Instruction], signers: list[Keypair], blockhash: Hash
) -> tuple[str, bytes]:
    """Signature and bytes of a transaction; the first signer pays."""
    message = Message.new_with_blockhash(instructions, signers[0].pubkey(), blockhash)
    transaction = Transaction(signers, message, blockhash)
    return str(transaction.signatures[0]), bytes(transaction)
