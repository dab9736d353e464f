"""Strangers' pictures made small, each in a process of its own (picture.py)."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from indexer.market.metadata.errors import Unacceptable
from indexer.market.metadata.places import Body

MAX_BYTES = 5 * 1024 * 1024
_KINDS = ("", "application/octet-stream", "binary/octet-stream")
_PROGRAM = Path(__file__).with_name("picture.py")
_TIMEOUT_S = 30
"""Wall clock, on a busy machine; the process limits its own CPU time."""


async def thumbnail_of(body: Body) -> bytes:
    """A WebP of 128 pixels a side at most. Raises Unacceptable with what is wrong."""
    is_image = body.kind.startswith("image/") and not body.kind.startswith("image/svg")
    if not is_image and body.kind not in _KINDS:
        raise Unacceptable("it is no picture we take", kind=body.kind[:60])
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", str(_PROGRAM), env={},
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            out, words = await process.communicate(body.data)
    except TimeoutError:
        raise Unacceptable("the picture takes too long to decode") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0 or not out:
        last = words.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise Unacceptable(last[:200] if process.returncode == 1 else "the picture is broken")
    return out
