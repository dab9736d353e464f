"""Order of history read program by program."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from indexer.catchup import merged
from indexer.rpc import SignatureInfo


def _infos(text: str) -> list[SignatureInfo]:
    """ "1a 1b 2c": signatures with their slots."""
    return [SignatureInfo(signature=item[1:], slot=int(item[0])) for item in text.split()]


def _text(infos: list[SignatureInfo]) -> str:
    return " ".join(f"{info.slot}{info.signature}" for info in infos)


def test_lists_are_merged_by_slot() -> None:
    """Older slots first, whichever program they name."""
    assert _text(merged([_infos("1a 3c"), _infos("2b 4d")])) == "1a 2b 3c 4d"


def test_a_transaction_of_two_programs_comes_once() -> None:
    """A transaction that names both stands once, and what is around it keeps its place."""
    assert _text(merged([_infos("1a 1x 1c"), _infos("1b 1x 1d")])) == "1b 1a 1x 1d 1c"


@given(st.permutations("abcdefgh"), st.data())
def test_each_lists_order_is_kept(block: list[str], data: st.DataObject) -> None:
    """Lists drawn from one block merge into an order that agrees with each of them."""
    parts = [
        [name for name in block if data.draw(st.booleans(), label=f"{program} names {name}")]
        for program in ("one", "two", "three")
    ]
    lists = [[SignatureInfo(signature=name, slot=1) for name in part] for part in parts]
    result = [info.signature for info in merged(lists)]
    assert sorted(result) == sorted(set().union(*parts))
    for part in parts[:2]:
        assert [name for name in result if name in part] == part
