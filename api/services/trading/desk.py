"""The trading desk: reads the chain, quotes, builds unsigned transactions, has them simulated."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from types import MappingProxyType, TracebackType
from typing import Self

import msgspec
from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.hash import Hash
from solders.instruction import Instruction
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from api.services.trading.failures import refusal_of
from api.services.trading.node import ChainNode, Simulation
from common.errors import TradeRefused
from programs.pump_instructions import TOKEN, TOKEN_2022, create_ata, token_account
from programs.pump_trading import PUMP
from programs.trading import Account, Launchpad, Market, Order, Quote, Vault

LAUNCHPADS: tuple[Launchpad, ...] = (PUMP,)
SIGNATURE_LAMPORTS = 5_000
TOKEN_BYTES: Mapping[Pubkey, int] = MappingProxyType({TOKEN: 165, TOKEN_2022: 170})
"""Size of an associated token account; Token-2022 marks its owner as immutable."""
_SIMULATED_UNITS = 400_000
_UNIT_MARGIN_PERCENT = 120
"""Of what the simulation used: a curve that moved meanwhile may take a little more."""
_MICRO = 1_000_000
_OVERTAKEN, _OVERTAKEN_AT_MOST = ("slippage_exceeded", "simulation_failed"), 2


class Costs(msgspec.Struct, frozen=True):
    """What a trade costs beside the trade, in lamports."""

    network_fee: int
    vault_rent: int
    token_account_rent: int | None
    """None: not known, since no wallet was named."""

    @property
    def total(self) -> int:
        """All of it."""
        return self.network_fee + self.vault_rent + (self.token_account_rent or 0)


class Holder(msgspec.Struct, frozen=True):
    """A wallet, as it was when it was read."""

    address: Pubkey
    lamports: int
    base_amount: int
    has_account: bool


class Quoted(msgspec.Struct, frozen=True):
    """A quote with where it comes from. `holder` where a wallet was named."""

    launchpad: Launchpad
    mint: Pubkey
    slot: int
    market: Market
    quote: Quote
    costs: Costs
    holder: Holder | None

    @property
    def wallet_change(self) -> int:
        """Lamports that the wallet gains or, negative, loses."""
        amount = self.quote.user_quote_amount
        return (-amount if self.quote.is_buy else amount) - self.costs.total


class Built(msgspec.Struct, frozen=True):
    """An unsigned transaction, and what the chain says it does."""

    transaction: str
    blockhash: str
    last_valid_block_height: int
    quoted: Quoted
    limit: int
    units: int
    simulated_slot: int
    wallet_change: int
    base_change: int


class Terms(msgspec.Struct, frozen=True):
    """How a trader wants the trade made: a limit of his own, or one by slippage."""

    slippage_bps: int
    limit: int | None = None
    priority_lamports: int = 0


class TradingDesk:
    """Use as an async context. Everything raises TradeRefused."""

    def __init__(self, node: ChainNode, launchpads: tuple[Launchpad, ...] = LAUNCHPADS) -> None:
        self.node = node
        self.launchpads = launchpads

    async def __aenter__(self) -> Self:
        await self.node.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.node.__aexit__(kind, error, trace)

    async def quote(self, mint: Pubkey, order: Order, wallet: Pubkey | None) -> Quoted:
        """What the order would do now."""
        launchpad, slot, market, holder = await self._read(mint, wallet)
        _, vaults = await self.node.accounts([market.vault])
        vault = Vault(_lamports(vaults[market.vault]), await self.node.rent(0))
        quote = market.quote(order, vault)
        rent = None
        if holder is not None:
            is_opened = quote.is_buy and not holder.has_account
            rent = await self.node.rent(TOKEN_BYTES[market.token_program]) if is_opened else 0
        costs = Costs(SIGNATURE_LAMPORTS, quote.vault_rent, rent)
        return Quoted(launchpad, mint, slot, market, quote, costs, holder)

    async def _read(
        self, mint: Pubkey, wallet: Pubkey | None
    ) -> tuple[Launchpad, int, Market, Holder | None]:
        """Of the first launchpad that knows the mint."""
        refused: TradeRefused | None = None
        for launchpad in self.launchpads:
            keys = [*launchpad.keys(mint)]
            if wallet is not None:
                # Either may be: which one is known with the answer.
                keys += [wallet, *(token_account(wallet, mint, each) for each in TOKEN_BYTES)]
            slot, accounts = await self.node.accounts(keys)
            try:
                market = launchpad.market(mint, accounts)
            except TradeRefused as error:
                if error.code != "unknown_token":
                    raise
                refused = error
                continue
            if wallet is None:
                return launchpad, slot, market, None
            held = accounts[token_account(wallet, mint, market.token_program)]
            base = held_amount(held)
            holder = Holder(wallet, _lamports(accounts[wallet]), base or 0, base is not None)
            return launchpad, slot, market, holder
        raise refused or TradeRefused("unknown_token", "nothing can be traded here")

    async def transaction(self, mint: Pubkey, order: Order, wallet: Pubkey, terms: Terms) -> Built:
        """The order as a transaction that the wallet signs, simulated.

        Who names no limit has not seen a price yet: where somebody trades between the quote and the
        simulation, it is built anew.
        """
        for _ in range(_OVERTAKEN_AT_MOST):
            try:
                return await self._built(mint, order, wallet, terms)
            except TradeRefused as refused:
                if refused.code not in _OVERTAKEN or terms.limit is not None:
                    raise
        return await self._built(mint, order, wallet, terms)

    async def _built(self, mint: Pubkey, order: Order, wallet: Pubkey, terms: Terms) -> Built:
        quoted = await self.quote(mint, order, wallet)
        limit = terms.limit if terms.limit is not None else quoted.quote.limit(terms.slippage_bps)
        trade = self._instructions(quoted, wallet, limit)
        blockhash, height = await self.node.blockhash()
        trial = unsigned(wallet, [set_compute_unit_limit(_SIMULATED_UNITS), *trade], blockhash)
        simulation = await self._simulated(trial, quoted, wallet)
        units = simulation.units * _UNIT_MARGIN_PERCENT // 100 or _SIMULATED_UNITS
        budget = [set_compute_unit_limit(units)]
        price = terms.priority_lamports * _MICRO // units
        if price:
            budget.append(set_compute_unit_price(price))
        priority = -(-price * units // _MICRO)
        costs = msgspec.structs.replace(
            quoted.costs, network_fee=quoted.costs.network_fee + priority
        )
        quoted = msgspec.structs.replace(quoted, costs=costs)
        lamports, base = _changes(simulation, quoted.holder)
        _check(quoted, limit, lamports - priority, base)
        return Built(
            unsigned(wallet, [*budget, *trade], blockhash), blockhash, height, quoted, limit,
            units, simulation.slot, lamports - priority, base,
        )  # fmt: skip

    def _instructions(self, quoted: Quoted, wallet: Pubkey, limit: int) -> list[Instruction]:
        trade = quoted.market.instruction(wallet, quoted.quote, limit)
        holder = quoted.holder
        if quoted.quote.is_buy and (holder is None or not holder.has_account):
            program = quoted.market.token_program
            return [create_ata(wallet, wallet, quoted.mint, program), trade]
        return [trade]

    async def _simulated(self, trial: str, quoted: Quoted, wallet: Pubkey) -> Simulation:
        """Raises TradeRefused in words where the chain would refuse it."""
        shown = [wallet, token_account(wallet, quoted.mint, quoted.market.token_program)]
        simulation = await self.node.simulate(trial, shown)
        if simulation.err is None:
            return simulation
        refused = refusal_of(simulation.err, simulation.logs, self.launchpads)
        holder = quoted.holder
        if refused.code == "insufficient_funds" and holder is not None:
            needed = max(0, -quoted.wallet_change)
            raise TradeRefused(
                refused.code,
                f"the wallet has {sol(holder.lamports)} SOL and this takes {sol(needed)}",
                hint=refused.hint,
            )
        raise refused


def unsigned(wallet: Pubkey, instructions: list[Instruction], blockhash: str) -> str:
    """A v0 transaction with room for its signatures, in base64."""
    message = MessageV0.try_compile(wallet, instructions, [], Hash.from_string(blockhash))
    empty = [Signature.default()] * message.header.num_required_signatures
    return base64.b64encode(bytes(VersionedTransaction.populate(message, empty))).decode()


def held_amount(account: Account | None) -> int | None:
    """What a token account holds, in base units; None: it is not there."""
    if account is None or len(account.data) < TOKEN_BYTES[TOKEN]:
        return None
    return int.from_bytes(account.data[64:72], "little")


def sol(lamports: int) -> str:
    """Whole SOL, for sentences."""
    whole, rest = divmod(lamports, 10**9)
    return f"{whole}.{rest:09}".rstrip("0").rstrip(".")


def _lamports(account: Account | None) -> int:
    return 0 if account is None else account.lamports


def _changes(simulation: Simulation, before: Holder | None) -> tuple[int, int]:
    """Lamports and base units the wallet would gain."""
    if before is None or len(simulation.accounts) != 2:
        raise TradeRefused("simulation_failed", "the node does not tell what the trade would do")
    wallet, held = simulation.accounts
    return _lamports(wallet) - before.lamports, (held_amount(held) or 0) - before.base_amount


def _check(quoted: Quoted, limit: int, lamports: int, base: int) -> None:
    """Who signs gets what the quote says, within the limit: anything else is not handed out."""
    quote = quoted.quote
    expected = quote.base_amount if quote.is_buy else -quote.base_amount
    least = (-limit if quote.is_buy else limit) - quoted.costs.total
    if base != expected or lamports < least:
        raise TradeRefused(
            "simulation_failed", "the chain would do something else than the quote says",
            hint="Take a new quote; the wallet may have been used meanwhile",
        )  # fmt: skip
