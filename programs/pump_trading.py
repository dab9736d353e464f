"""Trading on pump's curve: quotes to the lamport, and the instructions for them.

Facts: arithmetic as in docs/localnet.md; fee tiers and the layouts of Global, FeeConfig and the
tail of BondingCurve from pump-sdk 2.0.0 (src/fees.ts, its IDLs). A purchase names its tokens and
what it may cost at most; a sale names its tokens and what it must bring at least.
"""

from __future__ import annotations

import struct

import msgspec
from solders.instruction import Instruction
from solders.pubkey import Pubkey

from common.errors import TradeRefused
from programs import pump_instructions as pump
from programs.curve import BPS, buy_amount, buy_cost, fee_of, sell_proceeds
from programs.trading import Accounts, Launchpad, Market, Order, Quote, Vault

DECIMALS = 6
_NO_KEY = Pubkey.default()
_BUYBACK_AT, _CONFIGURABLE_AT = 741, 1045
"""In Global: the first buyback recipient, and whether a curve may have a creator fee of its own."""
_MAYHEM_AT, _CASHBACK_AT, _QUOTE_AT, _CREATOR_BPS_AT, _HOLDERS_AT = 81, 82, 83, 115, 124
"""In BondingCurve."""
_TIERS_AT = 8 + 1 + 32 + 24
_TIER = struct.Struct("<16sQQQ")
_SUPPLY_OF_TIERS = 10**15
"""The supply that market caps of fee tiers are reckoned with."""

_SLIPPAGE = "the price moved beyond your limit before the trade"
_REFUSALS = {
    6002: ("slippage_exceeded", _SLIPPAGE, "Take a new quote, or allow more slippage"),
    6003: ("slippage_exceeded", _SLIPPAGE, "Take a new quote, or allow more slippage"),
    6005: ("curve_complete", "this token's curve is complete", "It trades on its pool now"),
    6020: ("amount_too_small", "the amount buys nothing", "Choose a larger one"),
    6021: ("slippage_exceeded", "fewer tokens are left than you want", "Take a new quote"),
    6022: ("amount_too_small", "the amount is zero", "Choose a larger one"),
    6023: ("insufficient_tokens", "you hold fewer tokens than you want to sell", "Sell less"),
}
_NO_ACCOUNT = (3007, 3012)
"""The trader's token account is not there (our program; Anchor)."""


class Rates(msgspec.Struct, frozen=True):
    """Fees in basis points."""

    protocol: int
    creator: int

    def of(self, amount: int) -> dict[str, int]:
        """Each fee on `amount`."""
        return {"protocol": fee_of(amount, self.protocol), "creator": fee_of(amount, self.creator)}

    def largest_cost(self, budget: int) -> int:
        """The greatest amount that stays within `budget` with its fees."""
        cost = budget * BPS // (BPS + self.protocol + self.creator)
        # Each fee is rounded up by itself: at most two too much.
        while cost and cost + sum(self.of(cost).values()) > budget:
            cost -= 1
        return cost


class PumpMarket(msgspec.Struct, frozen=True):
    """A curve that is open."""

    curve: pump.CurveState
    rates: Rates
    market: pump.Market

    @property
    def vault(self) -> Pubkey:
        """The creator's."""
        return pump.creator_vault(self.curve.creator)

    @property
    def token_program(self) -> Pubkey:
        """The original one or Token-2022."""
        return self.market.token_program

    @property
    def decimals(self) -> int:
        """Every token of pump has six."""
        return DECIMALS

    @property
    def supply(self) -> int:
        """As the curve says."""
        return self.curve.supply

    def quote(self, order: Order, vault: Vault) -> Quote:
        """As Market.quote."""
        if not order.is_buy:
            return self._sale(order.base or 0, vault)
        return self._purchase(order, vault)

    def _purchase(self, order: Order, vault: Vault) -> Quote:
        curve = self.curve
        wanted = order.base
        if wanted is None:
            budget = self.rates.largest_cost(order.quote or 0)
            wanted = buy_amount(curve.virtual_sol, curve.virtual_token, budget)
        base = min(wanted, curve.real_token)
        if base <= 0:
            raise TradeRefused("amount_too_small", "the amount buys nothing", hint="Choose more")
        cost = buy_cost(curve.virtual_sol, curve.virtual_token, base)
        return self._quote(is_buy=True, base=base, quote=cost, vault=vault, asked=wanted)

    def _sale(self, base: int, vault: Vault) -> Quote:
        curve = self.curve
        if base <= 0:
            raise TradeRefused("amount_too_small", "the amount is zero", hint="Choose more")
        proceeds = sell_proceeds(curve.virtual_sol, curve.virtual_token, base)
        if proceeds > curve.real_sol:
            raise TradeRefused(
                "insufficient_tokens", "that is more than was ever bought of it", hint="Sell less"
            )
        if proceeds <= sum(self.rates.of(proceeds).values()):
            raise TradeRefused(
                "amount_too_small", "what it brings would not pay its fees", hint="Sell more"
            )
        return self._quote(is_buy=False, base=base, quote=proceeds, vault=vault, asked=base)

    def _quote(self, *, is_buy: bool, base: int, quote: int, vault: Vault, asked: int) -> Quote:
        curve, fees, sign = self.curve, self.rates.of(quote), 1 if is_buy else -1
        rent = vault.least - vault.lamports - fees["creator"] if fees["creator"] else 0
        return Quote(
            is_buy=is_buy,
            base_amount=base,
            quote_amount=quote,
            fees=fees,
            vault_rent=max(0, rent) if vault.lamports < vault.least else 0,
            before=(curve.virtual_sol, curve.virtual_token),
            after=(curve.virtual_sol + sign * quote, curve.virtual_token - sign * base),
            is_capped=asked > base,
            completes_curve=is_buy and base == curve.real_token,
        )

    def instruction(self, wallet: Pubkey, quote: Quote, limit: int) -> Instruction:
        """As Market.instruction."""
        trade = pump.buy if quote.is_buy else pump.sell
        return trade(wallet, self.market, quote.base_amount, limit)


