"""The page's wallets sign what this API and Solana accept."""

from __future__ import annotations

import asyncio
import base64
import os
from pathlib import Path

import pytest
from solders.transaction import VersionedTransaction

from db.pool import Pool
from frontend.build import install, npm
from tests.integration.clients.conftest import Serve

FRONTEND = Path(__file__).resolve().parents[3] / "frontend"


@pytest.mark.timeout(300)
async def test_the_burner_wallet(serve: Serve, pool: Pool, tmp_path: Path) -> None:
    """frontend/tests/live: it signs in by both ways, its room opens, its session goes on over
    visits; and its signature of a transaction is the one that Solana asks for."""
    await asyncio.to_thread(install, dev=True)
    await pool.execute("INSERT INTO chain (genesis_hash) VALUES ('Genesis')")
    server = await serve(auth_open_wallets=False)
    signed = tmp_path / "signed"
    api = {"API_URL": f"http://127.0.0.1:{server.port}", "SIGNED": str(signed)}
    process = await asyncio.create_subprocess_exec(
        *npm("test", "--", "tests/live"), cwd=FRONTEND, env=os.environ | api,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    transaction = VersionedTransaction.from_bytes(base64.b64decode(signed.read_text()))
    assert transaction.verify_with_results() == [True]
