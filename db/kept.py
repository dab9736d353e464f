"""What a writer keeps in memory between batches, so that it need not read what it wrote itself.

Sound because nobody else writes folded rows while the lease is held, and every transaction proves
that it is: the memory is what is stored as of the last commit, with the `pending` batches folded
on top of it in their order. Whatever else may have changed the database, a transaction that
failed or one that is not a batch's, makes the writer forget all of it (db.writer).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Hashable, Mapping
from typing import Generic, TypeVar

from db.keys import Ids
from db.rows import CandleKey, CandleRow, Identity, PositionKey, PositionRow, TokenRow

_K = TypeVar("_K", bound=Hashable)
_V = TypeVar("_V")

_MOST = 100_000
"""Entries of one generation; more than any two batches touch."""
_RECENT = 3
"""Batches whose events are known without asking: those that may not be visible yet, and one."""


class Generations(Generic[_K, _V]):
    """A mapping that forgets what was used in neither of its last two generations."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._young: dict[_K, _V] = {}
        self._old: dict[_K, _V] = {}
        self.rotations = 0

    def found(self, keys: set[_K]) -> dict[_K, _V]:
        """What is there of these; it counts as used."""
        young, old = self._young, self._old
        have = {key: young[key] for key in keys & young.keys()}
        if old:
            again = {key: old[key] for key in (keys & old.keys()) - young.keys()}
            young.update(again)
            have.update(again)
        return have

    def update(self, entries: Mapping[_K, _V]) -> None:
        """Add or replace."""
        self._young.update(entries)

    def rotate(self) -> None:
        """Begin another generation if this one is full. Once for each batch at most."""
        if len(self._young) >= self._most:
            self._old, self._young = self._young, {}
            self.rotations += 1


class Kept:
    """See above. `lock` is held by who folds. `generation` counts how often all was forgotten: what
    was read under another one says nothing.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self.lock = asyncio.Lock()
        self.generation = 0
        self.is_storing = False
        """A transaction is under way."""
        self.is_lost = False
        """One is whose effects are not in here, and not to be read yet either."""
        self.numbers: list[int] = []
        """Of keys, not given yet; good for ever."""
        self._empty()

    def _empty(self) -> None:
        self.tokens: Generations[bytes, TokenRow] = Generations(self._most)
        self.positions: Generations[PositionKey, PositionRow] = Generations(self._most)
        self.candles: Generations[CandleKey, CandleRow] = Generations(self._most)
        self.ids: Generations[bytes, int] = Generations(self._most)
        self.names = Ids()
        """Of launchpads and lists of fees."""
        self.next_seq: int | None = None
        self.pending: deque[object] = deque()
        """Batches that are folded and not stored, oldest first."""
        self.recent: deque[set[Identity]] = deque(maxlen=_RECENT)
        """Events of the last batches that were folded."""

    def forget(self) -> None:
        """All of it."""
        self.generation += 1
        self.is_lost = self.is_storing
        self._empty()

    def rotate(self) -> None:
        """Let go of what was not used for long."""
        for each in (self.tokens, self.positions, self.candles, self.ids):
            each.rotate()

    def begin(self) -> None:
        """A transaction begins."""
        self.is_storing = True

    def end(self, *, is_kept: bool) -> None:
        """It is over, whatever became of it; `is_kept`: what it changed is in here."""
        if not is_kept:
            self.forget()
        self.is_storing = self.is_lost = False
