"""RESULTS.md: pieces measured at different times make one page."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from benchmarks import __main__ as bench
from benchmarks.figure import Figure
from benchmarks.results import Result, begun, keep, merged, number, read
from common.errors import GiveUp

ORDER = ("storage", "decode")


def figure(value: float, peer_value: float, name: str = "decode_per_s") -> Figure:
    """Of two sides, more is better."""
    return Figure(name=name, value=value, unit="1/s", peer="oracle", peer_value=peer_value)


def result(benchmark: str, *values: float) -> Result:
    """One run each."""
    runs = [[figure(value, 10)] for value in values]
    return msgspec.structs.replace(begun(benchmark), measurements=merged(runs), seconds=3.0)


def test_medians_are_taken_of_each_side() -> None:
    """Of several runs the middle one counts, for ours, theirs and the ratio."""
    (one,) = merged([[figure(10, 5)], [figure(30, 6)], [figure(20, 40)]])
    assert (one.value, one.peer_value, one.ratio) == (20, 6, 2)
    assert (one.spread, one.runs) == ((10, 30), 3)


def test_pieces_are_merged(tmp_path: Path) -> None:
    """What was measured before stays until it is measured again; the page names script, machine,
    versions and both sides."""
    kept, page = tmp_path / "results.json", tmp_path / "RESULTS.md"
    keep(result("decode", 100), ORDER, kept, page)
    keep(result("storage", 7, 8, 9), ORDER, kept, page)
    keep(result("decode", 250), ORDER, kept, page)
    assert [one.benchmark for one in read(kept)] == ["storage", "decode"]
    text = page.read_text()
    assert text.index("## storage") < text.index("## decode")
    assert "| decode_per_s | 1/s | 250 | 1 | oracle | 10 | 25.00 |" in text
    assert "| decode_per_s | 1/s | 8 | 3 (7 to 9) | oracle | 10 | 0.80 |" in text
    assert "benchmarks/decode.py" in text
    assert "cores" in text
    assert "asyncpg" in text


def test_a_failure_takes_nothing_away(tmp_path: Path) -> None:
    """It is said beside what was measured before."""
    kept, page = tmp_path / "results.json", tmp_path / "RESULTS.md"
    keep(result("decode", 100), ORDER, kept, page)
    failed = msgspec.structs.replace(result("decode"), failure="no oracle here")
    keep(failed, ORDER, kept, page)
    assert "no oracle here" in page.read_text()
    assert "| decode_per_s | 1/s | 100 |" in page.read_text()


@pytest.mark.parametrize(
    ("value", "said"), [(1234567, "1,234,567"), (99.96, "100"), (0.012345, "0.0123"), (0, "0")]
)
def test_numbers_have_the_digits_that_count(value: float, said: str) -> None:
    """Three of them, or all before the point."""
    assert number(value) == said


def test_an_unknown_name_is_refused() -> None:
    """With those that there are."""
    with pytest.raises(GiveUp, match="storage"):
        bench.main("nothing")
