"""@curvefeed/client as it is published, in a browser, without a framework or a bundler."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from api.server import ApiServer
from db.pool import Pool
from tests.conftest import SettingsFactory
from tests.e2e.running import browser
from tests.helpers.client_package import built_package
from tests.helpers.hub import publish

PAGE = """<!doctype html><title>package</title><ul></ul><script type="module">
import { Feed } from "./index.js";
const feed = new Feed({ url: () => `ws://${location.host}/api/v1/websocket/ws` });
const show = (_, { type, seq }) => {
  const row = document.createElement("li");
  row.dataset.type = type;
  row.textContent = seq;
  document.querySelector("ul").append(row);
};
feed.on("snapshot", show);
feed.on("new_trade", show);
feed.subscribe("global");
</script>"""


async def keep_publishing(pool: Pool) -> None:
    """A trade now and then, until cancelled: the browser may not be there yet."""
    while True:
        await publish(pool, 1)
        await asyncio.sleep(0.3)


@pytest.mark.e2e
@pytest.mark.timeout(300)
async def test_the_package_runs_in_a_browser(
    pool: Pool, settings: SettingsFactory, tmp_path: Path
) -> None:
    """Its files, imported as they are, follow a room from its snapshot on."""
    shutil.copytree(await asyncio.to_thread(built_package), tmp_path / "page")
    (tmp_path / "page" / "index.html").write_text(PAGE)
    server = ApiServer(settings(websocket_port=0), pool, tmp_path / "page", None)
    await server.start()
    publishing = asyncio.create_task(keep_publishing(pool))
    try:
        async with browser("package.mjs", f"http://127.0.0.1:{server.port}") as script:
            seqs = (await script.next())["seqs"]
    finally:
        publishing.cancel()
        await asyncio.gather(publishing, return_exceptions=True)
        await server.stop()
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
