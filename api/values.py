"""Values of amounts, exact and rounded down."""

from __future__ import annotations

from decimal import Decimal


def value_of(
    amount: int, price: Decimal | int | None, decimals: int | None, quote_decimals: int | None
) -> int | None:
    """What an amount of base units is worth in quote units, at a price in whole tokens."""
    if price is None or decimals is None or quote_decimals is None:
        return None
    return int((Decimal(amount) * price).scaleb(quote_decimals - decimals))


def share_bps(amount: int, supply: int | None) -> int | None:
    """Part of the supply, in hundredths of a percent."""
    return None if not supply else int(amount) * 10_000 // int(supply)
