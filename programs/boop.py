"""Boop. Facts: programs/idl/boop.json (no recorded transaction yet: emission as log line inferred).

Its trades name mint and wallet: logs suffice. A token is named by TokenCreatedEvent, which has no
mint, and gets its curve by BondingCurveDeployedEvent, which has no name: together they are a
creation.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from programs.events import NATIVE_SOL, Completed, Created, Migrated, Traded
from programs.interface import load_interface
from programs.program import Context, Emitted, Program

INTERFACE = load_interface("boop")
NAME = INTERFACE.program

_BOUGHT = INTERFACE.reader(
    "TokenBoughtEvent", "mint", "amount_in", "amount_out", "swap_fee", "buyer"
)
_SOLD = INTERFACE.reader("TokenSoldEvent", "mint", "amount_in", "amount_out", "swap_fee", "seller")
_NAMED = INTERFACE.reader("TokenCreatedEvent", "name", "symbol", "uri")
_DEPLOYED = INTERFACE.reader("BondingCurveDeployedEvent", "mint", "creator")
_GRADUATED = INTERFACE.reader("TokenGraduatedEvent", "mint")
_DEPOSITED = INTERFACE.reader(
    "LiquidityDepositedIntoRaydiumEvent", "pool_state", "mint", "tokens_deposited", "wsol_deposited"
)


def bought(payload: bytes, context: Context) -> Traded:
    """TokenBoughtEvent: SOL in, tokens out."""
    (mint, quote, base, fee, buyer), extra = _BOUGHT(payload)
    return _traded(context, (mint, buyer, base, quote, fee, extra), is_buy=True)


def sold(payload: bytes, context: Context) -> Traded:
    """TokenSoldEvent: tokens in, SOL out."""
    (mint, base, quote, fee, seller), extra = _SOLD(payload)
    return _traded(context, (mint, seller, base, quote, fee, extra), is_buy=False)


def _traded(
    context: Context, trade: tuple[bytes, bytes, int, int, int, int], is_buy: bool
) -> Traded:
    mint, wallet, base, quote, fee, extra = trade
    return Traded(
        program=NAME,
        ordinal=context.ordinal,
        mint=mint,
        wallet=wallet,
        pool=context.key("pool"),
        timestamp=None,
        extra_bytes=extra,
        is_buy=is_buy,
        base_amount=base,
        quote_amount=quote,
        user_quote_amount=None,
        quote_mint=NATIVE_SOL,
        fees={"swap_fee": fee},
        reserves={},
    )


def deployed(payload: bytes, context: Context) -> Created:
    """BondingCurveDeployed(Fallback)Event, with the names of the TokenCreatedEvent before it."""
    (mint, creator), extra = _DEPLOYED(payload)
    name, symbol, uri = _NAMED(context.also)[0] if context.also else ("", "", "")
    return Created(
        program=NAME,
        ordinal=context.ordinal,
        mint=mint,
        wallet=context.key("wallet") or creator,
        pool=context.key("pool"),
        timestamp=None,
        extra_bytes=extra,
        creator=creator,
        name=name,
        symbol=symbol,
        uri=uri,
        quote_mint=NATIVE_SOL,
        token_program=context.key("token_program"),
    )


def named(payload: bytes, context: Context) -> None:  # noqa: ARG001 (a decoder's signature)
    """TokenCreated(Fallback)Event alone: a token that has no curve yet."""
    _NAMED(payload)


def graduated(payload: bytes, context: Context) -> Completed:
    """TokenGraduatedEvent: the curve is closed, its liquidity is on the way."""
    (mint,), extra = _GRADUATED(payload)
    return Completed(
        program=NAME,
        ordinal=context.ordinal,
        mint=mint,
        wallet=context.key("wallet"),
        pool=context.key("pool"),
        timestamp=None,
        extra_bytes=extra,
        quote_mint=NATIVE_SOL,
    )


def deposited(payload: bytes, context: Context) -> Migrated:
    """LiquidityDepositedIntoRaydiumEvent: the pool has the curve's liquidity."""
    (pool, mint, base, quote), extra = _DEPOSITED(payload)
    return Migrated(
        program=NAME,
        ordinal=context.ordinal,
        mint=mint,
        wallet=context.key("wallet"),
        pool=pool,
        timestamp=None,
        extra_bytes=extra,
        quote_mint=NATIVE_SOL,
        base_amount=base,
        quote_amount=quote,
        curve=context.key("pool"),
    )


_CREATED = {INTERFACE.discriminator(n) for n in ("TokenCreatedEvent", "TokenCreatedFallbackEvent")}
_CURVED = {
    INTERFACE.discriminator(n)
    for n in ("BondingCurveDeployedEvent", "BondingCurveDeployedFallbackEvent")
}


def names_with_curves(found: Sequence[Emitted]) -> list[Emitted]:
    """Each deployment with the naming before it, if there is but one in between: never a guess."""
    kept: list[Emitted] = []
    names: list[bytes] = []
    for emitted in found:
        first = emitted.payload[:8]
        if first in _CREATED:
            names.append(emitted.payload)
        if first in _CURVED:
            also = names[0] if len(names) == 1 else None
            kept.append(msgspec.structs.replace(emitted, also=also))
            names.clear()
        else:
            kept.append(emitted)
    return kept


PROGRAM = Program(
    INTERFACE,
    {
        "TokenBoughtEvent": bought,
        "TokenSoldEvent": sold,
        "TokenCreatedEvent": named,
        "TokenCreatedFallbackEvent": named,
        "BondingCurveDeployedEvent": deployed,
        "BondingCurveDeployedFallbackEvent": deployed,
        "TokenGraduatedEvent": graduated,
        "LiquidityDepositedIntoRaydiumEvent": deposited,
    },
    canonical=names_with_curves,
)
