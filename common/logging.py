"""Logs: an event name and key=value, one line per state change, secrets cut out."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping

import structlog

# What must not reach a log: credentials in URLs, tokens and providers' API keys in queries.
_USERINFO = re.compile(r"(?P<scheme>\w+://)[^/@\s]+@")
_QUERY = re.compile(
    r"(?P<name>[?&](?:token|ticket|api[-_]?key|key|access_token|password)=)[^&\s\"']+", re.I
)
_HEADER = re.compile(r"(?P<scheme>\b(?:Bearer|Basic)\s+)[A-Za-z0-9._~+/=-]+", re.I)
_COOKIE = re.compile(r"(?P<name>\bcurvefeed_(?:asker|refresh)=)[^;\s\"']+")
# Wherever it stands: a JWT, or one of our own secrets (refresh token, ticket) by its prefix.
_TOKEN = re.compile(r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*|cf[rt]_[\w-]{16,}")

# One of these stands in whatever the others find: most lines have none, and cost one look.
_SUSPECT = re.compile(r"://|[?&]|bearer|basic|curvefeed_|eyJ|cf[rt]_", re.I)


def redacted(text: str) -> str:
    """`text` with credentials in URLs, headers and cookies, and every token, replaced by ***."""
    if _SUSPECT.search(text) is None:
        return text
    text = _QUERY.sub(r"\g<name>***", _USERINFO.sub(r"\g<scheme>***@", text))
    text = _COOKIE.sub(r"\g<name>***", _HEADER.sub(r"\g<scheme>***", text))
    return _TOKEN.sub("***", text)


def _redact(_: object, __: str, event: MutableMapping[str, object]) -> MutableMapping[str, object]:
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = redacted(value)
    return event


def _redact_line(_: object, __: str, line: object) -> str:
    """The finished line once more: tracebacks, and fields that were not text."""
    return redacted(str(line))


class _RedactRecords(logging.Filter):
    """Libraries log too (uvicorn: the WebSocket's URL with its query): same scissors."""

    def filter(self, record: logging.LogRecord) -> bool:
        if not isinstance(record.msg, dict):  # our own events are a dict, redacted already
            record.msg, record.args = redacted(record.getMessage()), None
        return True


def configure_logging(level: str, log_format: str) -> None:
    """Send structlog and the standard library's loggers to stderr, in one format."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _redact,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_RedactRecords())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                renderer,
                _redact_line,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("httpx2", "httpcore", "websockets", "asyncio", "aiohttp.access"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
