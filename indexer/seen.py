"""An event with where and when it was seen, and the keys of all that it touches."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from db.rows import CandleKey, Identity, PositionKey, State
from indexer import candles
from programs.events import NATIVE_SOL, AnyEvent, Traded
from programs.keys import key_of
from programs.registry import PROGRAMS

WRAPPED_SOL = key_of("So11111111111111111111111111111111111111112")
"""What stands for native SOL everywhere outside `programs`."""

_QUOTE_DECIMALS = {
    WRAPPED_SOL: 9,
    key_of("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"): 6,  # USDC
    key_of("Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB"): 6,  # USDT
    key_of("USD1ttGY1N17NEEHLmELoaybftRBUSErhqYiQzvEmuB"): 6,  # USD1
}


class Seen(msgspec.Struct, frozen=True, gc=False):
    """A canonical event of a transaction that landed. Its mint is known."""

    event: AnyEvent
    mint: bytes
    quote_mint: bytes | None
    """Native SOL as the wrapped one."""
    signature: bytes
    signature_text: str
    slot: int
    block_time: int | None
    """Unix seconds: the program's own, else the block's."""
    tx_index: int | None = None

    @property
    def identity(self) -> Identity:
        """What makes it the same event when it is seen again."""
        return self.signature, self.event.program, self.event.ordinal, self.slot


class Keys(msgspec.Struct):
    """Rows that a batch reads before it is folded."""

    mints: set[bytes]
    positions: set[PositionKey]
    candles: set[CandleKey]


def keys_of(batch: Iterable[Seen]) -> Keys:
    """All rows that folding these events may read or change."""
    keys = Keys(set(), set(), set())
    for seen in batch:
        keys.mints.add(seen.mint)
        if not isinstance(seen.event, Traded):
            continue
        if seen.event.wallet is not None:
            keys.positions.add((seen.event.wallet, seen.mint))
        if seen.block_time is not None:
            keys.candles.update(candles.keys_of(seen.mint, seen.block_time))
    return keys


def late_positions(batch: Iterable[Seen], state: State) -> set[PositionKey]:
    """Positions with a stored trade younger than a new one: they must be folded from the start."""
    late: set[PositionKey] = set()
    for seen in batch:
        if isinstance(seen.event, Traded) and seen.event.wallet is not None:
            key = seen.event.wallet, seen.mint
            stored = state.positions.get(key)
            if stored is not None and seen.slot < stored.slot:
                late.add(key)
    return late


def quote_of(mint: bytes | None) -> bytes | None:
    """A quote mint as it is stored and shown: native SOL is the wrapped one."""
    return WRAPPED_SOL if mint == NATIVE_SOL else mint


def quote_decimals(mint: bytes | None) -> int | None:
    """Decimals of a well-known quote mint; None: not known, so no price can be given."""
    return None if mint is None else _QUOTE_DECIMALS.get(mint)


def base_decimals(program: str) -> int | None:
    """Decimals of every token of a launchpad, where it leaves its users no choice."""
    return _BASE_DECIMALS.get(program)


_BASE_DECIMALS = {
    program.name: program.interface.constant("base_decimals")
    for program in PROGRAMS.values()
    if "base_decimals" in program.interface.constants
}
