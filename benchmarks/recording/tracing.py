"""Measure what tracing adds to recording an event and flushing it on commit, off and on.

uv run python -m benchmarks.recording.tracing
"""

from collections.abc import Callable
from contextlib import closing

from benchmarks.interleaved import median_seconds, print_ratios
from benchmarks.servers import loaded_project

ROUNDS = 60
REPEATS = 10
OFF, ON, CALLS = "tracing is off", "tracing is on", "the calls that are off, alone"
CALLS_AT_ONCE = 100
"""A single one is too short to be measured."""


def main() -> None:
    with loaded_project():
        measure()


def measure() -> None:
    from benchmarks.recording.saves import Saves  # noqa: PLC0415 (after the setup)
    from events import tracing  # noqa: PLC0415
    from events.relay.flush import sweep  # noqa: PLC0415
    from events.stream.interface import open_stream  # noqa: PLC0415

    saves, tracer = Saves(), _tracer()

    def traced_by(tracer: tracing.Tracer | None) -> Callable[[], None]:
        def save() -> None:
            tracing.trace_by(tracer)
            saves.flush()

        return save

    variants = {OFF: traced_by(None), ON: traced_by(tracer), CALLS: _calls}
    for variant in variants.values():
        variant()  # A warm-up, not counted.
    with closing(open_stream()) as stream:
        seconds = median_seconds(variants, rounds=ROUNDS, repeats=REPEATS, tidy_up=lambda: sweep(stream, 0))
    seconds[CALLS] /= CALLS_AT_ONCE
    print_ratios("A save with an event, flushed on commit", seconds, reference=OFF)
    print(f"Tracing that is off takes {seconds[CALLS] / seconds[OFF]:.3%} of it.")


def _calls() -> None:
    """Do what one recorded and flushed event asks of tracing, many times."""
    from events import tracing  # noqa: PLC0415 (as above)

    tracing.trace_by(None)
    for _ in range(CALLS_AT_ONCE):
        with tracing.span("store", parent=tracing.current_traceparent()) as span:
            span.set(messaging__batch__message_count=1, request_id="")
            tracing.current_traceparent()
        with tracing.span_of_batch("append", [], kind=tracing.Kind.PRODUCER, partition=0) as span:
            span.set(is_appended=True)


def _tracer():  # type: ignore[no-untyped-def]
    """Return a tracer whose spans are kept in memory until a thread drops them."""
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 (it need not be installed for the others)
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter  # noqa: PLC0415

    from events.tracing.by_opentelemetry import OpenTelemetryTracer  # noqa: PLC0415

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(InMemorySpanExporter()))
    return OpenTelemetryTracer(provider.get_tracer("benchmarks"))


if __name__ == "__main__":
    main()
