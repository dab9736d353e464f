"""Ramp. Facts: programs/idl/ramp.json, made of its Anchor IDL by `./run interface`."""

from __future__ import annotations

from programs.events import NATIVE_SOL, Created, Traded
from programs.interface import load_interface
from programs.program import Context, Program

INTERFACE = load_interface("ramp")
NAME = INTERFACE.program
FIRST_LAMPORTS = 10_000_000_000
SUPPLY, DECIMALS = 1_100_000, 0

_LAUNCHED = INTERFACE.reader(
    "Launched", "mint", "creator", "curve", "name", "symbol", "uri", "virtual_tokens",
    "virtual_lamports",
)  # fmt: skip
_SWAPPED = INTERFACE.reader(
    "Swapped", "mint", "wallet", "curve", "is_buy", "tokens", "lamports", "virtual_tokens",
    "virtual_lamports", "timestamp",
)  # fmt: skip


def created(payload: bytes, context: Context) -> Created:
    """Launched: all of it is in the event."""
    (mint, creator, curve, name, symbol, uri, tokens, lamports), extra = _LAUNCHED(payload)
    return Created(
        program=NAME,
        ordinal=context.ordinal,
        mint=mint,
        wallet=creator,
        pool=curve,
        timestamp=None,
        extra_bytes=extra,
        creator=creator,
        name=name,
        symbol=symbol,
        uri=uri,
        quote_mint=NATIVE_SOL,
        base_decimals=DECIMALS,
        supply=SUPPLY,
        virtual_base=tokens,
        virtual_quote=lamports,
    )


def traded(payload: bytes, context: Context) -> Traded:
    """Swapped. Ramp takes no fee."""
    values, extra = _SWAPPED(payload)
    mint, wallet, curve, is_buy, tokens, lamports, virtual_tokens, virtual_lamports, time = values
    return Traded(
        program=NAME,
        ordinal=context.ordinal,
        mint=mint,
        wallet=wallet,
        pool=curve,
        timestamp=time,
        extra_bytes=extra,
        is_buy=is_buy == 1,
        base_amount=tokens,
        quote_amount=lamports,
        user_quote_amount=lamports,
        quote_mint=NATIVE_SOL,
        fees={},
        reserves={"tokens": virtual_tokens, "lamports": virtual_lamports},
        virtual_base=virtual_tokens,
        virtual_quote=virtual_lamports,
        real_quote=virtual_lamports - FIRST_LAMPORTS,
        progress_bps=10_000 * (SUPPLY - virtual_tokens) // SUPPLY,
    )


PROGRAM = Program(INTERFACE, {"Launched": created, "Swapped": traded})
