"""What will go wrong, when, and how badly: all of it follows from a seed.

Times are seconds since the scenario began. They are drawn for a real network (outages of 2 to 60 s)
and multiplied by `time_scale`, so that a run in CI takes seconds.
"""

from __future__ import annotations

from collections.abc import Collection
from random import Random
from typing import Literal, get_args

import msgspec

from common.settings import Commitment

HintFault = Literal["drop", "duplicate", "reorder", "delay", "truncate"]
"""What happens to notifications."""
LinkFault = Literal["cut", "stall"]
"""What happens to connections: refused and cut; or open, and nothing comes."""
CallFault = Literal["throttle", "busy", "ahead", "version", "half", "partial", "empty", "slow"]
"""What happens to calls: 429 or 503; -32005; -32004; -32015; a body cut short; a key missing or
null; an empty page of signatures; an answer that takes its time."""
StrikeFault = Literal[
    "fork", "deep_fork", "clock", "kill_indexer", "kill_api", "kill_postgres", "standby"
]
"""What happens once: a fork of unconfirmed slots, one of confirmed slots, a step of a clock,
kill -9, a second indexer from the beginning on."""
Fault = HintFault | LinkFault | CallFault | StrikeFault

HINTS: tuple[HintFault, ...] = get_args(HintFault)
LINKS: tuple[LinkFault, ...] = get_args(LinkFault)
CALLS: tuple[CallFault, ...] = get_args(CallFault)
STRIKES: tuple[StrikeFault, ...] = get_args(StrikeFault)
FAULTS: tuple[str, ...] = (*HINTS, *LINKS, *CALLS, *STRIKES)

Clock = Literal["chain", "indexer", "api"]
"""Whose clock is stepped: block times, or the wall clock of processes."""

_COMMITMENTS: tuple[Commitment, ...] = ("processed", "confirmed", "finalized")
_PHASE_S = (60.0, 90.0)
_OUTAGE_S = (2.0, 60.0)
_SHARES: dict[str, tuple[float, float]] = {
    "drop": (0.02, 0.5),
    "duplicate": (0.05, 0.5),
    "reorder": (0.1, 0.9),
    "truncate": (0.02, 0.4),
    "half": (0.1, 0.7),
    "partial": (0.1, 0.7),
    "empty": (0.2, 0.9),
}
"""Of the messages, while such a window is open. Not named: all of them."""
_CLOCK_STEP_S = (-3_600.0, 3_600.0)
_CLOCKS: tuple[Clock, ...] = ("chain", "indexer", "api")
_DEPTH = (1, 10)


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """A fault that lasts: from `start_s` to `end_s` it meets `share` of the messages."""

    fault: str
    start_s: float
    end_s: float
    share: float = 1.0
    length_s: float = 0.0
    """Of delay, reorder and slow: by how much at most."""
    flavour: int = 0
    """Picks among the ways one fault can look; see chaos.mischief."""
    endpoint: int | None = None
    """Which endpoint it meets; None: every one."""


class Strike(msgspec.Struct, frozen=True, kw_only=True):
    """A fault of one moment."""

    fault: str
    at_s: float
    down_s: float = 0.0
    """Of a kill: how long the process stays away."""
    depth: int = 0
    is_replayed: bool = False
    """Of a fork: its transactions land again."""
    step_s: float = 0.0
    """Of a clock: by how much it is off from then on."""
    clock: Clock = "chain"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A scenario."""

    seed: int
    commitment: Commitment
    slot_ms: int
    confirm_after: int
    finalize_after: int
    trades_per_second: float
    endpoints: int = 1
    """How many ways to the node the indexers may choose among."""
    phase_s: float
    """Faults and trades end here."""
    windows: tuple[Window, ...]
    strikes: tuple[Strike, ...]

    @property
    def has_standby(self) -> bool:
        """Two indexers run from the beginning."""
        return any(strike.fault == "standby" for strike in self.strikes)


class PlanOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the seed does not decide."""

    time_scale: float = 0.1
    faults: frozenset[str] = frozenset(FAULTS)
    commitment: Commitment | None = None


