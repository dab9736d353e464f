"""Events made by hand: short to write, right in form."""

from __future__ import annotations

import hashlib

from indexer.seen import Seen, quote_of
from programs.events import NATIVE_SOL, AnyEvent, Completed, Created, Migrated, Traded
from programs.keys import signature_b58

MINUTE = 1_800_000_000


def key(name: str) -> bytes:
    """32 bytes that stand for a name."""
    return hashlib.sha256(name.encode()).digest()


def signature(name: str) -> bytes:
    """64 bytes that stand for a name."""
    return hashlib.sha512(name.encode()).digest()


def seen(event: AnyEvent, name: str, slot: int) -> Seen:
    """The event in transaction `name` of `slot`."""
    assert event.mint is not None
    return Seen(
        event=event,
        mint=event.mint,
        quote_mint=quote_of(event.quote_mint),
        signature=signature(name),
        signature_text=signature_b58(signature(name)),
        slot=slot,
        block_time=event.timestamp,
    )


def traded(
    base: int,
    quote: int,
    *,
    mint: str = "mint",
    wallet: str | None = "wallet",
    is_buy: bool = True,
    paid: int | None = None,
    reserves: tuple[int, int] | None = (1_000_000_000_000_000, 30_000_000_000),
    time: int | None = MINUTE,
    quote_mint: bytes | None = NATIVE_SOL,
    pool: str | None = None,
    ordinal: int = 0,
) -> Traded:
    """A trade on pump; `reserves` are the virtual ones after it: base, quote."""
    virtual_base, virtual_quote = reserves or (None, None)
    return Traded(
        program="pump",
        ordinal=ordinal,
        mint=key(mint),
        wallet=None if wallet is None else key(wallet),
        pool=None if pool is None else key(pool),
        timestamp=time,
        is_buy=is_buy,
        base_amount=base,
        quote_amount=quote,
        user_quote_amount=paid,
        quote_mint=quote_mint,
        fees={"fee": 7},
        reserves={},
        virtual_base=virtual_base,
        virtual_quote=virtual_quote,
        progress_bps=123,
    )


def created(mint: str = "mint", *, name: str = "Coin", pool: str | None = "curve") -> Created:
    """A creation on pump with its usual first reserves."""
    return Created(
        program="pump",
        ordinal=0,
        mint=key(mint),
        wallet=key("maker"),
        pool=None if pool is None else key(pool),
        timestamp=MINUTE,
        creator=key("maker"),
        name=name,
        symbol="COIN",
        uri="https://example.org/coin.json",
        quote_mint=NATIVE_SOL,
        base_decimals=6,
        supply=1_000_000_000_000_000,
        virtual_base=1_073_000_000_000_000,
        virtual_quote=30_000_000_000,
        real_base=793_100_000_000_000,
        real_quote=0,
        flags=("token_2022",),
    )


def completed(mint: str = "mint") -> Completed:
    """The end of a curve."""
    return Completed(
        program="pump", ordinal=0, mint=key(mint), wallet=key("last"), pool=key("curve"),
        timestamp=MINUTE, quote_mint=NATIVE_SOL,
    )  # fmt: skip


def migrated(mint: str = "mint", pool: str = "amm") -> Migrated:
    """A migration to an AMM pool."""
    return Migrated(
        program="pump", ordinal=0, mint=key(mint), wallet=key("keeper"), pool=key(pool),
        timestamp=MINUTE, quote_mint=NATIVE_SOL, base_amount=5, quote_amount=6, fee=1,
        curve=key("curve"),
    )  # fmt: skip
