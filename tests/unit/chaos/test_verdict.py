"""Each of the five counts sees what it is there to see, and nothing else."""

from __future__ import annotations

from random import Random

import pytest

from chaos.truth import Fact
from chaos.verdict import judge, out_of_order

TOKENS = ("coin", "other")
TRUTH = [
    Fact("create", f"created {mint}", slot, mint) for slot, mint in enumerate(TOKENS, 1)
] + [
    Fact("trade", f"signature {n}", 10 + n // 3, TOKENS[n % 2], n % 3, "wallet", "buy", 5, 7)
    for n in range(30)
]  # fmt: skip


def test_what_agrees_is_clean() -> None:
    """The same events, each once, tokens interleaved in any way: every count is 0."""
    verdict = judge(TRUTH, (), sorted(TRUTH, key=lambda fact: fact.mint))
    assert verdict.is_clean
    assert verdict.numbers == (0, 0, 0, 0, 0)


def test_an_event_that_was_not_seen_is_missing() -> None:
    """Left out: missing, and nothing else."""
    assert judge(TRUTH, (), TRUTH[:7] + TRUTH[9:]).numbers == (2, 0, 0, 0, 0)


def test_an_event_seen_twice_is_a_duplicate() -> None:
    """Seen three times: two duplicates."""
    assert judge(TRUTH, (), [*TRUTH, TRUTH[5], TRUTH[5]]).numbers == (0, 2, 0, 0, 0)


def test_an_event_that_never_happened_is_a_phantom() -> None:
    """A signature the chain does not know: a phantom."""
    forged = TRUTH[5]._replace(signature="forged")
    assert judge(TRUTH, (), [*TRUTH, forged]).numbers == (0, 0, 1, 0, 0)


@pytest.mark.parametrize(
    "change",
    [{"base_amount": 6}, {"quote_amount": 8}, {"side": "sell"}, {"wallet": "thief"},
     {"slot": 99}, {"ordinal": 9}, {"mint": "other one"}],
    ids=str,
)  # fmt: skip
def test_a_wrong_value_is_a_phantom_in_place_of_the_truth(change: dict[str, object]) -> None:
    """An event with one wrong field: the true one is missing, the wrong one a phantom."""
    seen = [*TRUTH]
    seen[5] = seen[5]._replace(**change)  # type: ignore[arg-type]
    assert judge(TRUTH, (), seen).numbers == (1, 0, 1, 0, 0)


def test_two_trades_of_a_token_in_the_wrong_order_are_misordered() -> None:
    """Neighbours of one token swapped: one trade stands in the wrong place."""
    seen = [*TRUTH]
    seen[5], seen[7] = seen[7], seen[5]
    assert TRUTH[5].mint == TRUTH[7].mint
    assert judge(TRUTH, (), seen).numbers == (0, 0, 0, 1, 0)


def test_order_among_tokens_does_not_count() -> None:
    """Neighbours of two tokens swapped: nothing is wrong."""
    seen = [*TRUTH]
    seen[5], seen[6] = seen[6], seen[5]
    assert judge(TRUTH, (), seen).is_clean


def test_an_event_of_an_abandoned_fork_is_unretracted() -> None:
    """It happened in a slot that a fork dropped, landed again, and both landings are held."""
    before = TRUTH[5]._replace(slot=9)
    verdict = judge(TRUTH, {(before.signature, 9)}, [*TRUTH, before])
    assert verdict.numbers == (0, 0, 0, 0, 1)


def test_examples_name_what_differs() -> None:
    """A failing verdict says which events, by signature and slot."""
    verdict = judge(TRUTH, (), TRUTH[:-1])
    assert verdict.examples[0].startswith(f"missing: trade {TRUTH[-1].signature[:16]}")
    assert f"slot {TRUTH[-1].slot}" in verdict.examples[0]


def test_least_number_of_moves() -> None:
    """As many numbers stand out as have to be taken away for the rest to ascend, never more."""
    assert out_of_order([]) == []
    assert out_of_order([1, 2, 3]) == []
    assert out_of_order([9, 1, 2, 3]) == [9]
    assert len(out_of_order([3, 2, 1])) == 2
    rng = Random(4)
    for _ in range(200):
        numbers = rng.sample(range(100), 8)
        rest = [number for number in numbers if number not in out_of_order(numbers)]
        assert rest == sorted(rest)
        assert len(rest) == longest_ascent(numbers)


def longest_ascent(numbers: list[int]) -> int:
    """The same by trying every subset."""
    return max(
        mask.bit_count()
        for mask in range(1 << len(numbers))
        if (part := [n for at, n in enumerate(numbers) if mask >> at & 1]) == sorted(part)
    )
