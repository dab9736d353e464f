"""What reaches the log, and what never may."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from common.logging import configure_logging


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def test_an_event_is_one_json_line_without_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    """An event of ours comes out as name and fields, credentials cut out."""
    configure_logging("info", "json")
    structlog.get_logger().info("node_lost", url="wss://me:hunter2@node/?api-key=hunter3", slot=7)
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["slot"], line["level"]) == ("node_lost", 7, "info")
    assert line["url"] == "wss://***@node/?api-key=***"


def test_a_librarys_record_goes_through_the_same_scissors(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A record of another logger has the same form and loses its secrets too."""
    configure_logging("info", "json")
    logging.getLogger("uvicorn").info("%s connected", "/ws?token=hunter2")
    line = json.loads(capsys.readouterr().err)
    assert line["event"] == "/ws?token=*** connected"
