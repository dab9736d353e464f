"""PumpSwap, the AMM that pump's curves migrate to. Facts: programs/idl/pumpswap.json.

Trades are logged and called, with pool, wallet and time, but without a mint: that comes from the
instruction's accounts, or from what was learnt of the pool (CreatePoolEvent, pump's migration).
Reserves in the event are those before the trade; vault balances of recorded transactions show it.
"""

from __future__ import annotations

from programs.events import Traded
from programs.interface import load_interface
from programs.layout import Values
from programs.program import Context, Pool, Program

INTERFACE = load_interface("pumpswap")
NAME = INTERFACE.program

_TAIL = ("cashback", "buyback_fee", "virtual_quote_reserves", "holder_rewards")
_BUY = INTERFACE.reader(
    "BuyEvent",
    "timestamp",
    "base_amount_out",
    "pool_base_token_reserves",
    "pool_quote_token_reserves",
    "quote_amount_in",
    "lp_fee",
    "protocol_fee",
    "quote_amount_in_with_lp_fee",
    "user_quote_amount_in",
    "pool",
    "user",
    "coin_creator_fee",
    *_TAIL,
)
_SELL = INTERFACE.reader(
    "SellEvent",
    "timestamp",
    "base_amount_in",
    "pool_base_token_reserves",
    "pool_quote_token_reserves",
    "quote_amount_out",
    "lp_fee",
    "protocol_fee",
    "quote_amount_out_without_lp_fee",
    "user_quote_amount_out",
    "pool",
    "user",
    "coin_creator_fee",
    *_TAIL,
)
_CREATE = INTERFACE.reader("CreatePoolEvent", "base_mint", "quote_mint", "pool")


def bought(payload: bytes, context: Context) -> Traded:
    """BuyEvent."""
    return _traded(_BUY(payload), context, is_buy=True)


def sold(payload: bytes, context: Context) -> Traded:
    """SellEvent."""
    return _traded(_SELL(payload), context, is_buy=False)


def _traded(read: tuple[Values, int], context: Context, is_buy: bool) -> Traded:
    values, extra = read
    timestamp, base, base_before, quote_before, quote, lp_fee, protocol_fee = values[:7]
    moved, user_quote, pool, user, creator_fee, cashback, buyback, virtual, rewards = values[7:]
    fees = {"lp_fee": lp_fee, "protocol_fee": protocol_fee}
    reserves = {"pool_base_token_reserves": base_before, "pool_quote_token_reserves": quote_before}
    for name, fee in (
        ("coin_creator_fee", creator_fee),
        ("cashback", cashback),
        ("buyback_fee", buyback),
        ("holder_rewards", rewards),
    ):
        if fee is not None:
            fees[name] = fee
    if virtual is not None:
        reserves["virtual_quote_reserves"] = virtual
    base_after = base_before - base if is_buy else base_before + base
    quote_after = quote_before + moved if is_buy else quote_before - moved
    is_known = context.key("pool") == pool
    return Traded(
        program=NAME,
        ordinal=context.ordinal,
        mint=context.key("mint") if is_known else None,
        wallet=user,
        pool=pool,
        timestamp=timestamp,
        extra_bytes=extra,
        is_buy=is_buy,
        base_amount=base,
        quote_amount=quote,
        user_quote_amount=user_quote,
        quote_mint=context.key("quote_mint") if is_known else None,
        fees=fees,
        reserves=reserves,
        virtual_base=base_after,
        # Reserves that exist only in the pricing are added to the vault's since 2026-09.
        virtual_quote=quote_after + (virtual or 0),
        real_base=base_after,
        real_quote=quote_after,
        moved_quote=moved,
    )


def pool_created(payload: bytes, context: Context) -> Pool:  # noqa: ARG001 (a decoder's signature)
    """CreatePoolEvent: not a new token, but it tells the pool's mints."""
    (base_mint, quote_mint, pool), _ = _CREATE(payload)
    return Pool(pool, base_mint, quote_mint)


PROGRAM = Program(
    INTERFACE,
    {"BuyEvent": bought, "SellEvent": sold, "CreatePoolEvent": pool_created},
)
