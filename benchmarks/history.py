"""A market's history out of a seed: events as a decoder would give them, skewed as real ones are.

A few tokens get most of the trades and a few wallets make them; most tokens die within minutes.
Curves are constant products, so prices, reserves and progress are those the trades make.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from random import Random

import msgspec

from indexer.seen import WRAPPED_SOL, Seen
from programs.events import NATIVE_SOL, Created, Traded
from programs.keys import signature_b58

START_S = 1_790_000_000
START_SLOT = 450_000_000
SLOTS_PER_S = 4
VIRTUAL_BASE, VIRTUAL_QUOTE = 1_073_000_000_000_000, 30_000_000_000
CURVE_BASE = 793_100_000_000_000
SUPPLY = 1_000_000_000_000_000


class Curve(msgspec.Struct):
    """A token while it is traded."""

    mint: bytes
    pool: bytes
    base: int = VIRTUAL_BASE
    quote: int = VIRTUAL_QUOTE


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """How large, and how fast it goes by."""

    trades: int
    tokens: int
    wallets: int
    trades_per_s: float = 40.0
    seed: int = 1


def key_of(kind: str, number: int) -> bytes:
    """32 bytes that stand for the numbered thing."""
    return hashlib.blake2b(f"{kind}{number}".encode(), digest_size=32).digest()


def skewed(random: Random, count: int) -> int:
    """A number below `count`; a tenth of them gets about two thirds."""
    return int(count * random.random() ** 4)


def events(shape: Shape) -> Iterator[Seen]:
    """Creations and trades in the chain's order."""
    random = Random(shape.seed)
    curves: list[Curve] = []
    every = max(1, shape.trades // shape.tokens)
    for number in range(shape.trades):
        at = number / shape.trades_per_s
        place = int(at * SLOTS_PER_S) + START_SLOT, START_S + int(at)
        if number % every == 0 and len(curves) < shape.tokens:
            curve = Curve(key_of("mint", len(curves)), key_of("curve", len(curves)))
            curves.append(curve)
            yield _created(curve, number, place)
        # The younger a token the more it is traded; some old ones stay.
        age = skewed(random, len(curves))
        curve = curves[-1 - age] if random.random() < 0.8 else curves[age]
        yield _traded(curve, random, shape, number, place)


def _seen(event: Created | Traded, mint: bytes, name: str, place: tuple[int, int]) -> Seen:
    signature = hashlib.blake2b(name.encode(), digest_size=64).digest()
    return Seen(
        event=event, mint=mint, quote_mint=WRAPPED_SOL, signature=signature,
        signature_text=signature_b58(signature), slot=place[0], block_time=place[1],
    )  # fmt: skip


def _created(curve: Curve, number: int, place: tuple[int, int]) -> Seen:
    creator = key_of("creator", number)
    event = Created(
        program="pump", ordinal=0, mint=curve.mint, wallet=creator, pool=curve.pool,
        timestamp=place[1], creator=creator, name=f"Coin {number:x}", symbol=f"C{number:x}",
        uri=f"https://example.org/{number}.json", quote_mint=NATIVE_SOL, base_decimals=6,
        supply=SUPPLY, virtual_base=VIRTUAL_BASE, virtual_quote=VIRTUAL_QUOTE,
        real_base=CURVE_BASE, real_quote=0,
    )  # fmt: skip
    return _seen(event, curve.mint, f"create {number}", place)


def _traded(
    curve: Curve, random: Random, shape: Shape, number: int, place: tuple[int, int]
) -> Seen:
    sold = VIRTUAL_BASE - curve.base
    is_buy = random.random() < 0.54 or sold < 10**12
    if is_buy and sold > CURVE_BASE * 0.95:
        is_buy = False
    if is_buy:
        quote = int(random.lognormvariate(18.5, 1.4)) + 1
        base = curve.base - curve.base * curve.quote // (curve.quote + quote) - 1
        base = max(1, min(base, CURVE_BASE - sold - 1))
        curve.base, curve.quote = curve.base - base, curve.quote + quote
    else:
        base = int(sold * random.random() * 0.2) + 1
        quote = curve.quote - curve.base * curve.quote // (curve.base + base) - 1
        quote = max(0, quote)
        curve.base, curve.quote = curve.base + base, curve.quote - quote
    fee, creator_fee = quote * 95 // 10_000, quote * 30 // 10_000
    paid = quote + fee + creator_fee if is_buy else quote - fee - creator_fee
    event = Traded(
        program="pump", ordinal=0, mint=curve.mint, pool=None,
        wallet=key_of("wallet", skewed(random, shape.wallets)), timestamp=place[1], is_buy=is_buy,
        base_amount=base, quote_amount=quote, user_quote_amount=paid, quote_mint=NATIVE_SOL,
        fees={"fee": fee, "creator_fee": creator_fee, "cashback": 0, "buyback_fee": fee // 2},
        reserves={}, virtual_base=curve.base, virtual_quote=curve.quote,
        real_base=curve.base - (VIRTUAL_BASE - CURVE_BASE), real_quote=curve.quote - VIRTUAL_QUOTE,
        progress_bps=(VIRTUAL_BASE - curve.base) * 10_000 // CURVE_BASE,
    )  # fmt: skip
    return _seen(event, curve.mint, f"trade {number}", place)
