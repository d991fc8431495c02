"""Traces for an OpenTelemetry collector: a span a request, and under it its tool and the parts of its searches.

Off unless MEMORY_TRACING says where to; the libraries are the extra `memory-server[otel]`. The spans are made here, and
the provider is this module's own and no global one: what the frameworks would trace by themselves has query strings,
arguments and exceptions in it, which hold memories. Ours have names, numbers and states.
"""

import time
from collections.abc import Mapping

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from memory_core.observing import Stage
from memory_core.types import SearchMode
from memory_server import __version__, request_ids
from memory_server.activity import WATCHING
from memory_server.served import METHODS, OTHER

EXPORT_S = 5.0
_CALLERS = ("traceparent", "tracestate")


class Tracing:
    """It is the engine's `Observer`, too. What it tells of is over by then, so the spans are made with their end."""

    def __init__(self, collector: str | None) -> None:
        """`collector` is the base of its address; null: as the OTEL_ variables say."""
        address = None if collector is None else f"{collector.rstrip('/')}/v1/traces"
        ours = Resource({"service.name": "memory-server", "service.version": __version__})
        self._provider = TracerProvider(resource=ours.merge(OTELResourceDetector().detect()), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(address, timeout=EXPORT_S)))
        self.tracer = self._provider.get_tracer("memory_server", __version__)

    def stage(self, stage: Stage, mode: SearchMode, seconds: float) -> None:
        self._ended(f"search {stage.value}", seconds, {"memory.search.mode": mode.value})

    def search(self, *, asked: SearchMode, answered: SearchMode, seconds: float) -> None:
        modes = {"memory.search.mode": answered.value, "memory.search.asked": asked.value}
        self._ended("search", seconds, modes)

    def batch(self, pieces: int, seconds: float) -> None:
        self._ended("embed memories", seconds, {"memory.embedding.texts": pieces})

    def tool_called(self, tool: str, outcome: str, seconds: float) -> None:
        self._ended(f"tool {tool}", seconds, {"memory.tool": tool, "memory.tool.outcome": outcome})

    def close(self) -> None:
        """Blocking: sends what waits, or gives it up where the collector is away."""
        self._provider.shutdown()

    def _ended(self, name: str, seconds: float, attributes: Mapping[str, AttributeValue]) -> None:
        end = time.time_ns()
        span = self.tracer.start_span(name, attributes=attributes, start_time=end - int(seconds * 1e9))
        span.end(end)


class TracingMiddleware:
    """A span a request, below that of the caller if it names one. Watching the server leaves none."""

    def __init__(self, app: ASGIApp, *, tracing: Tracing) -> None:
        self.app = app
        self._tracer = tracing.tracer
        self._propagator = TraceContextTextMapPropagator()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in WATCHING:
            await self.app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in METHODS else OTHER
        route = scope["state"]["route"]
        attributes = {"http.request.method": method, "http.route": route}
        with self._tracer.start_as_current_span(
            f"{method} {route}",
            context=self._above(Headers(scope=scope)),
            kind=SpanKind.SERVER,
            attributes=attributes | {"memory.request_id": request_ids.current() or ""},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:

            async def watched(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                    if message["status"] >= 500:
                        span.set_status(StatusCode.ERROR)
                await send(message)

            await self.app(scope, receive, watched)

    def _above(self, headers: Headers) -> Context:
        sent = {name: headers[name] for name in _CALLERS if name in headers}
        return self._propagator.extract(sent, context=Context())
