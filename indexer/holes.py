"""Transactions that are known to exist and have not been handed to the pipeline. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import msgspec

from indexer.delivered import Key
from indexer.rpc import SignatureInfo

_FIRST_RETRY_S = 0.25
_LAST_RETRY_S = 3.0
_GAP_AFTER_S = 3.0
"""An older hole is a gap: something is wrong, and is said."""
_ABSENCES = 3
"""Lists in a row that do not have it any more: a fork took it away."""


class Hole(msgspec.Struct, kw_only=True):
    """One of them. Times are the event loop's seconds."""

    info: SignatureInfo
    program: str
    """Whose list named it; empty: a notification, which does not say."""
    since: float
    due: float
    attempts: int = 0
    absences: int = 0
    reason: str = "not fetched yet"
    is_busy: bool = False

    @property
    def key(self) -> Key:
        """What identifies it."""
        return self.info.signature, self.info.slot

    @property
    def place(self) -> tuple[int, int]:
        """Its place in the chain, as far as it is known."""
        return self.info.slot, self.info.transaction_index or 0


class Holes:
    """All of them."""

    def __init__(self) -> None:
        self._holes: dict[Key, Hole] = {}

    def __len__(self) -> int:
        return len(self._holes)

    def __contains__(self, key: Key) -> bool:
        return key in self._holes

    def add(self, info: SignatureInfo, program: str, now: float, due: float) -> None:
        """One was seen; again, if it is known."""
        key = info.signature, info.slot
        known = self._holes.get(key)
        if known is None:
            self._holes[key] = Hole(info=info, program=program, since=now, due=due)
            return
        known.absences = 0
        if program and not known.program:
            known.program, known.info = program, info

    def close(self, key: Key) -> None:
        """It was handed over, or never happened."""
        self._holes.pop(key, None)

    def failed(self, hole: Hole, reason: str, now: float) -> None:
        """An attempt failed; the next one is later and later."""
        hole.reason = reason
        hole.due = now + min(_LAST_RETRY_S, _FIRST_RETRY_S * 2 ** min(hole.attempts, 8))
        hole.attempts += 1

    def take(self, now: float, most: int) -> list[Hole]:
        """Those that are due, in the chain's order; they are busy from now on."""
        due = [hole for hole in self._holes.values() if hole.due <= now and not hole.is_busy]
        taken = sorted(due, key=lambda hole: hole.place)[:most]
        for hole in taken:
            hole.is_busy = True
        return taken

    @property
    def lowest(self) -> int | None:
        """The frontier stays below this slot."""
        return min((slot for _, slot in self._holes), default=None)

    def doubtful(self) -> int | None:
        """Lowest slot of those that could not be fetched again and again: look if they are still
        listed.
        """
        return min((hole.info.slot for hole in self._holes.values() if hole.attempts > 1),
                   default=None)  # fmt: skip

    def unnamed(self) -> set[Key]:
        """Those that were announced and that no list has named yet."""
        return {key for key, hole in self._holes.items() if not hole.program}

    def absent(self, program: str, first: int, last: int, listed: Collection[Key]) -> list[Key]:
        """After a whole list of a program (empty: of all): those that have vanished for good."""
        gone = []
        for key, hole in self._holes.items():
            if hole.program == program and first <= hole.info.slot <= last and key not in listed:
                hole.absences += 1
                if hole.absences >= _ABSENCES and not hole.is_busy:
                    gone.append(key)
        return gone

    def gaps(self, now: float) -> Iterator[Hole]:
        """Those that are open for so long that it must be said."""
        return (hole for hole in self._holes.values() if now - hole.since >= _GAP_AFTER_S)
