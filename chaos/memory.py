"""Memory of processes that are killed and started again: how fast each grows while it lives."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from itertools import pairwise

import msgspec
import psutil

_MIB = 2**20


class Sample(msgspec.Struct, frozen=True):
    """One process at one moment. `at` in hours."""

    life: int
    """Its process id: another one is another life."""
    at: float
    mib: float
    cpu_s: float = 0.0


class Growth(msgspec.Struct, frozen=True, kw_only=True):
    """What the samples say: least squares, one slope over all lives, each with a level of its own.

    None: no life was long enough.
    """

    mib_per_hour: float | None
    last_mib: float
    samples: int
    cores: float
    """What it took of the processors, on average."""


class Memory:
    """Samples of some processes under their names."""

    def __init__(self) -> None:
        self._samples: dict[str, list[Sample]] = defaultdict(list)

    def take(self, name: str, pid: int, *, with_children: bool = False) -> None:
        """One sample; none if it does not run. With children: what all of them have for themselves
        (Postgres' shared buffers have a size of their own).
        """
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return
            size, times = process.memory_info().rss, [process.cpu_times()]
            if with_children:
                family = [process, *process.children(recursive=True)]
                size = sum(private_of(each) for each in family)
                times = [each.cpu_times() for each in family]
            cpu_s = sum(one.user + one.system for one in times)
            self._samples[name].append(Sample(pid, time.monotonic() / 3600, size / _MIB, cpu_s))

    def growth(self, warm_up_s: float) -> dict[str, Growth]:
        """Of each process; of each life the first `warm_up_s` do not count."""
        return {name: growth_of(samples, warm_up_s) for name, samples in self._samples.items()}


def private_of(process: psutil.Process) -> int:
    """Memory that would be free without it; 0 if it has ended."""
    with suppress(psutil.Error):
        return int(process.memory_full_info().uss)
    return 0


def growth_of(samples: list[Sample], warm_up_s: float) -> Growth:
    """See Growth."""
    lives: dict[int, list[Sample]] = defaultdict(list)
    for sample in samples:
        lives[sample.life].append(sample)
    top = bottom = 0.0
    count = 0
    for life in lives.values():
        warm = [one for one in life if one.at - life[0].at >= warm_up_s / 3600]
        if len(warm) < 2:
            continue
        mean_at = sum(one.at for one in warm) / len(warm)
        mean_mib = sum(one.mib for one in warm) / len(warm)
        top += sum((one.at - mean_at) * (one.mib - mean_mib) for one in warm)
        bottom += sum((one.at - mean_at) ** 2 for one in warm)
        count += len(warm)
    return Growth(
        mib_per_hour=round(top / bottom, 2) if bottom else None,
        last_mib=round(samples[-1].mib, 1) if samples else 0.0,
        samples=count,
        cores=round(_cores(lives.values()), 2),
    )


def _cores(lives: Iterable[list[Sample]]) -> float:
    used_s = lasted_s = 0.0
    for life in lives:
        # Postgres' processes come and go: what those that ended had taken is not seen any more.
        used_s += sum(max(0.0, late.cpu_s - early.cpu_s) for early, late in pairwise(life))
        lasted_s += 3600 * (life[-1].at - life[0].at)
    return used_s / lasted_s if lasted_s else 0.0