class PumpLaunchpad:
    """pump.fun's program: mainnet's, and the localnet's that is shaped like it."""

    name = "pump"
    program = pump.PUMP

    def keys(self, mint: Pubkey) -> tuple[Pubkey, ...]:
        """As Launchpad.keys."""
        return (pump.GLOBAL, pump.FEE_CONFIG, pump.curve_address(mint), mint)

    def market(self, mint: Pubkey, accounts: Accounts) -> Market:
        """As Launchpad.market."""
        account, rules = accounts[pump.curve_address(mint)], accounts[pump.GLOBAL]
        if account is None or rules is None or account.owner != pump.PUMP:
            raise TradeRefused(
                "unknown_token", f"no bonding curve for {mint} is on the chain",
                hint="Is it a token of this launchpad, and of this chain?",
            )  # fmt: skip
        curve = pump.read_curve(account.data)
        if curve.is_complete or not curve.real_token:
            raise self.refusal(6005)
        minted = accounts[mint]
        program = None if minted is None else minted.owner
        if program not in (pump.TOKEN, pump.TOKEN_2022) or not _is_plain(account.data):
            raise TradeRefused(
                "unsupported_token", "trades of this kind of token can't be built here yet",
                hint="Plain SOL pairs can",
            )  # fmt: skip
        fees = accounts[pump.FEE_CONFIG]
        rates = _rates(rules.data, account.data, curve, fees.data if fees else None)
        recipient = pump.read_global(rules.data).fee_recipient
        buyback = _buyback_recipient(rules.data)
        named = pump.Market(mint, curve.creator, recipient, buyback, program)
        return PumpMarket(curve, rates, named)

    def refusal(self, error: int) -> TradeRefused:
        """As Launchpad.refusal."""
        if error in _NO_ACCOUNT:
            error = 6023
        code, message, hint = _REFUSALS.get(
            error, ("simulation_failed", f"the program refuses the trade with error {error}", "")
        )
        return TradeRefused(code, message, hint=hint)


PUMP: Launchpad = PumpLaunchpad()


def _is_plain(curve: bytes) -> bool:
    """Whether it is a SOL pair without modes that change who is paid."""
    modes = (curve[at : at + 1] for at in (_MAYHEM_AT, _CASHBACK_AT, _HOLDERS_AT))
    return not any(map(any, modes)) and not any(curve[_QUOTE_AT : _QUOTE_AT + 32])


def _rates(rules: bytes, curve: bytes, state: pump.CurveState, fees: bytes | None) -> Rates:
    """What a trade pays: by market cap where the fee program has its say, else by Global."""
    if fees is None:
        found = pump.read_global(rules)
        rates = Rates(found.fee_bps, found.creator_fee_bps)
    else:
        rates = _tier(fees, state.virtual_sol * _SUPPLY_OF_TIERS // state.virtual_token)
    own = _u64(curve, _CREATOR_BPS_AT)
    if own and any(rules[_CONFIGURABLE_AT : _CONFIGURABLE_AT + 1]):
        rates = Rates(rates.protocol, own)
    return Rates(rates.protocol, 0) if state.creator == _NO_KEY else rates


def _tier(fees: bytes, market_cap: int) -> Rates:
    """The last tier whose threshold is reached, else the first."""
    count = int.from_bytes(fees[_TIERS_AT : _TIERS_AT + 4], "little")
    end = _TIERS_AT + 4 + count * _TIER.size
    if not count or len(fees) < end:
        raise TradeRefused("unsupported_token", "the launchpad's fees can't be read here yet")
    tiers = list(_TIER.iter_unpack(fees[_TIERS_AT + 4 : end]))
    reached = [each for each in tiers if int.from_bytes(each[0], "little") <= market_cap]
    _, _, protocol, creator = (reached or tiers[:1])[-1]
    return Rates(protocol, creator)


def _buyback_recipient(rules: bytes) -> Pubkey | None:
    key = rules[_BUYBACK_AT : _BUYBACK_AT + 32]
    return Pubkey(key) if len(key) == 32 and any(key) else None


def _u64(data: bytes, at: int) -> int:
    """0 where the account is an older, shorter one."""
    return int.from_bytes(data[at : at + 8], "little")
