"""A seed decides everything about a scenario but the interleaving of processes."""

from __future__ import annotations

import json
from random import Random

import msgspec
import pytest

from chaos.mischief import TRUNCATED, Mischief, take_key, truncated
from chaos.plan import CALLS, FAULTS, HINTS, LINKS, STRIKES, PlanOptions, Window, make_plan

SEEDS = range(1, 201)
FRAME = json.dumps(
    {
        "jsonrpc": "2.0",
        "method": "logsNotification",
        "params": {
            "result": {
                "context": {"slot": 5},
                "value": {"signature": "s", "err": None, "logs": ["a", "b", "c"]},
            },
            "subscription": 1,
        },
    }
)


def test_the_same_seed_gives_the_same_plan() -> None:
    """Plans of equal seeds are equal, of different seeds different."""
    plans = [make_plan(seed, PlanOptions()) for seed in SEEDS]
    assert plans == [make_plan(seed, PlanOptions()) for seed in SEEDS]
    assert len({str(plan) for plan in plans}) == len(plans)


def test_the_same_seed_throws_the_same_dice() -> None:
    """What befalls a stream of frames and calls follows from the seed and their order."""

    def fates(seed: int) -> list[object]:
        plan = make_plan(seed, PlanOptions(time_scale=1))
        mischief = Mischief(plan)
        times = [step * plan.phase_s / 300 for step in range(300)]
        frames: list[object] = [mischief.deliveries(FRAME, now_s) for now_s in times]
        return frames + [mischief.fate("getTransaction", now_s) for now_s in times]

    assert fates(3) == fates(3)
    assert fates(3) != fates(4)


def test_every_fault_occurs_and_ends_in_time() -> None:
    """Over some seeds every class of fault is planned, inside the phase, outages of 2 to 60 s."""
    met = set[str]()
    for seed in SEEDS:
        plan = make_plan(seed, PlanOptions(time_scale=1))
        for window in plan.windows:
            met.add(window.fault)
            assert 0 <= window.start_s < window.end_s <= plan.phase_s
            assert window.end_s - window.start_s <= 60
            assert window.end_s - window.start_s >= 2 or window.end_s == plan.phase_s
        for strike in plan.strikes:
            met.add(strike.fault)
            assert strike.at_s + strike.down_s <= plan.phase_s + 1e-9
            assert strike.fault not in ("fork", "deep_fork") or 1 <= strike.depth <= 10
    assert met == {*FAULTS} == {*HINTS, *LINKS, *CALLS, *STRIKES}


def test_leaving_faults_out_changes_nothing_else() -> None:
    """The rest of a plan stays as it is: a failing seed can be narrowed down."""
    whole = make_plan(9, PlanOptions())
    part = make_plan(9, PlanOptions(faults=frozenset(FAULTS) - {"drop", "fork"}))
    assert part.windows == tuple(w for w in whole.windows if w.fault != "drop")
    assert part.strikes == tuple(s for s in whole.strikes if s.fault != "fork")
    assert (part.commitment, part.phase_s) == (whole.commitment, whole.phase_s)


def mischief_of(fault: str, **fields: object) -> Mischief:
    """Dice with one window, open from 1 s to 2 s, that meets every message."""
    window = Window(fault=fault, start_s=1, end_s=2, **fields)  # type: ignore[arg-type]
    plan = make_plan(1, PlanOptions(faults=frozenset()))
    return Mischief(msgspec.structs.replace(plan, windows=(window,)))


@pytest.mark.parametrize(
    ("fault", "copies", "is_late"),
    [("drop", 0, False), ("duplicate", 2, False), ("delay", 1, True), ("reorder", 1, True)],
)
def test_what_happens_to_a_notification(fault: str, copies: int, is_late: bool) -> None:
    """Inside the window it is met, outside it passes; only log notifications are met at all."""
    mischief = mischief_of(fault, length_s=3)
    met = mischief.deliveries(FRAME, 1.5)
    assert len(met) == copies
    assert all(delivery.frame == FRAME for delivery in met)
    assert any(delivery.delay_s > 0 for delivery in met[:1]) == is_late
    assert mischief.counts == {fault: 1}
    other = '{"method":"slotNotification"}'
    for frame, now_s in ((FRAME, 0.9), (FRAME, 2.0), (other, 1.5)):
        assert [delivery.frame for delivery in mischief.deliveries(frame, now_s)] == [frame]


def test_truncated_logs_say_so() -> None:
    """A truncated notification keeps the beginning of its log, and says that it was cut."""
    logs = json.loads(truncated(FRAME, Random(1)))["params"]["result"]["value"]["logs"]
    assert logs[-1] == TRUNCATED
    assert logs[:-1] == ["a", "b", "c"][: len(logs) - 1]
    assert len(logs) <= 3


@pytest.mark.parametrize(
    ("fault", "method", "is_met"),
    [
        ("throttle", "getSlot", True), ("busy", "getSlot", True), ("ahead", "getBlock", True),
        ("ahead", "getSlot", False), ("version", "getTransaction", True),
        ("version", "getSignaturesForAddress", False), ("half", "getSlot", True),
        ("empty", "getSignaturesForAddress", True), ("empty", "getTransaction", False),
    ],
)  # fmt: skip
def test_errors_meet_the_methods_they_exist_for(fault: str, method: str, is_met: bool) -> None:
    """A call inside the window is met if a node gives such an error for it."""
    mischief = mischief_of(fault)
    fate = mischief.fate(method, 1.5)
    is_plain = fate.status == 200 and fate.error is None and fate.fault is None
    assert is_plain != is_met
    assert mischief.fate(method, 0.5) == type(fate)()


def test_empty_pages() -> None:
    """An empty page has no or few of the newest signatures, and is an answer like any other."""
    mischief = mischief_of("empty")
    page = json.dumps({"jsonrpc": "2.0", "id": 7, "result": list(range(50))}).encode()
    answers = [json.loads(mischief.altered(page, "empty")) for _ in range(20)]
    assert {len(answer["result"]) for answer in answers} == {0, 3}
    assert all(answer["id"] == 7 for answer in answers)


def test_a_missing_key_is_one_key() -> None:
    """Half an answer lacks one key, or has null in its place, and nothing else is different."""
    rng = Random(2)
    changed = 0
    original = {"jsonrpc": "2.0", "id": 1, "result": {"slot": 5, "meta": {"err": None, "fee": 1}}}
    for _ in range(50):
        whole = json.loads(json.dumps(original))
        take_key(whole, rng)
        assert whole["id"] == 1
        assert differences(original, whole) <= 1
        changed += whole != original
    assert changed > 25


def differences(one: object, other: object) -> int:
    """How many keys are missing, null or different."""
    if isinstance(one, dict) and isinstance(other, dict):
        return sum(differences(one[key], other.get(key, ...)) for key in one)
    return int(one != other)
