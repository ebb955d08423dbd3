"""Keep in memory what OpenTelemetry records."""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from events import tracing
from events.tracing.by_opentelemetry import OpenTelemetryTracer

TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-01"
OTHER_TRACEPARENT = "00-11111111111111111111111111111111-2222222222222222-01"


class Spans:
    """The spans that have ended, in that order."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    def all(self) -> list[ReadableSpan]:
        return list(self._exporter.get_finished_spans())

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.all() if span.name == name]

    def ways(self, *, trace: str = TRACE) -> set[str]:
        """Return each span of a trace with those above it: "POST tickets > store > append"."""
        names = {span.context.span_id: span for span in self.all() if f"{span.context.trace_id:032x}" == trace}

        def way(span: ReadableSpan) -> str:
            above = names.get(span.parent.span_id) if span.parent else None
            return f"{way(above)} > {span.name}" if above else span.name

        return {way(span) for span in names.values()}


@contextmanager
def recorded_spans() -> Iterator[Spans]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.trace_by(OpenTelemetryTracer(provider.get_tracer("tests")))
    try:
        yield Spans(exporter)
    finally:
        tracing.trace_by(None)
