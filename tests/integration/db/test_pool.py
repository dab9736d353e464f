"""What the pool gives, and what it says when there is no database."""

from __future__ import annotations

from decimal import Decimal

import pytest

from common.errors import DatabaseUnavailable, SettingsError
from db.pool import Pool, open_pool
from tests.helpers.pg import PostgresForTests


async def test_whole_numerics_are_ints(pool: Pool) -> None:
    """An amount of 64 bits comes back as the int it was; a fraction as an exact Decimal."""
    biggest = 2**64 - 1
    row = await pool.fetchrow(
        "SELECT $1::numeric AS whole, $2::numeric AS part, $3::numeric[] AS many",
        biggest,
        Decimal("0.0000000248"),
        [biggest, -1, None],
    )
    assert row is not None
    assert (row["whole"], row["part"]) == (biggest, Decimal("0.0000000248"))
    assert type(row["whole"]) is int
    assert row["many"] == [biggest, -1, None]


async def test_json_is_text_both_ways(pool: Pool) -> None:
    """jsonb is neither parsed nor encoded on the way."""
    assert await pool.fetchval("SELECT $1::jsonb", '{"fee": "1"}') == '{"fee": "1"}'


async def test_a_missing_database_is_named(postgres: PostgresForTests) -> None:
    """A database that does not exist is a wrong setting: its name and the remedy are said."""
    postgres.server.start()
    with pytest.raises(SettingsError, match=r"does not exist.*nowhere.*createdb nowhere"):
        await open_pool(postgres.server.url("nowhere"), 2)


async def test_a_wrong_user_is_said_without_the_password(postgres: PostgresForTests) -> None:
    """Who may not log in learns who was refused; the password is never printed."""
    postgres.server.start()
    url = postgres.server.url("postgres").replace("postgres@", "stranger:hunter2@")
    with pytest.raises(SettingsError, match="refused the user") as caught:
        await open_pool(url, 2)
    assert "stranger" in str(caught.value)
    assert "hunter2" not in str(caught.value)


async def test_a_dead_host_may_come_back(unused_tcp_port: int) -> None:
    """No server at the address: an error to try again after, with host, port and what to do."""
    url = f"postgresql://me:hunter2@127.0.0.1:{unused_tcp_port}/x"
    with pytest.raises(DatabaseUnavailable, match=rf"{unused_tcp_port}.*DATABASE_URL") as caught:
        await open_pool(url, 2)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", ["mysql://localhost/x", "postgresql://h:notaport/x"])
async def test_a_url_that_is_none_is_shown_how_it_looks(url: str) -> None:
    """A URL Postgres cannot use is a wrong setting, with an example of a right one."""
    with pytest.raises(SettingsError, match="postgresql://user:password@host"):
        await open_pool(url, 2)
