"""Feed messages of folded events, encoded once: the bytes that reach the browser."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from common.messages import (
    CurveCompleted,
    NewTrade,
    PortfolioUpdate,
    PriceUpdate,
    TokenCreated,
    TokenMigrated,
)
from db.rows import PositionRow, TokenRow
from indexer.seen import Seen
from programs.events import Completed, Created, Migrated, Traded
from programs.keys import b58

_encode = msgspec.json.Encoder().encode


def price_update(token: TokenRow) -> str:
    """`price_update`: the token's state now."""
    update = PriceUpdate(
        mint=b58(token.mint),
        price=decimal_text(token.price),
        market_cap=decimal_text(token.market_cap),
        curve_progress_bps=token.progress_bps,
    )
    return _encode(update).decode()


def portfolio_update(position: PositionRow) -> str:
    """`portfolio_update`: the wallet's whole position in the token now."""
    update = PortfolioUpdate(
        wallet=b58(position.wallet),
        mint=b58(position.mint),
        base_amount=str(position.base_amount),
        cost_quote=str(position.cost_quote),
        realized_quote=str(position.realized_quote),
        buys=position.buys,
        sells=position.sells,
    )
    return _encode(update).decode()


def new_trade(
    seen: Seen, event: Traded, commitment: str, price: Decimal | None, market_cap: Decimal | None
) -> str:
    """`new_trade`, with the spot price after it."""
    trade = NewTrade(
        signature=seen.signature_text,
        ordinal=event.ordinal,
        slot=seen.slot,
        commitment=commitment,
        program=event.program,
        side="buy" if event.is_buy else "sell",
        mint=b58(seen.mint),
        wallet=_key(event.wallet),
        pool=_key(event.pool),
        quote_mint=_key(seen.quote_mint),
        base_amount=str(event.base_amount),
        quote_amount=str(event.quote_amount),
        user_quote_amount=_number(event.user_quote_amount),
        fees={name: str(fee) for name, fee in event.fees.items()},
        price=decimal_text(price),
        market_cap=decimal_text(market_cap),
        curve_progress_bps=event.progress_bps,
        virtual_base_reserves=_number(event.virtual_base),
        virtual_quote_reserves=_number(event.virtual_quote),
        real_base_reserves=_number(event.real_base),
        real_quote_reserves=_number(event.real_quote),
        block_time=seen.block_time,
    )
    return _encode(trade).decode()


def token_created(seen: Seen, event: Created, commitment: str, token: TokenRow) -> str:
    """`token_created`; price and market cap are those of the token's state now."""
    created = TokenCreated(
        signature=seen.signature_text,
        slot=seen.slot,
        commitment=commitment,
        program=event.program,
        mint=b58(seen.mint),
        wallet=_key(event.wallet or event.creator) or "",
        creator=_key(event.creator),
        pool=_key(event.pool),
        name=event.name,
        symbol=event.symbol,
        uri=event.uri,
        quote_mint=_key(token.quote_mint),
        supply=_number(event.supply),
        decimals=token.decimals,
        price=decimal_text(token.price),
        market_cap=decimal_text(token.market_cap),
        flags=list(event.flags),
        block_time=seen.block_time,
    )
    return _encode(created).decode()


def curve_completed(seen: Seen, event: Completed, commitment: str) -> str:
    """`curve_completed`."""
    completed = CurveCompleted(
        signature=seen.signature_text,
        slot=seen.slot,
        commitment=commitment,
        program=event.program,
        mint=b58(seen.mint),
        wallet=_key(event.wallet),
        pool=_key(event.pool),
        block_time=seen.block_time,
    )
    return _encode(completed).decode()


def token_migrated(seen: Seen, event: Migrated, commitment: str) -> str:
    """`token_migrated`."""
    migrated = TokenMigrated(
        signature=seen.signature_text,
        slot=seen.slot,
        commitment=commitment,
        program=event.program,
        mint=b58(seen.mint),
        wallet=_key(event.wallet),
        pool=_key(event.pool),
        base_amount=_number(event.base_amount),
        quote_amount=_number(event.quote_amount),
        block_time=seen.block_time,
    )
    return _encode(migrated).decode()


def decimal_text(value: Decimal | None) -> str | None:
    """Plain notation, never an exponent."""
    return None if value is None else format(value, "f")


def _key(key: bytes | None) -> str | None:
    return None if key is None else b58(key)


def _number(value: int | None) -> str | None:
    return None if value is None else str(value)
