"""Trace by OpenTelemetry's API, with whatever provider the project has set up."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from events.tracing.tracer import Attribute, Kind, Span, Tracer

MOST_LINKS = 100
KINDS = {kind: SpanKind[kind.name] for kind in Kind}
W3C = TraceContextTextMapPropagator()


class OpenTelemetrySpan(Span):
    def __init__(self, span: trace.Span) -> None:
        self._span = span
        self.traceparent = _written(span.get_span_context())

    def set(self, **attributes: Attribute) -> None:
        self._span.set_attributes(_named(attributes))

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def fail(self, reason: str) -> None:
        self._span.set_status(StatusCode.ERROR, reason)
        self._span.set_attribute("error.type", reason)


class OpenTelemetryTracer(Tracer):
    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer

    @contextmanager
    def span(
        self, name: str, kind: Kind, parents: Sequence[str], attributes: Mapping[str, Attribute]
    ) -> Iterator[Span]:
        contexts = [context for context in map(_read, parents) if context.is_valid]
        is_one_trace = len({context.trace_id for context in contexts}) == 1
        with self._tracer.start_as_current_span(
            name,
            context=trace.set_span_in_context(NonRecordingSpan(contexts[0])) if is_one_trace else None,
            kind=KINDS[kind],
            attributes=_named(attributes),
            links=[Link(context) for context in contexts[1 if is_one_trace else 0 :][:MOST_LINKS]],
            # An exception's message may have anything.
            record_exception=False,
            set_status_on_exception=False,
        ) as begun:
            found = OpenTelemetrySpan(begun)
            try:
                yield found
            except Exception as error:
                found.fail(type(error).__qualname__)
                raise

    def current_traceparent(self) -> str:
        return _written(trace.get_current_span().get_span_context())


def _read(traceparent: str) -> SpanContext:
    """Return the context of a traceparent; one that is not valid of any other text."""
    return trace.get_current_span(W3C.extract({"traceparent": traceparent}, Context())).get_span_context()


def _written(context: SpanContext) -> str:
    if not context.is_valid:
        return ""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def _named(attributes: Mapping[str, Attribute]) -> dict[str, Attribute]:
    """Write a_b__c as `a_b.c`: keywords have no dots."""
    return {name.replace("__", "."): value for name, value in attributes.items() if value != ""}
