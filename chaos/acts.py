"""What `./run chaos --mixed` plays: acts, one after the other, and which alerts each must raise.

Early acts lose notifications: the rule that watches for that looks back for ten minutes, and has to
have cleared before the end.
"""

from __future__ import annotations

import msgspec

from chaos.plan import Plan, PlanOptions, Window, make_plan

FULL_S = 1_800.0
_BREATH_S = 10.0


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """`seconds` of thirty minutes; shorter runs are as much shorter, down to `least_s`. `alerts`:
    name → how many seconds the act must last for it to fire.
    """

    name: str
    seconds: float
    least_s: float = 3.0
    rest_s: float = _BREATH_S
    """Of calm after it, for who has to catch up."""
    alerts: dict[str, float] = {}


ACTS = (
    Act(name="everything at once", seconds=560, least_s=25),
    Act(name="node silent", seconds=110, rest_s=40, alerts={"CurvefeedNodeSilent": 100}),
    Act(
        name="no indexer", seconds=60, least_s=32, rest_s=60,
        alerts={"CurvefeedNoIndexer": 30, "CurvefeedDown": 55},
    ),
    Act(name="calls refused", seconds=170, rest_s=60, alerts={"CurvefeedFrontierLags": 160}),
    Act(name="hub killed", seconds=60, rest_s=20, alerts={"CurvefeedDown": 55}),
    Act(name="hub stopped", seconds=100, rest_s=20, alerts={"CurvefeedDown": 95}),
    Act(name="postgres killed", seconds=60, least_s=4),
    Act(name="listeners cut", seconds=40),
    Act(name="hubs at once", seconds=400, least_s=8),
)  # fmt: skip
"""In their order."""

LOSS_ACTS = frozenset({"everything at once", "node silent", "no indexer"})
"""While these go on, and in the calm after each, a share of all notifications is lost."""
LOSS_ALERT = "CurvefeedHintLossy"
_LOSS_ALERT_S = 680.0
LOSS_SHARE = 0.1


class Scheduled(msgspec.Struct, frozen=True):
    """An act at its time: seconds since the faults began."""

    act: Act
    start_s: float
    end_s: float

    @property
    def alerts(self) -> list[str]:
        """What it lasts long enough to raise."""
        lasts_s = self.end_s - self.start_s
        return [name for name, needed_s in self.act.alerts.items() if lasts_s >= needed_s]


def schedule(minutes: float) -> list[Scheduled]:
    """All acts. What is added up is never much longer than `minutes` unless these are few."""
    scale = min(1.0, minutes * 60 / FULL_S)
    at, found = _BREATH_S, list[Scheduled]()
    stretch = max(1.0, minutes * 60 / FULL_S)
    for act in ACTS:
        length = max(act.least_s, act.seconds * scale)
        if act.name in ("everything at once", "hubs at once"):
            length *= stretch
        found.append(Scheduled(act, at, at + length))
        at += length + max(2.0, act.rest_s * scale)
    return found


def loss_of(acts: list[Scheduled]) -> tuple[float, float, bool]:
    """When notifications are lost, from and to, and whether that is long enough for its alert."""
    lossy = [one for one in acts if one.act.name in LOSS_ACTS]
    start_s, end_s = lossy[0].start_s, lossy[-1].end_s
    return start_s, end_s, end_s - start_s >= _LOSS_ALERT_S


def storm(act: Scheduled, seed: int, time_scale: float) -> list[Plan]:
    """Plans of seeded scenarios, moved to their times one after the other, to fill the act."""
    plans, at = list[Plan](), act.start_s
    while at < act.end_s - 1:
        plan = make_plan(seed + len(plans), PlanOptions(time_scale=time_scale))
        plans.append(moved(plan, at, act.end_s))
        at += plan.phase_s
    return plans


def moved(plan: Plan, by_s: float, end_s: float) -> Plan:
    """The plan, later; what would begin after `end_s` is left out."""
    return msgspec.structs.replace(
        plan,
        windows=tuple(
            msgspec.structs.replace(
                window, start_s=window.start_s + by_s, end_s=min(end_s, window.end_s + by_s)
            )
            for window in plan.windows
            if window.start_s + by_s < end_s
        ),
        strikes=tuple(
            msgspec.structs.replace(strike, at_s=strike.at_s + by_s)
            for strike in plan.strikes
            if strike.at_s + strike.down_s + by_s < end_s
        ),
    )


def windows_of(acts: list[Scheduled], storms: list[Plan]) -> tuple[Window, ...]:
    """What the proxies do, and when: the storms' windows, the loss, and the acts' own."""
    start_s, end_s, _ = loss_of(acts)
    windows = [Window(fault="drop", start_s=start_s, end_s=end_s, share=LOSS_SHARE)]
    for one in acts:
        # Flavours: see chaos.mischief. 6: sockets and calls, what was to come is lost; 2: calls.
        if one.act.name == "node silent":
            windows.append(Window(fault="stall", start_s=one.start_s, end_s=one.end_s, flavour=6))
        elif one.act.name == "calls refused":
            windows.append(Window(fault="cut", start_s=one.start_s, end_s=one.end_s, flavour=2))
    windows += [window for plan in storms for window in plan.windows]
    return tuple(sorted(windows, key=lambda window: window.start_s))
