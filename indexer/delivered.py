"""Which transactions are on their way to the database, or there already: what has been handed over
to the pipeline, by slot. Subscription and sweep share it, so that neither hands one over twice.
"""

from __future__ import annotations

from collections.abc import Iterator

Key = tuple[str, int]
"""A signature and the slot it landed in."""

_LIMIT = 200_000


class Delivered:
    """Bounded: beyond `limit` the oldest slots are forgotten, and looked up in the database."""

    def __init__(self, limit: int = _LIMIT) -> None:
        self._limit = limit
        self._slots: dict[int, dict[str, bool]] = {}
        self._count = 0

    def __contains__(self, key: object) -> bool:
        signature, slot = key if isinstance(key, tuple) else (None, None)
        return signature in self._slots.get(slot, ()) if isinstance(slot, int) else False

    def __len__(self) -> int:
        return self._count

    def add(self, key: Key, *, is_placed: bool = False) -> None:
        """It was handed over; `is_placed`: with its index in the block, or it needs none."""
        slot = self._slots.setdefault(key[1], {})
        self._count += key[0] not in slot
        slot[key[0]] = is_placed or slot.get(key[0], False)
        if self._count > self._limit:
            self._drop(min(self._slots))

    def is_placed(self, key: Key) -> bool:
        """Its index in the block is stored, or about to be."""
        return self._slots.get(key[1], {}).get(key[0], False)

    def discard(self, key: Key) -> None:
        """It has to be handed over again."""
        slot = self._slots.get(key[1])
        if slot is not None and slot.pop(key[0], None) is not None:
            self._count -= 1

    def between(self, first: int, last: int) -> Iterator[Key]:
        """Everything in these slots."""
        for slot, signatures in self._slots.items():
            if first <= slot <= last:
                for signature in signatures:
                    yield signature, slot

    def forget_below(self, slot: int) -> None:
        """Older ones are not asked for any more."""
        for old in [each for each in self._slots if each < slot]:
            self._drop(old)

    def _drop(self, slot: int) -> None:
        self._count -= len(self._slots.pop(slot))
