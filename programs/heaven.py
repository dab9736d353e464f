"""Heaven. Facts: programs/idl/heaven.json; what the reserves mean follows from a recorded sell.

It logs its trades as amounts only: pool, mint and wallet are accounts of the instruction, so its
transactions are fetched. Reserves are those after the trade and the amounts are before the fee:
only so does the constant product come out to the unit.
"""

from __future__ import annotations

from programs.events import Created, Traded
from programs.interface import load_interface
from programs.layout import LayoutError
from programs.program import Context, Program

INTERFACE = load_interface("heaven")
NAME = INTERFACE.program

_TRADE = INTERFACE.reader(
    "TradeEvent",
    "base_reserve",
    "quote_reserve",
    "total_fee_paid",
    "base_in",
    "base_out",
    "quote_in",
    "quote_out",
)
_CREATE = INTERFACE.reader(
    "CreateStandardLiquidityPoolEvent",
    "pool_id",
    "payer",
    "creator",
    "mint",
    "initial_token_reserve",
    "initial_virtual_wsol_reserve",
)


def traded(payload: bytes, context: Context) -> Traded:
    """TradeEvent: of each pair of amounts one is zero."""
    values, extra = _TRADE(payload)
    base_reserve, quote_reserve, fee, base_in, base_out, quote_in, quote_out = values
    is_buy = bool(quote_in or base_out)
    if is_buy == bool(base_in or quote_out):
        raise LayoutError("a trade in both directions or none")
    return Traded(
        program=NAME,
        ordinal=context.ordinal,
        mint=context.key("mint"),
        wallet=context.key("wallet"),
        pool=context.key("pool"),
        timestamp=None,
        extra_bytes=extra,
        is_buy=is_buy,
        base_amount=base_out if is_buy else base_in,
        quote_amount=quote_in if is_buy else quote_out,
        user_quote_amount=None,
        quote_mint=context.key("quote_mint"),
        fees={"total_fee_paid": fee},
        reserves={"base": base_reserve, "quote": quote_reserve},
        virtual_base=base_reserve,
        virtual_quote=quote_reserve,
    )


def created(payload: bytes, context: Context) -> Created:
    """CreateStandardLiquidityPoolEvent. The name is in the mint's metadata only."""
    (pool, payer, creator, mint, base, quote), extra = _CREATE(payload)
    return Created(
        program=NAME,
        ordinal=context.ordinal,
        mint=mint,
        wallet=payer,
        pool=pool,
        timestamp=None,
        extra_bytes=extra,
        creator=creator,
        name="",
        symbol="",
        uri="",
        quote_mint=context.key("quote_mint"),
        token_program=context.key("token_program"),
        virtual_base=base,
        virtual_quote=quote,
    )


PROGRAM = Program(
    INTERFACE,
    {"TradeEvent": traded, "CreateStandardLiquidityPoolEvent": created},
    fetch=tuple(INTERFACE.instructions),
)
