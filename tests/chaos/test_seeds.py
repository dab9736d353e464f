"""Scenarios: a chain, traders, a faulty network, processes that die. In the end all is right."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from chaos.clock import build_clock
from chaos.plan import Plan, PlanOptions, make_plan
from chaos.run import read_plan, report
from chaos.scenario import Scenario
from chaos.system import Database

SEEDS = range(1, 13)
QUICK = PlanOptions(time_scale=0.03)
KEPT = sorted((Path(__file__).parent / "plans").glob("*.json"))


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """Where the server of this test process keeps its data: it is initialized once. Not below
    pytest's folder, which the server's user may not enter.
    """
    folder = Path(tempfile.mkdtemp(prefix="curvefeed-test-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def clock(server_folder: Path) -> Path | None:
    """The library of stepped clocks, compiled once."""
    return build_clock(server_folder)


@pytest.fixture
async def stage(server_folder: Path, clock: Path | None, tmp_path: Path) -> AsyncIterator[Stage]:
    """A server that a scenario may kill, and a folder for its logs."""
    database = Database(server_folder)
    await database.start()
    yield Stage(database, clock, tmp_path)
    await database.stop()


class Stage(NamedTuple):
    """What a scenario is played on."""

    database: Database
    clock: Path | None
    folder: Path

    async def play(self, plan: Plan) -> None:
        """Play it; the report and the ends of the logs are the failure's explanation.

        How long recovery takes is for `./run chaos` to judge: here the machine may be busy.
        """
        outcome = await Scenario(plan, self.database, self.folder, self.clock).run()
        lines = [*report(plan, outcome, 0), *ends_of_logs(self.folder)]
        assert outcome.is_right, "\n".join(lines)
        shutil.rmtree(self.folder)


def ends_of_logs(folder: Path) -> list[str]:
    """The last lines of every process."""
    return [f"{path.name}:\n{path.read_text()[-2000:]}" for path in sorted(folder.glob("*.log"))]


@pytest.mark.timeout(150)
@pytest.mark.parametrize("seed", SEEDS)
async def test_a_seed_ends_well(seed: int, stage: Stage) -> None:
    """Nothing missing, double, invented, out of order or left standing: in rows and at a client."""
    await stage.play(make_plan(seed, QUICK))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
async def test_what_once_failed_ends_well(path: Path, stage: Stage) -> None:
    """Plans that found a bug, kept as they were."""
    await stage.play(read_plan(path))
