"""Moonshot (Moonit). Facts: programs/idl/moonshot.json.

It logs its trades, with curve and wallet but without a mint: that is an account of the
instruction, or known of the curve. A creation has no event, only its instruction; a migration's
event names nothing.
"""

from __future__ import annotations

from programs.events import NATIVE_SOL, Created, Migrated, Traded
from programs.interface import load_interface
from programs.program import Call, Context, Program

INTERFACE = load_interface("moonshot")
NAME = INTERFACE.program
_BUY = 0
_SOL = 0

_TRADE = INTERFACE.reader(
    "TradeEvent",
    "amount",
    "collateral_amount",
    "dex_fee",
    "helio_fee",
    "allocation",
    "curve",
    "cost_token",
    "sender",
    "type",
)
_MIGRATE = INTERFACE.reader("MigrationEvent", "tokens_migrated", "collateral_migrated", "fee")
_MINT = INTERFACE.args_reader(
    "tokenMint", "name", "symbol", "uri", "decimals", "collateral_currency", "amount"
)


def traded(payload: bytes, context: Context) -> Traded:
    """TradeEvent."""
    values, extra = _TRADE(payload)
    base, quote, dex_fee, helio_fee, allocation, curve, cost, sender, kind = values
    return Traded(
        program=NAME,
        ordinal=context.ordinal,
        mint=context.key("mint") if context.key("pool") == curve else None,
        wallet=sender,
        pool=curve,
        timestamp=None,
        extra_bytes=extra,
        is_buy=kind == _BUY,
        base_amount=base,
        quote_amount=quote,
        user_quote_amount=None,
        quote_mint=cost,
        fees={"dex_fee": dex_fee, "helio_fee": helio_fee},
        reserves={"allocation": allocation},
    )


def created(call: Call, context: Context) -> Created:
    """tokenMint: no event tells of it."""
    (name, symbol, uri, decimals, currency, supply), extra = _MINT(call.data)
    return Created(
        program=NAME,
        ordinal=context.ordinal,
        mint=context.key("mint"),
        wallet=context.key("wallet"),
        pool=context.key("pool"),
        timestamp=None,
        extra_bytes=extra,
        creator=context.key("wallet"),
        name=name,
        symbol=symbol,
        uri=uri,
        quote_mint=NATIVE_SOL if currency == _SOL else None,
        token_program=context.key("token_program"),
        base_decimals=decimals,
        supply=supply,
    )


def migrated(payload: bytes, context: Context) -> Migrated:
    """MigrationEvent: what is migrated are accounts of migrateFunds; where to is not said."""
    (base, quote, fee), extra = _MIGRATE(payload)
    return Migrated(
        program=NAME,
        ordinal=context.ordinal,
        mint=context.key("mint"),
        wallet=context.key("wallet"),
        pool=None,
        timestamp=None,
        extra_bytes=extra,
        base_amount=base,
        quote_amount=quote,
        fee=fee,
        curve=context.key("pool"),
    )


PROGRAM = Program(
    INTERFACE,
    {"TradeEvent": traded, "MigrationEvent": migrated},
    instructions={"tokenMint": created},
    fetch=("tokenMint", "migrateFunds"),
)
