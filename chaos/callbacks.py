"""What clients' callbacks got, against the feed's table and the chain's own ledger. Pure."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise

import msgspec

from chaos.crowd import Heard, digest
from chaos.subscriber import Hole
from chaos.truth import Fact

REASONS = frozenset({"first", "epoch", "expired", "too_many", "ahead", "slow", "gap"})
"""Why a hub may say that a snapshot stands for what it does not send."""


class Published(msgspec.Struct, frozen=True):
    """A log event as Postgres has it. `takes_back`: of a `retracted`, whose seq; else 0."""

    seq: int
    mint: str
    wallet: str
    takes_back: int = 0


class Callbacks(msgspec.Struct, kw_only=True):
    """Counts over all clients. `lost` … `phantom` have to be 0. `by_snapshot`: events that a
    client was told a snapshot stands for.
    """

    clients: int = 0
    expected: int = 0
    delivered: int = 0
    lost: int = 0
    duplicated: int = 0
    misordered: int = 0
    phantom: int = 0
    """Got, and not of the room; or not what the chain says, or taken back by a fork."""
    unexplained: int = 0
    """Holes with another reason than those a client may be told."""
    by_snapshot: int = 0
    facts: int = 0
    """Events of the chain's ledger that the callbacks had to have."""
    connects: int = 0
    gaps: int = 0
    reasons: dict[str, int] = {}

    @property
    def is_right(self) -> bool:
        """Everything arrived, once, in order, and nothing else."""
        wrong = self.lost + self.duplicated + self.misordered + self.phantom + self.unexplained
        return not wrong and self.expected > 0


class Record:
    """What there was to hear: the feed as stored, and the ledger's facts under their numbers."""

    def __init__(self, feed: Iterable[Published], truth: Iterable[Fact], seqs: dict[int, int]):
        """`seqs`: the number in the feed of each stored fact, by its digest."""
        self._rooms: dict[str, list[int]] = defaultdict(list)
        self.taken_back: dict[int, int] = {}
        """Seq of an event → seq of what took it back."""
        for row in feed:
            self._rooms[f"token_{row.mint}"].append(row.seq)
            self._rooms[f"user_{row.wallet}"].append(row.seq)
            if row.takes_back:
                self.taken_back[row.takes_back] = row.seq
        self._facts: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for fact in truth:
            mark = digest(fact)
            self._facts[f"token_{fact.mint}"].append((mark, seqs.get(mark, -1)))
            if fact.kind == "trade":
                self._facts[f"user_{fact.wallet}"].append((mark, seqs.get(mark, -1)))

    def seqs(self, room: str) -> list[int]:
        """Of all log events of a room, in order."""
        return self._rooms.get(room, [])

    def facts(self, room: str) -> list[tuple[int, int]]:
        """What the chain says happened there: digest and seq (-1: it is not even stored)."""
        return self._facts.get(room, [])

    def last(self, room: str) -> int:
        """Seq of the room's last event; 0: there was none."""
        return next(reversed(self.seqs(room)), 0)


def add(counts: Callbacks, heard: Heard, record: Record) -> None:
    """One client's part."""
    seqs, covers = _numbers("q", heard.seqs), Covers(heard.holes)
    end = max([*seqs[-1:], *(hole.to for hole in heard.holes)], default=0)
    told = record.seqs(heard.room)
    due = told[: bisect_right(told, end)] if heard.is_over else told
    wanted = {seq for seq in due if not covers.has(seq)}
    got = Counter(seqs)
    counts.clients += 1
    counts.connects += heard.connects
    counts.gaps += heard.gaps
    counts.expected += len(wanted)
    counts.delivered += len(wanted & got.keys())
    counts.by_snapshot += sum(covers.has(seq) for seq in due if seq > covers.first)
    counts.lost += len(wanted - got.keys())
    counts.duplicated += sum(got.values()) - len(got)
    counts.misordered += sum(late < early for early, late in pairwise(seqs))
    counts.phantom += len(got.keys() - set(told))
    counts.unexplained += sum(hole.reason not in REASONS for hole in heard.holes)
    for hole in heard.holes:
        if hole.reason != "first":
            counts.reasons[hole.reason] = counts.reasons.get(hole.reason, 0) + 1
    _add_facts(counts, heard, record, end if heard.is_over else None)


def _add_facts(counts: Callbacks, heard: Heard, record: Record, end: int | None) -> None:
    """The callback's events that stand, against the ledger's own, each with all its fields."""
    covers = Covers(heard.holes)
    seqs, marks = _numbers("q", heard.seqs), _numbers("Q", heard.digests)
    gone = set(_numbers("q", heard.retracts)) - {0}

    def is_untold(seq: int) -> bool:
        """A fork took it back, and the client was given a snapshot for that, or had left."""
        by = record.taken_back.get(seq, 0)
        return by > 0 and (covers.has(by) or (end is not None and by > end))

    standing = Counter(
        mark
        for seq, mark in zip(seqs, marks, strict=True)
        if mark and seq not in gone and not is_untold(seq)
    )
    due = Counter(
        mark
        for mark, seq in record.facts(heard.room)
        if not covers.has(seq) and (end is None or seq <= end)
    )
    counts.facts += sum(due.values())
    counts.lost += sum((due - standing).values())
    strange = standing - due
    # Who created or completed a token is not among the ledger's facts: in a wallet's room only
    # trades can be strange.
    is_users = heard.room.startswith("user_")
    counts.phantom += sum(n for mark, n in strange.items() if mark & 1 or not is_users)


def _numbers(code: str, packed: bytes) -> Sequence[int]:
    numbers = array(code)
    numbers.frombytes(packed)
    return numbers


class Covers:
    """Which events snapshots stand for."""

    def __init__(self, holes: Sequence[Hole]) -> None:
        self._holes = sorted((hole.after, hole.to) for hole in holes)
        self._starts = [after for after, _ in self._holes]
        self.first = self._holes[0][1] if self._holes else 0
        """Up to here was before the client came."""

    def has(self, seq: int) -> bool:
        """It is in one of them. Holes of one client do not overlap."""
        at = bisect_right(self._starts, seq - 1) - 1
        return at >= 0 and self._holes[at][0] < seq <= self._holes[at][1]
