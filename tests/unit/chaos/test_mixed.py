"""The mixed chaos' own judgement: what it counts, with doctored data."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import pairwise

import pytest

from chaos.acts import ACTS, LOSS_ALERT, loss_of, schedule, storm, windows_of
from chaos.alerts import Firing, intervals
from chaos.callbacks import Callbacks, Published, Record, add
from chaos.crowd import Heard, digest, fact_of
from chaos.memory import Sample, growth_of
from chaos.subscriber import Hole
from chaos.truth import Fact

MINT, WALLET = "m", "w"
FACTS = {seq: Fact("trade", f"s{seq}", seq, MINT, 0, WALLET, "buy", seq, 1) for seq in (3, 4, 5, 6)}
FIRST = Hole(0, 2, "first")
ROOM = f"token_{MINT}"


def record(*facts: int, taken_back: dict[int, int] | None = None) -> Record:
    """A feed of these trades after two others, and the ledger's facts that stand."""
    gone = taken_back or {}
    feed = [Published(1, MINT, WALLET), Published(2, MINT, WALLET)]
    feed += [Published(seq, MINT, WALLET) for seq in facts]
    feed += [Published(by, MINT, WALLET, seq) for seq, by in gone.items()]
    standing = [FACTS[seq] for seq in facts if seq not in gone]
    return Record(feed, standing, {digest(FACTS[seq]): seq for seq in facts})


def heard(
    *seqs: int,
    holes: Sequence[Hole] = (FIRST,),
    retracts: dict[int, int] | None = None,
    is_over: bool = False,
) -> Heard:
    """What a callback got; `retracts`: seq of a `retracted` → whom it takes back."""
    back = retracts or {}
    marks = [0 if seq in back else digest(FACTS[seq]) for seq in seqs]
    return Heard(
        room=ROOM, seqs=array("q", seqs).tobytes(), digests=array("Q", marks).tobytes(),
        retracts=array("q", [back.get(seq, 0) for seq in seqs]).tobytes(), holes=list(holes),
        gaps=0, repeats=0, connects=1, is_over=is_over,
    )  # fmt: skip


def counted(one: Heard, of: Record) -> Callbacks:
    """The counts of one client."""
    counts = Callbacks()
    add(counts, one, of)
    return counts


def test_everything_once_and_in_order_is_right() -> None:
    """What was there before a client came is not asked of it."""
    counts = counted(heard(3, 4, 5), record(3, 4, 5))
    assert counts.is_right
    assert (counts.expected, counts.delivered, counts.facts) == (3, 3, 3)


@pytest.mark.parametrize(
    ("one", "wrong"),
    [
        (heard(3, 5), "lost"),
        (heard(3, 4, 4, 5), "duplicated"),
        (heard(3, 5, 4), "misordered"),
        (heard(3, 4, 5, 6), "phantom"),
        (heard(3, 5, holes=[FIRST, Hole(3, 4, "because")]), "unexplained"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_kind_of_error_is_counted(one: Heard, wrong: str) -> None:
    """A missing, a double, an early, an invented event, a hole without a reason of the protocol."""
    counts = counted(one, record(3, 4, 5))
    assert not counts.is_right
    assert getattr(counts, wrong) > 0


def test_a_told_hole_is_no_loss() -> None:
    """What a client was told a snapshot stands for is counted apart."""
    counts = counted(heard(3, 5, holes=[FIRST, Hole(3, 4, "slow")]), record(3, 4, 5))
    assert counts.is_right
    assert (counts.by_snapshot, counts.reasons) == (1, {"slow": 1})


def test_what_a_fork_took_back_must_not_stand() -> None:
    """An event of an abandoned slot is right only with its retraction."""
    forked = record(3, 4, 5, taken_back={4: 7})
    assert counted(heard(3, 4, 5, 7, retracts={7: 4}), forked).is_right
    assert counted(heard(3, 4, 5), forked).lost > 0
    told = [FIRST, Hole(5, 7, "too_many")]
    assert counted(heard(3, 4, 5, holes=told), forked).is_right


def test_who_left_is_asked_for_what_came_before() -> None:
    """A client that ended at a position need not have what came after."""
    assert counted(heard(3, 4, is_over=True), record(3, 4, 5)).is_right
    assert counted(heard(3, 5, is_over=True), record(3, 4, 5)).lost > 0


def test_an_event_with_one_wrong_field_is_another_event() -> None:
    """The ledger's fact is missing then, and a phantom is there."""
    other = record(3)
    altered = heard(3)
    altered.digests = array("Q", [digest(FACTS[3]._replace(base_amount=9))]).tobytes()
    counts = counted(altered, other)
    assert (counts.lost, counts.phantom) == (1, 1)


def test_a_trade_of_the_wire_is_the_ledgers_fact() -> None:
    """Amounts are strings there."""
    data = (
        b'{"program":"pump","signature":"s3","slot":3,"mint":"m","ordinal":0,"wallet":"w",'
        b'"side":"buy","base_amount":"3","quote_amount":"1"}'
    )
    assert fact_of("new_trade", data) == FACTS[3]
    assert fact_of("retracted", b'{"seq":7}') == 7


def test_acts_follow_one_another_and_loss_comes_early() -> None:
    """In thirty minutes every act lasts long enough for its alerts, and the rule that looks back
    for ten minutes has them free of loss."""
    acts = schedule(30)
    assert all(one.end_s < later.start_s for one, later in pairwise(acts))
    assert all(set(one.alerts) == set(one.act.alerts) for one in acts)
    assert 1_700 < acts[-1].end_s < 1_900
    start_s, end_s, is_long = loss_of(acts)
    assert is_long
    assert acts[-1].end_s - end_s > 700
    storms = storm(acts[0], 1, 0.25)
    lossy = [one for one in windows_of(acts, storms) if one.fault in ("drop", "stall")]
    assert all(start_s <= one.start_s <= one.end_s <= end_s for one in lossy)
    assert LOSS_ALERT not in {name for act in ACTS for name in act.alerts}


def test_short_runs_play_every_act() -> None:
    """Two minutes show all of them, if not every alert."""
    acts = schedule(2)
    assert [one.act for one in acts] == list(ACTS)
    assert acts[-1].end_s < 180


def test_an_alert_fires_in_intervals() -> None:
    """Samples apart are of two firings; the last may go on."""
    assert intervals("A", [10, 15, 20, 60, 65], is_still=True) == [
        Firing(alert="A", began=10, cleared=25),
        Firing(alert="A", began=60, cleared=None),
    ]
    assert intervals("A", [], is_still=False) == []


def test_growth_is_of_lives_not_between_them() -> None:
    """A process that begins anew is not memory given back; one that grows in each life grows."""
    hour = 1 / 3600
    flat = [Sample(1, at * hour, 100) for at in range(9)]
    flat += [Sample(2, (20 + at) * hour, 200) for at in range(9)]
    assert growth_of(flat, 2).mib_per_hour == 0
    rising = [Sample(1, at * hour, 100 + at / 3600) for at in range(9)]
    rising += [Sample(2, (20 + at) * hour, 50 + at / 3600) for at in range(9)]
    assert growth_of(rising, 2).mib_per_hour == pytest.approx(1)
    assert growth_of(flat[:2], 5).mib_per_hour is None
