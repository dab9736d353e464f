"""`./run bench NAME`: one JSON line per figure on stdout, a table on stderr; `all` and `--record`
keep them in RESULTS.md.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Iterator

import msgspec

from benchmarks import results
from benchmarks.figure import Figure
from common.errors import CurvefeedError, GiveUp

# One module each, with `run() -> Iterator[Figure]`.
NAMES = (
    "storage",
    "rest",
    "page",
    "lighthouse",
    "latency",
    "decode",
    "fanout",
    "connections",
    "instances",
)


def figures(name: str) -> Iterator[Figure]:
    """The figures of one benchmark, as they are measured. Raises GiveUp if there is none."""
    if name not in NAMES:
        raise GiveUp(f"there is no benchmark {name!r}", hint=f"One of: {', '.join(NAMES)}, all")
    yield from importlib.import_module(f"benchmarks.{name}").run()


def line(figure: Figure) -> bytes:
    """The fixed output: {"name","value","unit","peer","peer_value","ratio"}."""
    return msgspec.json.encode(
        {
            "name": figure.name,
            "value": round(figure.value, 6),
            "unit": figure.unit,
            "peer": figure.peer,
            "peer_value": round(figure.peer_value, 6),
            "ratio": round(figure.ratio, 4),
        }
    )


def main(name: str, runs: int = 1, *, is_recorded: bool = False) -> None:
    """Measure and print; "all" measures every one and keeps what each gave, also if one fails.

    Raises GiveUp, at the end, naming those that failed.
    """
    print(
        f"{'figure':34} {'value':>12} {'unit':10} {'peer':22} {'value':>12} {'ratio':>7}",
        file=sys.stderr,
    )
    failed: list[str] = []
    for each in NAMES if name == "all" else (name,):
        if name != "all" and not is_recorded:
            measured(each)
        elif (failure := record(each, runs)) is not None:
            failed.append(f"{each}: {failure}")
    if failed:
        raise GiveUp("; ".join(failed), hint="What was measured is in benchmarks/RESULTS.md")


def measured(name: str) -> list[Figure]:
    """Measure and print each figure at once."""
    found: list[Figure] = []
    for figure in figures(name):
        found.append(figure)
        print(line(figure).decode(), flush=True)
        print(
            f"{figure.name:34} {figure.value:12.2f} {figure.unit:10} {figure.peer:22} "
            f"{figure.peer_value:12.2f} {figure.ratio:7.2f}",
            file=sys.stderr,
        )
    return found


def record(name: str, runs: int) -> str | None:
    """Measure so many times and keep the medians; why it failed, None if it did not."""
    if name not in NAMES:
        raise GiveUp(f"there is no benchmark {name!r}", hint=f"One of: {', '.join(NAMES)}, all")
    result, began = results.begun(name), time.monotonic()
    found: list[list[Figure]] = []
    failure = None
    try:
        found += [measured(name) for _ in range(runs)]
    except (CurvefeedError, OSError, RuntimeError, ImportError, TimeoutError) as error:
        failure = f"{type(error).__name__}: {error}"
    results.keep(
        msgspec.structs.replace(
            result, seconds=time.monotonic() - began, measurements=results.merged(found),
            failure=failure,
        ),
        NAMES,
    )  # fmt: skip
    return failure
