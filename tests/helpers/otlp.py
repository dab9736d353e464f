"""A receiver of OpenTelemetry's traces: what a collector would have got."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Self

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


class Receiver:
    """A context; `spans` counts names by service, `attributes` has all their keys."""

    def __init__(self) -> None:
        self.spans: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.attributes: set[str] = set()
        self.port = 0
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        application = web.Application()
        application.router.add_post("/v1/traces", self._take)
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        told = ExportTraceServiceRequest.FromString(await request.read())
        for each in told.resource_spans:
            names = {one.key: one.value.string_value for one in each.resource.attributes}
            for scope in each.scope_spans:
                for span in scope.spans:
                    self.spans[names["service.name"]][span.name] += 1
                    self.attributes |= {one.key for one in span.attributes}
        body = ExportTraceServiceResponse().SerializeToString()
        return web.Response(body=body, content_type="application/x-protobuf")
