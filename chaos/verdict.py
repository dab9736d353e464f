"""The verdict: what was seen against what happened, counted in five ways. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence

import msgspec

from chaos.truth import Fact

_EXAMPLES = 3
Landing = tuple[str, int]
"""A signature in a slot."""


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How a list of events differs from the truth; all zero: it does not."""

    missing: int = 0
    """Happened, and was not seen."""
    duplicate: int = 0
    """Seen more than once."""
    phantom: int = 0
    """Seen, and never happened."""
    misordered: int = 0
    """Least number of trades of a token that would have to move for its order to be the chain's."""
    unretracted: int = 0
    """Seen, happened in a slot that a fork abandoned, and was not taken back."""
    examples: tuple[str, ...] = ()

    @property
    def is_clean(self) -> bool:
        """Nothing differs."""
        return not any(self.numbers)

    @property
    def numbers(self) -> tuple[int, int, int, int, int]:
        """In the order they are printed in."""
        return self.missing, self.duplicate, self.phantom, self.misordered, self.unretracted

    def __str__(self) -> str:
        return "/".join(map(str, self.numbers))


NAMES = "missing/duplicate/phantom/misordered/unretracted"


def judge(truth: Sequence[Fact], dropped: Collection[Landing], seen: Iterable[Fact]) -> Counts:
    """Compare `seen`, in the order it claims, with `truth`, in the order of the chain.

    `dropped` is what landed in slots that forks abandoned.
    """
    seen = list(seen)
    happened, counted = Counter(truth), Counter(seen)
    missing = list((happened - counted).elements())
    extra = list((counted - happened).elements())
    duplicate = [fact for fact in extra if fact in happened]
    strange = [fact for fact in extra if fact not in happened]
    gone = set(dropped)
    unretracted = [fact for fact in strange if (fact.signature, fact.slot) in gone]
    phantom = [fact for fact in strange if (fact.signature, fact.slot) not in gone]
    misordered = _misordered(truth, seen)
    return Counts(
        missing=len(missing),
        duplicate=len(duplicate),
        phantom=len(phantom),
        misordered=len(misordered),
        unretracted=len(unretracted),
        examples=(
            *_examples("missing", missing),
            *_examples("duplicate", duplicate),
            *_examples("phantom", phantom),
            *_examples("misordered", misordered),
            *_examples("unretracted", unretracted),
        ),
    )


def _misordered(truth: Sequence[Fact], seen: Sequence[Fact]) -> list[Fact]:
    """Trades that stand out of the longest part of their token's list that is in order."""
    place = {fact: at for at, fact in enumerate(truth)}
    by_token: dict[str, list[int]] = defaultdict(list)
    for fact in dict.fromkeys(seen):
        if fact in place and fact.kind == "trade":
            by_token[fact.mint].append(place[fact])
    return [truth[at] for places in by_token.values() for at in out_of_order(places)]


def out_of_order(numbers: Sequence[int]) -> list[int]:
    """The fewest of `numbers`, all different, without which the rest ascends."""
    ends: list[int] = []
    """ends[n]: index of the smallest number that ends an ascending part of length n + 1."""
    before: list[int] = []
    for at, number in enumerate(numbers):
        length = bisect_left(ends, number, key=numbers.__getitem__)
        before.append(ends[length - 1] if length else -1)
        ends[length : length + 1] = [at]
    kept = set[int]()
    at = ends[-1] if ends else -1
    while at >= 0:
        kept.add(at)
        at = before[at]
    return [number for at, number in enumerate(numbers) if at not in kept]


def _examples(name: str, facts: Sequence[Fact]) -> list[str]:
    return [
        f"{name}: {fact.kind} {fact.signature[:16]}… #{fact.ordinal} slot {fact.slot} "
        f"{fact.mint[:8]}… {fact.side} {fact.base_amount} for {fact.quote_amount}"
        for fact in facts[:_EXAMPLES]
    ]
