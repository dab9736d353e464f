"""Fixtures every test may use: a real Postgres, a real chain, neutral settings."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import hypothesis
import pytest

from common.settings import Settings, load_settings
from db.pool import Pool, pool_of
from tests.helpers.pg import PostgresForTests

if TYPE_CHECKING:
    from localnet.node import Localnet

SettingsFactory: TypeAlias = Callable[..., Settings]

# How long an example takes says something about the machine, not about the code.
hypothesis.settings.register_profile(
    "unhurried", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("unhurried")


@pytest.fixture
def postgres_folder() -> Iterator[Path]:
    """A folder for a Postgres of the test's own.

    Not below pytest's: that one is closed to others again whenever another pytest starts, and
    Postgres, which refuses to be root, is another.
    """
    with tempfile.TemporaryDirectory(prefix="curvefeed-postgres-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresForTests]:
    """The embedded server of this test process; it starts when a test first needs a database."""
    server = PostgresForTests()
    yield server
    server.close()


@pytest.fixture
async def database_url(postgres: PostgresForTests) -> AsyncIterator[str]:
    """A fresh, migrated database of this test's own."""
    url = await postgres.create()
    yield url
    await postgres.drop(url)


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A pool on this test's database."""
    async with pool_of(database_url, 5) as pool:
        yield pool


@pytest.fixture
async def localnet() -> AsyncIterator[Localnet]:
    """A chain whose clock stands still: `net.tick()` makes slots, confirmed at once."""
    from localnet.node import Localnet

    async with Localnet(port=0, slot_ms=None, confirm_after=0) as net:
        yield net


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SettingsFactory:
    """Makes Settings from its arguments alone: neither the environment nor a .env file counts."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)

    def make(**values: object) -> Settings:
        return load_settings(_env_file=None, **({"data_dir": tmp_path} | values))

    return make