def make_plan(seed: int, options: PlanOptions) -> Plan:
    """The scenario of a seed. Leaving faults out changes nothing about the others."""
    rng = Random(f"curvefeed chaos {seed}")  # noqa: S311 - reproducible on purpose
    scale = options.time_scale
    commitment = rng.choices(_COMMITMENTS, (5, 4, 1))[0]
    phase_s = rng.uniform(*_PHASE_S) * scale
    slot_ms = rng.choice((50, 80, 100))
    # Forks of depth ten need ten unconfirmed slots.
    confirm_after = rng.choice((2, 12))
    trades_per_second = rng.uniform(15, 50)
    endpoints = rng.choice((1, 2))
    windows = _windows(rng, phase_s, scale)
    strikes = _strikes(rng, phase_s, scale)
    return Plan(
        seed=seed,
        commitment=options.commitment or commitment,
        slot_ms=slot_ms,
        confirm_after=confirm_after,
        finalize_after=confirm_after + 20,
        trades_per_second=trades_per_second,
        endpoints=endpoints,
        phase_s=phase_s,
        windows=tuple(
            window if endpoints > 1 else msgspec.structs.replace(window, endpoint=None)
            for window in windows
            if window.fault in options.faults
        ),
        strikes=tuple(strike for strike in strikes if strike.fault in options.faults),
    )


def _windows(rng: Random, phase_s: float, scale: float) -> list[Window]:
    faults: list[str] = [fault for fault in HINTS for _ in range(rng.choice((0, 1, 1, 2)))]
    faults += rng.choices(CALLS, k=rng.randint(3, 7))
    faults += [fault for fault in LINKS for _ in range(rng.choice((0, 1, 1, 2)))]
    return sorted(
        (_window(rng, fault, phase_s, scale) for fault in faults),
        key=lambda window: window.start_s,
    )


def _window(rng: Random, fault: str, phase_s: float, scale: float) -> Window:
    start_s = rng.uniform(0, phase_s)
    # Short ones are as frequent as long ones: uniform in the logarithm.
    shortest, longest = _OUTAGE_S
    length_s = shortest * (longest / shortest) ** rng.random() * scale
    return Window(
        fault=fault,
        start_s=start_s,
        end_s=min(phase_s, start_s + length_s),
        share=rng.uniform(*_SHARES.get(fault, (1.0, 1.0))),
        length_s=rng.uniform(0.5, 20) * scale,
        flavour=rng.randrange(1_000_000),
        endpoint=rng.choice((0, 0, 1, None)),
    )


def _strikes(rng: Random, phase_s: float, scale: float) -> list[Strike]:
    counts = {
        "fork": rng.randint(0, 5),
        "deep_fork": rng.randint(0, 2),
        "clock": rng.choice((0, 0, 1, 2)),
        "kill_indexer": rng.randint(0, 2),
        "kill_api": rng.choice((0, 1, 1, 2)),
        "kill_postgres": rng.choice((0, 0, 1)),
    }
    faults = [fault for fault, count in counts.items() for _ in range(count)]
    strikes = [_strike(rng, fault, phase_s, scale) for fault in faults]
    if rng.random() < 0.4:
        strikes.append(Strike(fault="standby", at_s=0.0))
    return sorted(strikes, key=lambda strike: strike.at_s)


def _strike(rng: Random, fault: str, phase_s: float, scale: float) -> Strike:
    at_s = rng.uniform(0.05, 0.95) * phase_s
    down_s = rng.uniform(*_OUTAGE_S) * scale
    depth, is_replayed = rng.randint(*_DEPTH), rng.random() < 0.5
    step_s, clock = rng.uniform(*_CLOCK_STEP_S), rng.choice(_CLOCKS)
    if fault.startswith("kill_"):
        return Strike(fault=fault, at_s=at_s, down_s=min(down_s, phase_s - at_s))
    if fault == "clock":
        return Strike(fault=fault, at_s=at_s, step_s=step_s, clock=clock)
    return Strike(fault=fault, at_s=at_s, depth=depth, is_replayed=is_replayed)


def describe(plan: Plan, *, faults: Collection[str] = FAULTS) -> str:
    """One line: what a seed does."""
    named = [window.fault for window in plan.windows] + [strike.fault for strike in plan.strikes]
    counts = ", ".join(
        fault if named.count(fault) == 1 else f"{named.count(fault)} {fault}"
        for fault in faults
        if fault in named
    )
    return (
        f"{plan.commitment}, slots of {plan.slot_ms} ms, confirmed after {plan.confirm_after}, "
        f"{plan.endpoints} endpoint{'s' if plan.endpoints > 1 else ''}, "
        f"{plan.trades_per_second:.0f} trades/s for {plan.phase_s:.1f} s: {counts or 'no fault'}"
    )
