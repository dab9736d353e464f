"""How far each program is listed, and how to list it next. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from indexer.delivered import Key
from indexer.rpc import SignatureInfo

_DISBELIEFS = 3
"""Rounds in a row in which a list lacks what is known to be there: then a fork took it away."""
_ENDS = 30
_DENSITY_SLOTS = 50


class Start(msgspec.Struct, frozen=True):
    """Where a program's verified history stands: slots `first` to `frontier`."""

    first: int
    frontier: int
    anchor: Key | None = None


class Progress:
    """How far a program is listed, and how it is listed best."""

    def __init__(self, name: str, address: str, start: Start) -> None:
        self.name, self.address = name, address
        self.first = start.first
        self.listed_to = start.frontier
        self.anchor = start.anchor
        self.disbeliefs = 0
        self.counted = 0
        self.density = 0.0
        """Signatures per slot, of late."""
        self.method = "signatures"

    def choose(self, block_density: float) -> None:
        """How to list it next; once it reads blocks, until it is half as busy."""
        bound = block_density / (2 if self.method == "blocks" else 1)
        self.method = "blocks" if self.density > bound else "signatures"

    def counts(self, signatures: int, slots: int) -> None:
        """So many were in so many slots."""
        self.counted += signatures
        if slots > 0:
            weight = min(1.0, slots / _DENSITY_SLOTS)
            self.density += weight * (signatures / slots - self.density)

    def noted(self, infos: Sequence[SignatureInfo], to_slot: int) -> None:
        """These are listed, and with them everything up to `to_slot`."""
        self.disbeliefs = 0
        self.listed_to = max(self.listed_to, to_slot)
        if infos and (self.anchor is None or infos[-1].slot >= self.anchor[1]):
            self.anchor = infos[-1].signature, infos[-1].slot

    def doubted(self, *, has_ended: bool) -> None:
        """Its list lacks the anchor: once or twice the node's mistake, then the chain's doing. An
        end before the anchor has to be told far more often: forks leave what is older.
        """
        self.disbeliefs += 1
        if self.disbeliefs >= (_ENDS if has_ended else _DISBELIEFS):
            self.disbeliefs, self.anchor = 0, None
