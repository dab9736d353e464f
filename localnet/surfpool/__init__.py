"""Surfpool, another Solana node, from npm: started offline with our programs.

A second opinion on our own node, and a way to run the demo on Agave's code where nothing of Solana
is installed. Linux x64 with glibc only: that is what npm has of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from common.errors import NodeError
from common.ports import require_free_port
from common.settings import Settings
from localnet.npm import installed, node_binary
from programs.onchain import FOLDER as PROGRAMS
from programs.onchain import PROGRAM_IDS

log = structlog.get_logger()

HERE = Path(__file__).parent
_START_TIMEOUT_S = 60
_STOP_TIMEOUT_S = 5


class Surfpool:
    """A running Surfpool: `async with Surfpool(cache) as node: node.rpc_url`.

    `cache` is the folder npm installs into, once. `port` 0 takes free ports; otherwise JSON-RPC is
    on `port` and PubSub on the next.
    """

    def __init__(self, cache: Path, port: int = 0, slot_ms: int = 400) -> None:
        self.cache = cache
        self.port = port
        self.slot_ms = slot_ms
        self.rpc_url = self.ws_url = ""
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        """Install if need be, start, wait until it answers.

        Raises BuildError (cannot install), PortInUse, NodeError (does not start).
        """
        folder = await installed(HERE, self.cache)
        for port in (self.port, self.port + 1) if self.port else ():
            require_free_port("127.0.0.1", port, option="LOCALNET_PORT")
        await self._start(folder)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def _start(self, folder: Path) -> None:
        files = {str(key): str(PROGRAMS / f"{name}_v0.so") for name, key in PROGRAM_IDS.items()}
        wish = json.dumps({"port": self.port, "slotMs": self.slot_ms, "programs": files})
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            node_binary(), "start.cjs", wish,
            cwd=folder, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True,
        )  # fmt: skip
        try:
            async with asyncio.timeout(_START_TIMEOUT_S):
                line = await self._process.stdout.readline() if self._process.stdout else b""
            urls = json.loads(line)
        except (TimeoutError, ValueError):
            reason = await self._last_words()
            await self.stop()
            raise NodeError(f"Surfpool does not start: {reason}") from None
        self.rpc_url, self.ws_url = urls["rpc"], urls["ws"]

    async def _last_words(self) -> str:
        if self._process is None or self._process.stderr is None:
            return "no output"
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                return (await self._process.stderr.read()).decode(errors="replace").strip()[-500:]
        return "no answer in time"

    async def wait(self) -> None:
        """Until it ends by itself. Raises NodeError: it should not."""
        if self._process is not None:
            status = await self._process.wait()
            raise NodeError("Surfpool ended", status=status)

    async def stop(self) -> None:
        """Close its stdin, which ends it; kill it if that takes too long."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(_STOP_TIMEOUT_S):
                await process.communicate()
        except TimeoutError:
            process.kill()
            await process.communicate()


async def run_surfpool(settings: Settings) -> None:
    """Surfpool in the localnet's place, on its ports, until cancelled or until it ends."""
    port, slot_ms = settings.localnet_port, settings.localnet_slot_ms
    async with Surfpool(settings.data_dir, port, slot_ms) as node:
        log.info("surfpool_started", rpc=node.rpc_url, websocket=node.ws_url, slot_ms=slot_ms)
        await node.wait()
