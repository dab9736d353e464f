"""What goes into the wheel: the packages below curvefeed/app, with the page already built."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

APP = "curvefeed/app"
PARTS = (
    "api", "common", "db", "indexer", "localnet", "programs",
    "main.py", "compose.py", "developing.py", "doctor.py", "pyproject.toml",
)  # fmt: skip


class BuildHook(BuildHookInterface):
    """Adds the files. The page's sources go along: their fingerprint finds the built page."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - theirs
        """Build the page, with and without the localnet's wallet, and name every file."""
        if self.target_name != "wheel":
            return
        sys.path.insert(0, self.root)
        from frontend.build import SOURCE_FOLDERS, SOURCES, build_page

        pages = [asyncio.run(build_page(print, for_localnet=each)) for each in (True, False)]
        root = Path(self.root)
        inside = ["__init__.py", "build.py", *SOURCES, *SOURCE_FOLDERS]
        parts = [root / part for part in PARTS] + [root / "frontend" / name for name in inside]
        for path in (*parts, *pages):
            if path.exists():
                build_data["force_include"][str(path)] = f"{APP}/{path.relative_to(root)}"


class MetadataHook(MetadataHookInterface):
    """The console script: said here, since a clone is used in place and not installed."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add it."""
        metadata["scripts"] = {"curvefeed": "curvefeed.__main__:main"}
