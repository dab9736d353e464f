"""pump.fun's bonding curve. Facts: programs/idl/pump.json; semantics checked on recorded balances.

Every trade, creation, completion and migration is an event with mint, wallet and time, both
logged and called: logs alone suffice. A SOL pair names 32 zero bytes as its quote (older layouts
name none); other pairs leave the sol fields at zero and use the quote fields.
"""

from __future__ import annotations

from programs import curve
from programs.events import NATIVE_SOL, Completed, Created, Migrated, Traded
from programs.interface import load_interface
from programs.program import Context, Program

INTERFACE = load_interface("pump")
NAME = INTERFACE.program

TOKEN_2022 = INTERFACE.constant_key("token_2022")
INITIAL_VIRTUAL_BASE = INTERFACE.constant("initial_virtual_token_reserves")
INITIAL_REAL_BASE = INTERFACE.constant("initial_real_token_reserves")
BASE_DECIMALS = INTERFACE.constant("base_decimals")

_TRADE = INTERFACE.reader(
    "TradeEvent",
    "mint",
    "sol_amount",
    "token_amount",
    "is_buy",
    "user",
    "timestamp",
    "virtual_sol_reserves",
    "virtual_token_reserves",
    "real_sol_reserves",
    "real_token_reserves",
    "fee",
    "creator_fee",
    "mayhem_mode",
    "cashback",
    "buyback_fee",
    "quote_mint",
    "quote_amount",
    "virtual_quote_reserves",
    "real_quote_reserves",
    "holder_rewards",
)
_CREATE = INTERFACE.reader(
    "CreateEvent",
    "name",
    "symbol",
    "uri",
    "mint",
    "bonding_curve",
    "user",
    "creator",
    "timestamp",
    "virtual_token_reserves",
    "virtual_sol_reserves",
    "real_token_reserves",
    "token_total_supply",
    "token_program",
    "is_mayhem_mode",
    "is_cashback_enabled",
    "quote_mint",
    "virtual_quote_reserves",
    "is_holder_reward",
)
_COMPLETE = INTERFACE.reader(
    "CompleteEvent", "user", "mint", "bonding_curve", "timestamp", "quote_mint"
)
_MIGRATE = INTERFACE.reader(
    "CompletePumpAmmMigrationEvent",
    "user",
    "mint",
    "mint_amount",
    "sol_amount",
    "pool_migration_fee",
    "bonding_curve",
    "timestamp",
    "pool",
    "quote_mint",
)


def traded(payload: bytes, context: Context) -> Traded:
    """TradeEvent: one buy or sell, amounts before fees, reserves after."""
    # fmt: off
    (mint, sol, base, is_buy, user, timestamp, virtual_sol, virtual_base, real_sol, real_base,
     fee, creator_fee, mayhem, cashback, buyback,
     quote_mint, quote, virtual_quote, real_quote, rewards), extra = _TRADE(payload)
    # fmt: on
    if rewards is not None:
        fees = {
            "fee": fee,
            "creator_fee": creator_fee,
            "cashback": cashback,
            "buyback_fee": buyback,
            "holder_rewards": rewards,
        }
        paid = fee + creator_fee + cashback + rewards
    else:
        fees = _older_fees(fee, creator_fee, cashback, buyback)
        paid = None if fee is None else fee + creator_fee + (cashback or 0)
    reserves = {"virtual_sol_reserves": virtual_sol, "virtual_token_reserves": virtual_base}
    if real_sol is not None:
        reserves["real_sol_reserves"] = real_sol
        reserves["real_token_reserves"] = real_base
    if quote_mint is not None:
        reserves["virtual_quote_reserves"] = virtual_quote
        reserves["real_quote_reserves"] = real_quote
    if quote_mint is None or quote_mint == NATIVE_SOL:
        quote_mint, quote, virtual_quote, real_quote = NATIVE_SOL, sol, virtual_sol, real_sol
    return Traded(
        program=NAME,
        ordinal=context.ordinal,
        mint=mint,
        wallet=user,
        pool=context.key("pool"),
        timestamp=timestamp,
        extra_bytes=extra,
        is_buy=is_buy == 1,
        base_amount=base,
        quote_amount=quote,
        # Fees are on top of a buy and taken from a sale; buyback_fee is a part of fee.
        user_quote_amount=None if paid is None else quote + paid if is_buy else quote - paid,
        quote_mint=quote_mint,
        fees=fees,
        reserves=reserves,
        virtual_base=virtual_base,
        virtual_quote=virtual_quote,
        real_base=real_base,
        real_quote=real_quote,
        progress_bps=_progress(virtual_base, real_base),
        flags=_MAYHEM if mayhem else (),
        moved_quote=quote,
    )


