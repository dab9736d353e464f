"""The verdict of `./run chaos --mixed`: counts, alerts, memory, and what of it is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, Self

import msgspec

from chaos.acts import LOSS_ALERT, Scheduled, loss_of
from chaos.alerts import Firing
from chaos.callbacks import Callbacks, Record, add
from chaos.crowd import digest, read_heard
from chaos.history import History, Recorder
from chaos.memory import Growth, Memory
from chaos.verdict import NAMES, Counts, judge

_WARM_UP_S = 330.0
"""By then a hub's ring is full: it keeps the events of five minutes (WEBSOCKET_REPLAY_S)."""
_JUDGED_SAMPLES = 60
"""Five minutes: less says nothing about growth."""
_AFTERMATH_S = 180.0
_TESTED = ("indexer", "hub", "postgres")


class Asked(Protocol):
    """What was asked for."""

    @property
    def minutes(self) -> float:
        """How long."""

    @property
    def trades_per_second(self) -> float:
        """How fast."""

    @property
    def clients(self) -> int:
        """For how many."""

    @property
    def most_mib_per_hour(self) -> float:
        """From which growth on a process is not flat."""


class Alerted(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that fired. Seconds since the faults began; `during`: the act it fired in or after;
    empty: none explains it.
    """

    alert: str
    fired_s: float
    cleared_s: float | None
    during: str
    is_expected: bool


class MixedVerdict(msgspec.Struct, kw_only=True):
    """The last line of the output, as JSON. `wrong`: what is not as it should be, in words."""

    wrong: list[str]
    minutes: float
    asked_per_s: float
    trades_per_s: float
    events: int
    retracted: int
    clients: int
    rows: Counts
    callbacks: Callbacks
    struck: dict[str, int]
    unfolded: list[str]
    alerts: list[Alerted] | None = None
    """None: there was no Prometheus."""
    not_fired: list[str] = []
    """Alerts that an act should have raised."""
    memory: dict[str, Growth]
    began_at: float

    @classmethod
    def of(
        cls, options: Asked, recorder: Recorder, history: History, file: Path, *,
        struck: dict[str, int], memory: Memory, seconds: float, began_at: float,
    ) -> Self:  # fmt: skip
        """Compare everything."""
        truth = recorder.truth()
        trades = recorder.trades_between(began_at, began_at + seconds)
        verdict = cls(
            wrong=[], minutes=round(seconds / 60, 2), asked_per_s=options.trades_per_second,
            trades_per_s=round(trades / seconds, 1), events=len(truth),
            retracted=history.retracted, clients=options.clients,
            rows=judge(truth, recorder.dropped, history.facts),
            callbacks=_callbacks(recorder, history, file), struck=struck,
            unfolded=history.unfolded, memory=memory.growth(_WARM_UP_S), began_at=began_at,
        )  # fmt: skip
        verdict.look(options)
        return verdict

    def look(self, options: Asked) -> None:
        """Say what is wrong, but for alerts."""
        if not self.rows.is_clean:
            self.wrong.append(f"rows: {NAMES} {self.rows}")
        if not self.callbacks.is_right:
            self.wrong.append("callbacks did not get what happened, once and in order")
        if self.unfolded:
            self.wrong.append(f"{len(self.unfolded)} tokens, candles or positions are wrong")
        for name, growth in self.memory.items():
            is_tested = name.startswith(_TESTED) and growth.samples >= _JUDGED_SAMPLES
            if is_tested and (growth.mib_per_hour or 0) > options.most_mib_per_hour:
                self.wrong.append(f"{name} grows by {growth.mib_per_hour} MiB/h")

    def add_alerts(self, firings: list[Firing], acts: list[Scheduled]) -> None:
        """What fired against what the acts had to raise."""
        expected = {(name, one.act.name) for one in acts for name in one.alerts}
        *_, is_lossy_for_long = loss_of(acts)
        self.alerts = [self._alerted(firing, acts, expected) for firing in firings]
        seen = {(one.alert, one.during) for one in self.alerts}
        fired = {one.alert for one in self.alerts}
        self.not_fired = sorted(f"{alert} ({act})" for alert, act in expected - seen)
        if is_lossy_for_long and LOSS_ALERT not in fired:
            self.not_fired.append(LOSS_ALERT)
        if self.not_fired:
            self.wrong.append(f"did not fire: {', '.join(self.not_fired)}")
        for one in self.alerts:
            if one.cleared_s is None:
                self.wrong.append(f"{one.alert} did not clear")
            if not one.during:
                self.wrong.append(f"{one.alert} fired without a cause at {one.fired_s:.0f} s")

    def _alerted(
        self, firing: Firing, acts: list[Scheduled], expected: set[tuple[str, str]]
    ) -> Alerted:
        fired_s = firing.began - self.began_at
        begun = [one for one in acts if one.start_s <= fired_s <= one.end_s + _AFTERMATH_S]
        raisers = [one for one in begun if (firing.alert, one.act.name) in expected]
        cause = (raisers or begun)[-1:]
        during = cause[0].act.name if cause else ""
        if fired_s < acts[0].start_s:
            during = "starting"
        if firing.alert == LOSS_ALERT and loss_of(acts)[0] <= fired_s:
            during = "loss of notifications"
        cleared_s = None if firing.cleared is None else round(firing.cleared - self.began_at, 1)
        return Alerted(
            alert=firing.alert, fired_s=round(fired_s, 1), cleared_s=cleared_s, during=during,
            is_expected=bool(raisers) or firing.alert == LOSS_ALERT,
        )  # fmt: skip


def _callbacks(recorder: Recorder, history: History, file: Path) -> Callbacks:
    seqs = {digest(event.fact): event.seq for event in history.events}
    record = Record(history.feed, recorder.truth(), seqs)
    counts = Callbacks()
    for heard in read_heard(file):
        add(counts, heard, record)
    return counts


def report(verdict: MixedVerdict) -> list[str]:
    """What is printed before the line of JSON."""
    calls = verdict.callbacks
    lines = [
        f"{verdict.minutes:.1f} min, {verdict.trades_per_s:.0f} trades/s (asked: "
        f"{verdict.asked_per_s:g}), {verdict.events} events, {verdict.retracted} retracted",
        "struck     " + ", ".join(f"{name} {n}" for name, n in sorted(verdict.struck.items())),
        f"rows       {NAMES} {verdict.rows}",
        *(f"           {text}" for text in verdict.rows.examples),
        f"callbacks  {calls.delivered} of {calls.expected} delivered, lost {calls.lost}, "
        f"duplicated {calls.duplicated}, misordered {calls.misordered}, phantom {calls.phantom}; "
        f"{calls.facts} of the ledger's facts; {calls.by_snapshot} by snapshot "
        f"({', '.join(f'{n} {name}' for name, n in sorted(calls.reasons.items())) or 'none'}); "
        f"{calls.clients} clients, {calls.connects} connections",
    ]
    if verdict.alerts is None:
        lines.append("alerts     not looked at: no prometheus")
    for one in verdict.alerts or ():
        until = "still" if one.cleared_s is None else f"{one.cleared_s:.0f} s"
        lines.append(
            f"alert      {one.alert} {one.fired_s:.0f} s to {until}: {one.during or 'NO CAUSE'}"
        )
    lines += [
        f"memory     {name}: {growth.last_mib:.0f} MiB, "
        + ("too short" if growth.mib_per_hour is None else f"{growth.mib_per_hour:+.1f} MiB/h")
        + f", {growth.cores:.2f} cores"
        for name, growth in verdict.memory.items()
    ]
    return [*lines, *(f"WRONG      {text}" for text in verdict.wrong)]
