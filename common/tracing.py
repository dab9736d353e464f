"""Spans of the way of a trade, for OpenTelemetry: off by default, and then next to nothing.

rpc → decode → commit in the indexer, fan_out in the hub. There is one span for a batch and none for
an event: at hundreds of trades a second nobody wants to pay for more, or to read it. What carries a
trade from one process to the other is its `seq`, which commit and fan_out both name.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

from common.errors import SettingsError
from common.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

_NOTHING: AbstractContextManager[object] = nullcontext()


class _Current:
    """The tracer of this process: global, since what is traced lies deep below what knows of it."""

    def __init__(self) -> None:
        self.tracer: Tracer | None = None


_current = _Current()


def span(name: str, **attributes: str | int | float) -> AbstractContextManager[object]:
    """A context that is a span if spans are wanted. No secrets, keys or users in `attributes`."""
    tracer = _current.tracer
    if tracer is None:
        return _NOTHING
    return tracer.start_as_current_span(name, attributes=attributes)


@contextmanager
def tracing(settings: Settings, part: str) -> Iterator[None]:
    """Send spans while the context is open, if TRACING_ENABLED, to where OpenTelemetry's own OTEL_…
    variables say. Raises SettingsError if the packages for it are not there.
    """
    if not settings.tracing_enabled:
        yield
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ModuleNotFoundError as error:
        raise SettingsError(
            "TRACING_ENABLED needs OpenTelemetry's packages",
            hint="uv sync --extra otel, or pip install 'curvefeed[otel]'",
            missing=error.name,
        ) from error
    name = os.environ.get("OTEL_SERVICE_NAME") or f"curvefeed-{part}"
    provider = TracerProvider(resource=Resource.create({"service.name": name}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    _current.tracer = provider.get_tracer("curvefeed")
    try:
        yield
    finally:
        _current.tracer = None
        provider.shutdown()
