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


_JWT = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ3YWxsZXQifQ.c2lnbmF0dXJl"


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_token_is_in_no_line_however_it_got_there(
    capsys: pytest.CaptureFixture[str], log_format: str
) -> None:
    """In a field, in a field of a field, in an error's traceback, in a library's record."""
    configure_logging("debug", log_format)
    log = structlog.get_logger()
    log.info("said", text=_JWT, nested={"message": {"token": _JWT}}, raw=_JWT.encode())
    try:
        raise ValueError(f"not a token: {_JWT}")
    except ValueError:
        log.exception("failed")
        logging.getLogger("library").exception("in a library")
    logging.getLogger("library").info('"GET /ws?token=%s" [accepted]', _JWT)
    logging.getLogger("library").warning("headers: %r", {"authorization": f"Bearer {_JWT}"})
    said = capsys.readouterr().err
    assert said.count("***") >= 7
    assert "eyJ" not in said
    assert "c2lnbmF0dXJl" not in said
