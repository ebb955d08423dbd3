"""Send spans by OpenTelemetry, where the environment says so and its packages are installed.

Spans wait in memory for a thread that sends them: a collector that is slow or away costs no request and no event
anything, only spans.
"""

import atexit
import os
from importlib.util import find_spec
from threading import Thread
from typing import TYPE_CHECKING

from django.conf import settings

from events import tracing

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

OTLP, CONSOLE, NONE = "otlp", "console", "none"
SERVICE = "tickets"
END_SECONDS = 2.0
"""How long a process that ends waits for its last spans to leave; supervisord waits longer than that."""
MISSING = (
    "OTEL_TRACES_EXPORTER or OTEL_EXPORTER_OTLP_ENDPOINT asks for traces, but OpenTelemetry is not installed: "
    "run `uv sync --group tracing`, or unset them"
)


def is_wanted() -> bool:
    return bool(settings.OTEL_TRACES_EXPORTER != NONE)


def is_installed() -> bool:
    return find_spec("opentelemetry") is not None and find_spec("opentelemetry.sdk") is not None


def start_tracing() -> None:
    """Trace from now on if the settings want it; a check reports packages that are missing."""
    if not (is_wanted() and is_installed()):
        return
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 (not everybody has it, and it loads slowly)
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    from events.tracing.by_opentelemetry import OpenTelemetryTracer  # noqa: PLC0415

    # It is not made the global one: what other libraries would then write has exceptions with all that these say.
    provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(_exporter()))
    atexit.register(_end, provider)
    tracing.trace_by(OpenTelemetryTracer(provider.get_tracer("events")))


def _resource() -> "Resource":
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource  # noqa: PLC0415

    return Resource.create({"service.name": SERVICE, "process.pid": os.getpid()}).merge(OTELResourceDetector().detect())


def _exporter() -> "SpanExporter":
    if settings.OTEL_TRACES_EXPORTER == CONSOLE:
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter  # noqa: PLC0415

        return ConsoleSpanExporter(formatter=lambda span: f"{span.to_json(indent=None)}\n")
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

    collector = settings.OTEL_EXPORTER_OTLP_ENDPOINT.rstrip("/")
    return OTLPSpanExporter(f"{collector}/v1/traces" if collector else None)


def _end(provider: "TracerProvider") -> None:
    """Send the last spans, but don't let the process wait for a collector that is away."""
    ending = Thread(target=provider.shutdown, daemon=True)
    ending.start()
    ending.join(END_SECONDS)
