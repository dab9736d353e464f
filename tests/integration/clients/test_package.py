"""@curvefeed/client as it is published, in the runtimes that its documents name."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from db.pool import Pool
from localnet.npm import node_binary
from tests.helpers.client_package import PACKAGE, built_package
from tests.helpers.hub import publish
from tests.helpers.npm import npm_folder
from tests.integration.clients.conftest import Serve, address

SMOKE = PACKAGE / "smoke.mjs"
BUN = Path(__file__).parent / "bun"


@pytest.fixture(scope="module")
def built() -> None:
    """The package, built and looked at by publint and attw."""
    built_package()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("runtime", ["node", "bun"])
@pytest.mark.usefixtures("built")
async def test_it_runs_in(runtime: str, serve: Serve, pool: Pool) -> None:
    """It renders on a server without dialling, then follows a room from its snapshot to the end."""
    program = node_binary()
    if runtime == "bun":
        folder = await npm_folder(BUN)
        program = str(next((folder / "node_modules" / "@oven").glob("*/bin/bun")))
    server = await serve()
    process = await asyncio.create_subprocess_exec(
        program, str(SMOKE), address(server.port), cwd=SMOKE.parent,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(120):
            first = [json.loads(await process.stdout.readline()) for _ in range(3)]
            await publish(pool, 1, 2, 3)
            rest, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    assert first == [{"rendered": "idle null"}, {"before": "idle"}, {"snapshot": "global"}]
    assert [json.loads(line) for line in rest.splitlines()] == [{"trade": n} for n in (1, 2, 3)]
    assert process.returncode == 0
