"""Trace events through all processes, if the project says by what; otherwise nothing is traced, at no cost.

    tracing.trace_by(OpenTelemetryTracer(provider.get_tracer("events")))

A span's name is the verb of a stage. Events carry the W3C trace context of the span in which they were recorded, as
`traceparent`; the spans of later stages, in whatever process, belong to it.

tracer.py          what a tracer and a span are
by_opentelemetry.py  the tracer of OpenTelemetry, for whom its packages are installed
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from events.tracing.tracer import Attribute, Kind, Span, Traced, Tracer

__all__ = ["Kind", "Span", "Tracer", "current_traceparent", "headers", "is_on", "span", "span_of_batch", "trace_by"]

_NO_SPAN = nullcontext(Span())
_tracer: Tracer | None = None


def trace_by(tracer: Tracer | None) -> None:
    """Trace by this one from now on, in this process; None traces nothing."""
    global _tracer  # noqa: PLW0603 (a process has one)
    _tracer = tracer


def is_on() -> bool:
    return _tracer is not None


def current_traceparent() -> str:
    """Return the context of the span that is current here, "" outside of any."""
    return _tracer.current_traceparent() if _tracer else ""


def headers() -> dict[str, str]:
    """Return the headers by which a service that is called continues the trace."""
    traceparent = current_traceparent()
    return {"traceparent": traceparent} if traceparent else {}


def span(
    name: str, *, kind: Kind = Kind.INTERNAL, parent: str = "", **attributes: Attribute
) -> AbstractContextManager[Span]:
    """Begin a span that ends with the block: below `parent`, a W3C traceparent, or else below the current one."""
    return _tracer.span(name, kind, [parent], attributes) if _tracer else _NO_SPAN


def span_of_batch(
    name: str, batch: Sequence[Traced], *, kind: Kind, **attributes: Attribute
) -> AbstractContextManager[Span]:
    """Begin a span for events: below that of their recording if it is one trace, else linked with those of all."""
    if not _tracer:
        return _NO_SPAN
    parents = list(dict.fromkeys(event.traceparent for event in batch))
    return _tracer.span(name, kind, parents, {"messaging.batch.message_count": len(batch), **attributes})
