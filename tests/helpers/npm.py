"""Packages from npm for tests, kept in the cache; tests that cannot get them are skipped."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import BuildError
from localnet.npm import installed

CACHE = Path(__file__).resolve().parents[2] / ".cache"
_OFFLINE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH")


async def npm_folder(source: Path) -> Path:
    """The folder with the packages of `source`. Skips the test if npm's registry is away."""
    try:
        return await installed(source, CACHE)
    except BuildError as error:
        if any(word in str(error) for word in _OFFLINE):
            pytest.skip(f"npm's registry is out of reach: {error}")
        raise