_MAYHEM = ("mayhem",)
_VIRTUAL_ONLY = INITIAL_VIRTUAL_BASE - INITIAL_REAL_BASE


def _older_fees(
    fee: int | None, creator_fee: int, cashback: int | None, buyback: int | None
) -> dict[str, int]:
    """Fees of the layouts before holder rewards: those that each of them told."""
    fees: dict[str, int] = {}
    if fee is not None:
        fees["fee"] = fee
        fees["creator_fee"] = creator_fee
    if cashback is not None:
        fees["cashback"] = cashback
    if buyback is not None:
        fees["buyback_fee"] = buyback
    return fees


def _progress(virtual_base: int, real_base: int | None) -> int | None:
    """Progress of a curve that began with the program's global parameters; None for another one.

    A curve's virtual reserves are above its real ones by a constant: that tells which it began
    with.
    """
    if real_base is None or virtual_base - real_base != _VIRTUAL_ONLY:
        return None
    return curve.progress_bps(INITIAL_REAL_BASE - real_base, INITIAL_REAL_BASE)


def created(payload: bytes, context: Context) -> Created:
    """CreateEvent, of create and create_v2."""
    values, extra = _CREATE(payload)
    (name, symbol, uri, mint, bonding_curve, user, creator, timestamp) = values[:8]
    (virtual_base, virtual_sol, real_base, supply, token_program) = values[8:13]
    (mayhem, cashback, quote_mint, virtual_quote, holder_reward) = values[13:]
    is_sol = quote_mint is None or quote_mint == NATIVE_SOL
    flags = {
        "mayhem": mayhem,
        "cashback": cashback,
        "token_2022": token_program == TOKEN_2022,
        "holder_reward": holder_reward,
    }
    return Created(
        program=NAME,
        ordinal=context.ordinal,
        mint=mint,
        wallet=user,
        pool=bonding_curve,
        timestamp=timestamp,
        extra_bytes=extra,
        creator=creator,
        name=name,
        symbol=symbol,
        uri=uri,
        quote_mint=NATIVE_SOL if is_sol else quote_mint,
        token_program=token_program,
        base_decimals=BASE_DECIMALS,
        supply=supply,
        virtual_base=virtual_base,
        virtual_quote=virtual_sol if is_sol else virtual_quote,
        real_base=real_base,
        real_quote=0,
        flags=tuple(flag for flag, is_set in flags.items() if is_set),
    )


def completed(payload: bytes, context: Context) -> Completed:
    """CompleteEvent: the curve is sold out."""
    (user, mint, bonding_curve, timestamp, quote_mint), extra = _COMPLETE(payload)
    return Completed(
        program=NAME,
        ordinal=context.ordinal,
        mint=mint,
        wallet=user,
        pool=bonding_curve,
        timestamp=timestamp,
        extra_bytes=extra,
        quote_mint=NATIVE_SOL if quote_mint is None else quote_mint,
    )


def migrated(payload: bytes, context: Context) -> Migrated:
    """CompletePumpAmmMigrationEvent: liquidity went to PumpSwap."""
    values, extra = _MIGRATE(payload)
    (user, mint, base, quote, fee, bonding_curve, timestamp, pool, quote_mint) = values
    return Migrated(
        program=NAME,
        ordinal=context.ordinal,
        mint=mint,
        wallet=user,
        pool=pool,
        timestamp=timestamp,
        extra_bytes=extra,
        quote_mint=NATIVE_SOL if quote_mint is None else quote_mint,
        base_amount=base,
        quote_amount=quote,
        fee=fee,
        curve=bonding_curve,
    )


PROGRAM = Program(
    INTERFACE,
    {
        "TradeEvent": traded,
        "CreateEvent": created,
        "CompleteEvent": completed,
        "CompletePumpAmmMigrationEvent": migrated,
    },
)
