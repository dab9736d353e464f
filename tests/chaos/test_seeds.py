"""Scenarios: a chain, traders, a faulty network, processes that die. In the end all is right."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chaos.plan import Plan, PlanOptions, make_plan
from chaos.run import read_plan, report
from chaos.scenario import Scenario
from chaos.system import Database

SEEDS = range(1, 13)
QUICK = PlanOptions(time_scale=0.03)
KEPT = sorted((Path(__file__).parent / "plans").glob("*.json"))


@pytest.fixture(scope="session")
def server_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server of this test process keeps its data: it is initialized once."""
    return tmp_path_factory.mktemp("server")


@pytest.fixture
async def database(server_folder: Path) -> AsyncIterator[Database]:
    """A server that a scenario may kill."""
    database = Database(server_folder)
    await database.start()
    yield database
    await database.stop()


@pytest.mark.timeout(150)
@pytest.mark.parametrize("seed", SEEDS)
async def test_a_seed_ends_well(seed: int, database: Database, tmp_path: Path) -> None:
    """Nothing missing, double, invented, out of order or left standing: in rows and at a client."""
    await play(make_plan(seed, QUICK), database, tmp_path)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
async def test_what_once_failed_ends_well(path: Path, database: Database, tmp_path: Path) -> None:
    """Plans that found a bug, kept as they were."""
    await play(read_plan(path), database, tmp_path)


async def play(plan: Plan, database: Database, folder: Path) -> None:
    """Run it; the report and the ends of the logs are the failure's explanation."""
    outcome = await Scenario(plan, database, folder).run()
    assert outcome.is_clean, "\n".join([*report(plan, outcome, 0), *ends_of_logs(folder)])
    shutil.rmtree(folder)


def ends_of_logs(folder: Path) -> list[str]:
    """The last lines of every process."""
    return [f"{path.name}:\n{path.read_text()[-2000:]}" for path in sorted(folder.glob("*.log"))]
