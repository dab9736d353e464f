"""Meteora's Dynamic Bonding Curve. Facts: programs/idl/dbc.json.

It only ever calls its events, so nothing is in the logs but the instructions' names: each
transaction is fetched. One swap emits EvtSwap and, since 2025, EvtSwap2 that says all of it and
more: one trade. Migrations have no event. The spot price is a square root with 64 binary places,
in place of reserves.
"""

from __future__ import annotations

from collections.abc import Sequence

from programs import curve
from programs.events import Completed, Created, Migrated, Traded
from programs.interface import load_interface
from programs.program import Call, Context, Emitted, Program

INTERFACE = load_interface("dbc")
NAME = INTERFACE.program
_QUOTE_TO_BASE = 1
_TOKEN_2022_POOL = 1

_RESULT = (
    "swap_result.output_amount",
    "swap_result.next_sqrt_price",
    "swap_result.trading_fee",
    "swap_result.protocol_fee",
    "swap_result.referral_fee",
)
_SWAP = INTERFACE.reader(
    "EvtSwap", "pool", "trade_direction", *_RESULT, "amount_in", "current_timestamp"
)
_SWAP2_FIELDS = (
    "pool",
    "trade_direction",
    "swap_result.included_fee_input_amount",
    *_RESULT,
    "quote_reserve_amount",
    "migration_threshold",
    "current_timestamp",
)
_SWAP2 = INTERFACE.reader("EvtSwap2", *_SWAP2_FIELDS)
_CREATE = INTERFACE.reader("EvtInitializePool", "pool", "creator", "base_mint", "pool_type")
_COMPLETE = INTERFACE.reader("EvtCurveComplete", "pool")
_NAMES = INTERFACE.args_reader("initialize_virtual_pool_with_spl_token", "name", "symbol", "uri")


def swapped(payload: bytes, context: Context) -> Traded:
    """EvtSwap without an EvtSwap2: older builds."""
    values, extra = _SWAP(payload)
    pool, direction, amount_out, sqrt_price, trading, protocol, referral = values[:7]
    amount_in, timestamp = values[7:]
    return _traded(
        context,
        (pool, direction, amount_in, amount_out, timestamp, extra),
        {"trading_fee": trading, "protocol_fee": protocol, "referral_fee": referral},
        {"next_sqrt_price": sqrt_price},
    )


def swapped2(payload: bytes, context: Context) -> Traded:
    """EvtSwap2 and EvtSwap2WithTransferHook, which have the same fields."""
    values, extra = _SWAP2(payload)
    pool, direction, amount_in, amount_out, sqrt_price, trading, protocol, referral = values[:8]
    quote_reserve, threshold, timestamp = values[8:]
    return _traded(
        context,
        (pool, direction, amount_in, amount_out, timestamp, extra),
        {"trading_fee": trading, "protocol_fee": protocol, "referral_fee": referral},
        {
            "next_sqrt_price": sqrt_price,
            "quote_reserve_amount": quote_reserve,
            "migration_threshold": threshold,
        },
    )


def _traded(
    context: Context,
    swap: tuple[bytes, int, int, int, int, int],
    fees: dict[str, int],
    reserves: dict[str, int],
) -> Traded:
    pool, direction, amount_in, amount_out, timestamp, extra = swap
    if direction > _QUOTE_TO_BASE:
        raise ValueError(f"trade direction {direction}")
    is_buy = direction == _QUOTE_TO_BASE
    is_known = context.key("pool") == pool
    quote_reserve = reserves.get("quote_reserve_amount")
    return Traded(
        program=NAME,
        ordinal=context.ordinal,
        mint=context.key("mint") if is_known else None,
        wallet=context.key("wallet") if is_known else None,
        pool=pool,
        timestamp=timestamp,
        extra_bytes=extra,
        is_buy=is_buy,
        base_amount=amount_out if is_buy else amount_in,
        quote_amount=amount_in if is_buy else amount_out,
        user_quote_amount=amount_in if is_buy else amount_out,
        quote_mint=context.key("quote_mint") if is_known else None,
        fees=fees,
        reserves=reserves,
        real_quote=quote_reserve,
        progress_bps=None
        if quote_reserve is None
        else curve.progress_bps(quote_reserve, reserves["migration_threshold"]),
        sqrt_price=reserves["next_sqrt_price"],
    )


def created(payload: bytes, context: Context) -> Created:
    """EvtInitializePool(WithTransferHook). Name, symbol and URI are the instruction's arguments."""
    (pool, creator, mint, pool_type), extra = _CREATE(payload)
    is_known = context.key("pool") == pool
    name, symbol, uri = "", "", ""
    if is_known and context.call is not None:
        (name, symbol, uri), _ = _NAMES(context.call.data)
    return Created(
        program=NAME,
        ordinal=context.ordinal,
        mint=mint,
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
        flags=("token_2022",) if pool_type == _TOKEN_2022_POOL else (),
    )


def completed(payload: bytes, context: Context) -> Completed:
    """EvtCurveComplete(WithTransferHook), emitted by the swap that fills the curve."""
    (pool,), extra = _COMPLETE(payload)
    is_known = context.key("pool") == pool
    return Completed(
        program=NAME,
        ordinal=context.ordinal,
        mint=context.key("mint") if is_known else None,
        wallet=context.key("wallet") if is_known else None,
        pool=pool,
        timestamp=None,
        extra_bytes=extra,
        quote_mint=context.key("quote_mint") if is_known else None,
    )


def migrated(call: Call, context: Context) -> Migrated:
    """migrate_meteora_damm, migration_damm_v2: no event tells of them."""
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


_OLD = INTERFACE.discriminator("EvtSwap")
_NEW = {INTERFACE.discriminator(n) for n in ("EvtSwap2", "EvtSwap2WithTransferHook")}
_POOL = slice(8, 40)


def one_per_swap(found: Sequence[Emitted]) -> list[Emitted]:
    """Without each EvtSwap whose EvtSwap2 comes next, of the same pool and instruction."""
    kept: list[Emitted] = []
    for emitted in found:
        last = kept[-1] if kept else None
        if (
            last is not None
            and emitted.payload[:8] in _NEW
            and last.payload[:8] == _OLD
            and last.payload[_POOL] == emitted.payload[_POOL]
            and last.call == emitted.call
        ):
            kept.pop()
        kept.append(emitted)
    return kept


_MIGRATIONS = ("migrate_meteora_damm", "migration_damm_v2")

PROGRAM = Program(
    INTERFACE,
    {
        "EvtSwap": swapped,
        "EvtSwap2": swapped2,
        "EvtSwap2WithTransferHook": swapped2,
        "EvtInitializePool": created,
        "EvtInitializePoolWithTransferHook": created,
        "EvtCurveComplete": completed,
        "EvtCurveCompleteWithTransferHook": completed,
    },
    instructions=dict.fromkeys(_MIGRATIONS, migrated),
    fetch=tuple(INTERFACE.instructions),
    canonical=one_per_swap,
)
