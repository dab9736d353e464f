"""Raydium LaunchLab. Facts: programs/idl/launchlab.json; semantics checked on recorded balances.

Events name a pool, no mint, no time, and trades no wallet: those are accounts of the instruction,
so its transactions are fetched. Until mid-2025 events were only called, since then they are
logged too. Migrations have no event at all. TradeEvent has two layouts that are not appends: told
by length.
"""

from __future__ import annotations

from programs import curve
from programs.events import Completed, Created, Migrated, Traded
from programs.interface import load_interface
from programs.program import Call, Context, Program

INTERFACE = load_interface("launchlab")
NAME = INTERFACE.program
_OLD_TRADE_BYTES = 138
_BUY = 0
_READY_TO_MIGRATE = 1

_TRADE_HEAD = (
    "pool_state",
    "total_base_sell",
    "virtual_base",
    "virtual_quote",
    "real_base_before",
    "real_quote_before",
    "real_base_after",
    "real_quote_after",
    "amount_in",
    "amount_out",
    "protocol_fee",
    "platform_fee",
)
_TRADE_TAIL = ("share_fee", "trade_direction", "pool_status")
_OLD_TRADE = INTERFACE.reader("TradeEvent@2025", *_TRADE_HEAD, *_TRADE_TAIL)
_TRADE = INTERFACE.reader("TradeEvent", *_TRADE_HEAD, "creator_fee", *_TRADE_TAIL)
_CREATE = INTERFACE.reader(
    "PoolCreateEvent",
    "pool_state",
    "creator",
    "base_mint_param.decimals",
    "base_mint_param.name",
    "base_mint_param.symbol",
    "base_mint_param.uri",
    "curve_param",
)


def traded(payload: bytes, context: Context) -> tuple[Traded | Completed, ...]:
    """TradeEvent; the trade that fills the curve leaves the pool ready to migrate.

    A buy's input and a sell's output are what the trader's balance saw, fees included.
    """
    is_old = len(payload) == _OLD_TRADE_BYTES
    values, extra = (_OLD_TRADE if is_old else _TRADE)(payload)
    pool, total, virtual_base, virtual_quote, base_before, quote_before = values[:6]
    base_after, quote_after, amount_in, amount_out, protocol_fee, platform_fee = values[6:12]
    share_fee, direction, status = values[-3:]
    fees = {"protocol_fee": protocol_fee, "platform_fee": platform_fee}
    if not is_old:
        fees["creator_fee"] = values[12]
    fees["share_fee"] = share_fee
    is_buy = direction == _BUY
    is_known = context.key("pool") == pool
    before = (virtual_base - base_before, virtual_quote + quote_before)
    after = (virtual_base - base_after, virtual_quote + quote_after)
    has_product = is_constant_product(before, after)
    trade = Traded(
        program=NAME,
        ordinal=context.ordinal,
        mint=context.key("mint") if is_known else None,
        wallet=context.key("wallet") if is_known else None,
        pool=pool,
        timestamp=None,
        extra_bytes=extra,
        is_buy=is_buy,
        base_amount=amount_out if is_buy else amount_in,
        quote_amount=amount_in if is_buy else amount_out,
        user_quote_amount=amount_in if is_buy else amount_out,
        quote_mint=context.key("quote_mint") if is_known else None,
        fees=fees,
        reserves={
            "virtual_base": virtual_base,
            "virtual_quote": virtual_quote,
            "real_base_after": base_after,
            "real_quote_after": quote_after,
            "real_base_before": base_before,
            "real_quote_before": quote_before,
        },
        virtual_base=after[0] if has_product else None,
        virtual_quote=after[1] if has_product else None,
        real_base=total - base_after,
        real_quote=quote_after,
        progress_bps=curve.progress_bps(base_after, total),
        moved_quote=abs(quote_after - quote_before),
    )
    return (trade, _completed(trade)) if status == _READY_TO_MIGRATE else (trade,)


def is_constant_product(before: tuple[int, int], after: tuple[int, int]) -> bool:
    """Whether a trade kept base x quote but for rounding: then their ratio is the price.

    LaunchLab also has fixed and linear curves, and a trade does not say which it was on.
    """
    if min(*before, *after) <= 0:
        return False
    return abs(after[0] * after[1] - before[0] * before[1]) <= sum(before) + sum(after)


def _completed(trade: Traded) -> Completed:
    return Completed(
        program=NAME,
        ordinal=trade.ordinal + 1,
        mint=trade.mint,
        wallet=trade.wallet,
        pool=trade.pool,
        timestamp=None,
        quote_mint=trade.quote_mint,
        is_implied=True,
    )


def created(payload: bytes, context: Context) -> Created:
    """PoolCreateEvent. A constant-product curve states what it will sell."""
    (pool, creator, decimals, name, symbol, uri, params), extra = _CREATE(payload)
    is_known = context.key("pool") == pool
    is_constant = params[0] == 0
    return Created(
        program=NAME,
        ordinal=context.ordinal,
        mint=context.key("mint") if is_known else None,
        wallet=creator,
        pool=pool,
        timestamp=None,
        extra_bytes=extra,
        creator=creator,
        name=name,
        symbol=symbol,
        uri=uri,
        quote_mint=context.key("quote_mint") if is_known else None,
        token_program=context.key("token_program") if is_known else None,
        base_decimals=decimals,
        supply=params[1],
        real_base=params[2] if is_constant else None,
        real_quote=0,
    )


def migrated(call: Call, context: Context) -> Migrated:
    """migrate_to_amm, migrate_to_cpswap: no event tells of them."""
    if len(call.accounts) <= max(context.accounts.values()):
        raise ValueError(f"a migration with {len(call.accounts)} accounts")
    return Migrated(
        program=NAME,
        ordinal=context.ordinal,
        mint=context.key("mint"),
        wallet=context.key("wallet"),
        pool=context.key("amm_pool"),
        timestamp=None,
        quote_mint=context.key("quote_mint"),
        curve=context.key("pool"),
    )


_MIGRATIONS = ("migrate_to_amm", "migrate_to_cpswap")

PROGRAM = Program(
    INTERFACE,
    {"TradeEvent": traded, "PoolCreateEvent": created},
    instructions=dict.fromkeys(_MIGRATIONS, migrated),
    fetch=tuple(INTERFACE.instructions),
)
