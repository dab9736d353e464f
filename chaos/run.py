"""`./run chaos`: many seeds, one line each, and a verdict."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from chaos.clock import build_clock
from chaos.plan import FAULTS, LINKS, Plan, PlanOptions, describe, make_plan
from chaos.scenario import Scenario
from chaos.settling import Outcome
from chaos.system import Database
from chaos.verdict import NAMES
from common.errors import SettingsError, VerdictFailed

_EXAMPLES = 5
Say = Callable[[str], None]


class ChaosOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Which scenarios to play."""

    seeds: int = 10
    first_seed: int = 1
    time_scale: float = 0.1
    only: tuple[str, ...] = ()
    """Faults to play; empty: all."""
    without: tuple[str, ...] = ()
    """Faults to leave out."""
    bound_s: float = 10.0
    """After the last fault everything has to be right within this time."""
    plan: Path | None = None
    """A kept plan, to play instead of seeds."""

    def plans(self) -> list[Plan]:
        """What to play. Raises SettingsError."""
        if self.plan is not None:
            return [read_plan(self.plan)]
        seeds = range(self.first_seed, self.first_seed + self.seeds)
        return [make_plan(seed, self.plan_options) for seed in seeds]

    @property
    def plan_options(self) -> PlanOptions:
        """What the plans are made with. Raises SettingsError for a fault that is none."""
        unknown = sorted({*self.only, *self.without} - set(FAULTS))
        if unknown:
            raise SettingsError(
                "no such fault", hint=f"There are {', '.join(FAULTS)}", named=",".join(unknown)
            )
        faults = frozenset(self.only or FAULTS) - frozenset(self.without)
        return PlanOptions(time_scale=self.time_scale, faults=faults)


async def chaos(options: ChaosOptions, say: Say) -> None:
    """Play every seed and print what came of it. Raises VerdictFailed if any count is not 0."""
    plans = options.plans()
    say(f"counts are {NAMES}, in rows and at a WebSocket client of `global`")
    played = await play(plans, say, options.bound_s)
    say(tally(plans, [outcome for _, outcome in played]))
    wrong = [plan.seed for plan, outcome in played if not outcome.is_right]
    late = [plan.seed for plan, outcome in played if outcome.is_late(options.bound_s)]
    if wrong or late:
        raise VerdictFailed(
            f"of {len(plans)} seeds {len(wrong)} were wrong, {len(late)} late",
            hint="Again with --seeds 1 --first-seed and the same options, or --plan",
            wrong=",".join(map(str, wrong)) or "none",
            late=",".join(map(str, late)) or "none",
        )
    say(f"{len(plans)} seeds, every count 0, all within {options.bound_s:g} s of the last fault")


async def play(plans: Iterable[Plan], say: Say, bound_s: float) -> list[tuple[Plan, Outcome]]:
    """Play plans one after the other on one database server; logs of failing ones are kept."""
    home = Path(tempfile.mkdtemp(prefix="curvefeed-chaos-"))
    database = Database(home / "postgres")
    outcomes: list[tuple[Plan, Outcome]] = []
    clock = build_clock(home)
    if clock is None:
        say("no C compiler: only the chain's clock is stepped, not those of processes")
    await database.start()
    try:
        for plan in plans:
            folder = home / f"seed-{plan.seed}"
            folder.mkdir()
            began = time.monotonic()
            outcome = await Scenario(plan, database, folder, clock).run()
            outcomes.append((plan, outcome))
            for line in report(plan, outcome, time.monotonic() - began):
                say(line)
            if outcome.is_right and not outcome.is_late(bound_s):
                shutil.rmtree(folder)
            else:
                kept = write_plan(plan, folder)
                say(f"    again: ./run chaos --plan {kept}   (its logs lie beside it)")
    finally:
        await database.stop()
        _tidy(home)
    return outcomes


def write_plan(plan: Plan, folder: Path) -> Path:
    """Keep a plan as a file: it stays the same even if seeds come to mean something else."""
    path = folder / "plan.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(plan)) + b"\n")
    return path


def read_plan(path: Path) -> Plan:
    """A plan from its file. Raises SettingsError."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Plan)
    except (OSError, msgspec.DecodeError) as error:
        raise SettingsError("no plan there", file=path, reason=str(error)) from None


def _tidy(home: Path) -> None:
    """Remove everything but the logs of failing seeds."""
    shutil.rmtree(home / "postgres", ignore_errors=True)
    (home / "clock.so").unlink(missing_ok=True)
    if not any(home.iterdir()):
        home.rmdir()


def report(plan: Plan, outcome: Outcome, took_s: float) -> list[str]:
    """What is printed of a seed: one line, and for a failing one what it did and what differs."""
    words = [
        f"{'ok   ' if outcome.is_right else 'WRONG'} seed {plan.seed:<4}",
        f"rows {outcome.rows}",
        f"client {outcome.client}",
        f"folds {len(outcome.unfolded)}",
        f"right {_after(outcome.settled_s)}",
        f"frontier {_after(outcome.frontier_s)}",
        f"overclaimed {outcome.overclaims} (holes seen {outcome.holes_seen})",
        f"{outcome.events} events, {outcome.retracted} retracted",
        f"{took_s:.0f} s",
    ]
    if outcome.resyncs or outcome.exits:
        words.append(f"resyncs {outcome.resyncs}, exits {outcome.exits}")
    lines = ["  ".join(words)]
    if not outcome.is_right:
        lines.append(f"    {describe(plan)}")
        lines.append("    met: " + ", ".join(f"{n} {name}" for name, n in outcome.met.items()))
        lines += [f"    rows: {text}" for text in outcome.rows.examples]
        lines += [f"    client: {text}" for text in outcome.client.examples]
        lines += [f"    folds: {text}" for text in outcome.unfolded[:_EXAMPLES]]
    return lines


def tally(plans: Sequence[Plan], outcomes: Sequence[Outcome]) -> str:
    """How often each fault struck, over all seeds: a fault that met nothing proves nothing."""
    met = Counter[str]()
    for plan, outcome in zip(plans, outcomes, strict=True):
        met.update(outcome.met)
        met.update(strike.fault for strike in plan.strikes)
        met.update(window.fault for window in plan.windows if window.fault in LINKS)
    retracted = sum(outcome.retracted for outcome in outcomes)
    events = sum(outcome.events for outcome in outcomes)
    struck = ", ".join(f"{name} {met[name]}" for name in FAULTS if met[name])
    return f"{events} events, {retracted} retracted; faults struck: {struck or 'none'}"


def _after(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.1f} s"
