"""Programs of Debian's: found, or said why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaos.unpacked import find_program, unpack


def test_what_is_there_is_not_unpacked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's own program will do."""
    (tmp_path / "curvefeed-tool").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_program("curvefeed-tool") == str(tmp_path / "curvefeed-tool")
    assert unpack("curvefeed-tool", "no-such-package") == ""


def test_without_apt_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody takes a run without alerts for one with them."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "install curvefeed-tool yourself" in unpack("curvefeed-tool", "no-such-package")
