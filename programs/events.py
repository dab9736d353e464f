"""What a launchpad's transaction says, in the field's words: four frozen events.

Keys are 32 raw bytes (base58 is for the border), amounts are integers of base units. A value the
chain did not give is None: never a guess. `fees` and `reserves` keep the names the program itself
uses; the four reserves every curve has are also given under one name each.
"""

from __future__ import annotations

import msgspec

NATIVE_SOL = bytes(32)
"""Quote "mint" of a pair in lamports: pump writes 32 zero bytes (older layouts name none)."""


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What all four share.

    Identity of an event on a chain: (signature, program, ordinal). `ordinal` counts the canonical
    events of one program inside one transaction, in order of execution, so it is the same
    whichever channel it was read from and whichever other programs are known.
    """

    program: str
    """Short name of the launchpad: pump, pumpswap, launchlab, dbc, moonshot, boop, heaven."""
    ordinal: int
    mint: bytes | None
    """Base mint; None where the event names only a pool that is not known yet."""
    wallet: bytes | None
    """Who acted: the trader or the creator's signing wallet."""
    pool: bytes | None
    """Bonding curve, virtual pool or AMM pool."""
    timestamp: int | None
    """Unix seconds as written by the program."""
    extra_bytes: int = 0
    """Bytes behind the last field known to the interface: above zero, the program was upgraded."""


class Created(Event, frozen=True, kw_only=True, gc=False, tag="create"):
    """A token came to be, with its curve."""

    creator: bytes | None
    name: str
    symbol: str
    uri: str
    quote_mint: bytes | None
    token_program: bytes | None = None
    base_decimals: int | None = None
    supply: int | None = None
    virtual_base: int | None = None
    virtual_quote: int | None = None
    real_base: int | None = None
    real_quote: int | None = None
    flags: tuple[str, ...] = ()
    """Of: mayhem, cashback, token_2022, holder_reward."""


class Traded(Event, frozen=True, kw_only=True, tag="trade"):
    """Somebody bought from or sold to a curve."""

    is_buy: bool
    base_amount: int
    quote_amount: int
    """Quote units bought for or sold for, as the program's event states them."""
    user_quote_amount: int | None
    """Quote units the trader paid (buy) or received (sell), fees included."""
    quote_mint: bytes | None
    fees: dict[str, int]
    reserves: dict[str, int]
    virtual_base: int | None = None
    virtual_quote: int | None = None
    real_base: int | None = None
    real_quote: int | None = None
    progress_bps: int | None = None
    """Share of the curve sold after this trade, 0 … 10000, where the event's numbers give it."""
    flags: tuple[str, ...] = ()
    moved_quote: int | None = None
    """Quote units by which the reserves changed: some fees stay outside. None: not told."""
    sqrt_price: int | None = None
    """Square root of the spot price, 64 binary places, of curves that have it in place of
    reserves.
    """

    @property
    def spot(self) -> tuple[int, int] | None:
        """Spot price after the trade as a fraction (quote, base) of base units."""
        if self.sqrt_price is not None:
            return self.sqrt_price**2, 1 << 128
        if self.virtual_base and self.virtual_quote is not None:
            return self.virtual_quote, self.virtual_base
        return None


class Completed(Event, frozen=True, kw_only=True, gc=False, tag="complete"):
    """The curve is full: trading on it has ended, the pool is not there yet."""

    quote_mint: bytes | None = None
    is_implied: bool = False
    """It has no event of its own on the chain: the trade before it says so."""


class Migrated(Event, frozen=True, kw_only=True, gc=False, tag="migrate"):
    """Liquidity moved from the curve (`pool` is the new one) to an AMM."""

    quote_mint: bytes | None = None
    base_amount: int | None = None
    quote_amount: int | None = None
    fee: int | None = None
    curve: bytes | None = None


AnyEvent = Created | Traded | Completed | Migrated
