"""`./run bench NAME`: one JSON line per figure on stdout, a table on stderr."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator

import msgspec

from benchmarks.figure import Figure
from common.errors import GiveUp

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
    """The figures of one benchmark, or of every one for "all", as they are measured."""
    chosen = NAMES if name == "all" else (name,)
    if not set(chosen) <= set(NAMES):
        raise GiveUp(f"there is no benchmark {name!r}", hint=f"One of: {', '.join(NAMES)}, all")
    for module in chosen:
        yield from importlib.import_module(f"benchmarks.{module}").run()


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


def main(name: str) -> None:
    """Measure and print."""
    print(
        f"{'figure':34} {'value':>12} {'unit':10} {'peer':22} {'value':>12} {'ratio':>7}",
        file=sys.stderr,
    )
    for figure in figures(name):
        print(line(figure).decode(), flush=True)
        print(
            f"{figure.name:34} {figure.value:12.2f} {figure.unit:10} {figure.peer:22} "
            f"{figure.peer_value:12.2f} {figure.ratio:7.2f}",
            file=sys.stderr,
        )
