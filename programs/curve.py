"""Integer mathematics of bonding curves: prices, progress, quotes, fees. No floats anywhere."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal

BPS = 10_000
PRICE_DIGITS = 18
_ROUNDED = Context(prec=PRICE_DIGITS, rounding=ROUND_HALF_EVEN)


def price_text(quote: int, base: int, quote_decimals: int, base_decimals: int) -> str | None:
    """Quote per base in whole tokens, out of base units, in plain decimal notation.

    The exact fraction, rounded once (half to even) to 18 significant digits. None if `base` is 0.
    """
    if base <= 0 or quote < 0:
        return None
    power = base_decimals - quote_decimals
    if power >= 0:
        return _plain(quote * 10**power, base)
    return _plain(quote, base * 10**-power)


def market_cap_text(quote: int, base: int, supply: int, quote_decimals: int) -> str | None:
    """Price times supply in whole quote tokens: `supply` in base units. None if `base` is 0."""
    if base <= 0 or quote < 0:
        return None
    return _plain(quote * supply, base * 10**quote_decimals)


def price_of(quote: int, base: int, quote_decimals: int, base_decimals: int) -> Decimal | None:
    """The same as `price_text` as a number, at a fraction of the cost."""
    if base <= 0 or quote < 0:
        return None
    power = base_decimals - quote_decimals
    if power >= 0:
        quote *= 10**power
    else:
        base *= 10**-power
    return _ROUNDED.divide(Decimal(quote), Decimal(base)).normalize(_ROUNDED)


def market_cap_of(price: Decimal, supply: int, decimals: int) -> Decimal:
    """A price times a supply of base units, rounded to 18 significant digits like the price."""
    cap = _ROUNDED.multiply(price, Decimal(supply))
    return cap.scaleb(-decimals, _ROUNDED).normalize(_ROUNDED)


def _plain(numerator: int, denominator: int) -> str:
    """A fraction in plain decimal notation with at most 18 significant digits, no trailing
    zeros."""
    text = format(_ROUNDED.divide(Decimal(numerator), Decimal(denominator)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def progress_bps(sold: int, total: int) -> int | None:
    """Share of a curve that is sold, 0 … 10000, rounded down; None where the curve holds nothing.

    Only a curve that is sold out has 10000.
    """
    if total <= 0:
        return None
    if sold >= total:
        return BPS
    return sold * BPS // total if sold > 0 else 0


def buy_cost(quote_reserves: int, base_reserves: int, base_out: int) -> int:
    """Quote units into a constant-product curve for `base_out` units, before fees.

    pump's rule: quote * out / (base - out) + 1. Raises ValueError if the curve has not that much.
    """
    if not 0 < base_out < base_reserves:
        raise ValueError(f"a curve of {base_reserves} can't sell {base_out}")
    return quote_reserves * base_out // (base_reserves - base_out) + 1


def buy_amount(quote_reserves: int, base_reserves: int, quote_in: int) -> int:
    """Base units out of a constant-product curve for `quote_in` units after fees.

    The greatest amount whose `buy_cost` is not above `quote_in`.
    """
    if quote_in <= 0:
        return 0
    return (quote_in * base_reserves - 1) // (quote_reserves + quote_in)


def sell_proceeds(quote_reserves: int, base_reserves: int, base_in: int) -> int:
    """Quote units out of a constant-product curve for `base_in` units, before fees."""
    if base_in <= 0:
        raise ValueError(f"can't sell {base_in}")
    return quote_reserves * base_in // (base_reserves + base_in)


def fee_of(amount: int, bps: int) -> int:
    """A fee in basis points, rounded up as pump does."""
    return -(-amount * bps // BPS)
