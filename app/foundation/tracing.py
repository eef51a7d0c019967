"""W3C trace context, and the export of spans by OpenTelemetry where an endpoint is configured.

Without OTEL_EXPORTER_OTLP_ENDPOINT (or …_TRACES_ENDPOINT) OpenTelemetry's SDK is not even imported: a `traceparent`
is then read, put into the log lines of its request and answered, and no more.
"""

import os
import re
import secrets
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from app.foundation.errors import UnusableSettings

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_TRACEPARENT: Final = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_NO_TRACE: Final = b"0" * 32
_NO_SPAN: Final = b"0" * 16


class Trace(NamedTuple):
    """Where a request stands in a trace. `span` is OpenTelemetry's; None: it is not exported."""

    trace_id: str
    span_id: str
    span: Any = None

    @property
    def response(self) -> bytes:
        """The value of `traceresponse`, by which a caller finds our span; the last digit says whether it is kept."""
        is_kept = self.span is not None and self.span.is_recording()
        return f"00-{self.trace_id}-{self.span_id}-{'01' if is_kept else '00'}".encode()


def read_traceparent(value: bytes) -> str | None:
    """The trace id of a valid `traceparent` (W3C Trace Context 2, section 3.2); of a later version its known part."""
    match = _TRACEPARENT.fullmatch(value)
    if match is None:
        return None
    version, trace_id, parent_id, _, rest = match.groups()
    if version == b"ff" or (version == b"00" and rest) or trace_id == _NO_TRACE or parent_id == _NO_SPAN:
        return None
    return trace_id.decode()


class Spans:
    """A span for every request, exported from a thread of OpenTelemetry's own."""

    def __init__(self, provider: Any) -> None:
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._tracer = provider.get_tracer("perennial")
        self._propagator = TraceContextTextMapPropagator()
        self._kind = SpanKind.SERVER

    def begin(self, method: str, headers: Mapping[str, str]) -> Trace:
        """`headers` are traceparent and tracestate, where the request has valid ones."""
        span = self._tracer.start_span(method, context=self._propagator.extract(headers), kind=self._kind)
        context = span.get_span_context()
        return Trace(f"{context.trace_id:032x}", f"{context.span_id:016x}", span)

    def end(self, trace: Trace, method: str, route: str, status: int | None) -> None:
        """Names it by method and route; paths and errors' messages may say who the customer is."""
        from opentelemetry.trace import StatusCode

        span = trace.span
        if route:
            span.update_name(f"{method} {route}")
        facts = {"http.request.method": method, "url.scheme": "http", "http.route": route}
        span.set_attributes({**facts, "http.response.status_code": status or 0})
        if status is None or status >= 500:
            span.set_attribute("error.type", str(status or "unanswered"))
            span.set_status(StatusCode.ERROR)
        span.end()


spans: Spans | None = None


def begin_trace(method: str, traceparent: bytes | None, tracestate: bytes | None) -> Trace | None:
    """None: the request belongs to no trace, and none is exported."""
    trace_id = None if traceparent is None else read_traceparent(traceparent)
    if spans is None:
        return None if trace_id is None else Trace(trace_id, secrets.token_hex(8))
    headers: dict[str, str] = {}
    if trace_id is not None and traceparent is not None:
        headers["traceparent"] = traceparent.decode("ascii")
        if tracestate is not None:
            headers["tracestate"] = tracestate.decode("latin-1")
    return spans.begin(method, headers)


def end_trace(trace: Trace, method: str, route: str, status: int | None) -> None:
    """`route` is the template, "" for none."""
    if spans is not None and trace.span is not None:
        spans.end(trace, method, route, status)


def configure_tracing(environment: Mapping[str, str] = os.environ) -> None:
    """Exports spans where an endpoint is set, by OpenTelemetry's own variables (OTEL_…).

    Raises UnusableSettings where its packages are not installed.
    """
    global spans
    if not any(environment.get(name) for name in ENDPOINTS) or environment.get("OTEL_SDK_DISABLED") == "true":
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise UnusableSettings("OTEL_EXPORTER_OTLP_ENDPOINT needs the packages of 'perennial[otel]'.") from error
    service = Resource.create({} if environment.get("OTEL_SERVICE_NAME") else {"service.name": "perennial"})
    provider = TracerProvider(resource=service)  # sampled as OTEL_TRACES_SAMPLER says; else with the caller, or always
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    spans = Spans(provider)
