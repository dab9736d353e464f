"""GET /api/v1/config: which chain a page's wallets are for."""

from __future__ import annotations

import httpx2

from api.server import ApiServer
from db.pool import Pool
from tests.conftest import SettingsFactory


async def _config(pool: Pool, settings: SettingsFactory, **values: str) -> dict[str, str | None]:
    server = ApiServer(settings(websocket_port=0, **values), pool, None, "no page in this test")
    await server.start()
    try:
        async with httpx2.AsyncClient(timeout=30) as http:
            response = await http.get(f"http://127.0.0.1:{server.port}/api/v1/config")
        assert response.status_code == 200, response.text
        answer: dict[str, str | None] = response.json()
        return answer
    finally:
        await server.stop()


async def test_a_localnet_says_so_with_its_genesis(pool: Pool, settings: SettingsFactory) -> None:
    """Without an endpoint of a live cluster it is the localnet, named by what was indexed."""
    fresh = await _config(pool, settings)
    assert fresh == {"cluster": "localnet", "chain": "solana:localnet", "genesis_hash": None}
    await pool.execute("INSERT INTO chain (genesis_hash) VALUES ('Genesis')")
    assert (await _config(pool, settings))["genesis_hash"] == "Genesis"


async def test_a_live_cluster_is_never_a_localnet(pool: Pool, settings: SettingsFactory) -> None:
    """The settings' cluster counts, whatever the page would like."""
    found = await _config(pool, settings, solana_rpc_url="http://127.0.0.1:1")
    assert (found["cluster"], found["chain"]) == ("live", "solana:mainnet")
