"""One trace leads from a request through the log, the stream and the consumers to the index and the access system."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from elasticsearch import Elasticsearch
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from pytest_django import Settings

from events import tracing
from events.models import LogEntry
from events.relay.flush import sweep
from events.stream.interface import Stream
from events.testing import run_until_idle
from events.tracing.by_opentelemetry import OpenTelemetryTracer
from tests.network.gate import SECRET, Gate, opened_gate
from tests.rest import client_with_all
from tests.spans import OTHER_TRACEPARENT, TRACE, TRACEPARENT, recorded_spans
from tests.tickets import FIELDS, issue
from tickets.models import Ticket

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("elasticsearch")]


@pytest.fixture
def gate(settings: Settings) -> Iterator[Gate]:
    with opened_gate() as gate:
        settings.ACCESS_SYSTEM_URL = gate.url
        settings.ACCESS_SYSTEM_SECRETS = [SECRET]
        settings.ACCESS_SYSTEM_ALLOW_PRIVATE = True
        yield gate


@pytest.fixture
def issued(stream: Stream, gate: Gate) -> list[Ticket]:
    """Tickets that nobody traces."""
    tickets = [issue(), issue()]
    sweep(stream, 0)
    for group in ("readmodel", "access"):
        run_until_idle(group)
    return tickets


def cancel(ticket: Ticket, traceparent: str) -> None:
    answer = client_with_all().post(f"/api/tickets/{ticket.id}/cancel/", headers={"traceparent": traceparent})
    assert answer.status_code == 200


@pytest.mark.parametrize("by_request", [True, False], ids=["flushed by the request", "flushed by the relay"])
def test_one_trace_leads_from_the_request_to_the_index_and_the_access_system(
    stream: Stream, gate: Gate, issued: list[Ticket], settings: Settings, *, by_request: bool
) -> None:
    settings.EVENTS_FLUSH_ON_COMMIT = by_request
    with recorded_spans() as spans:
        cancel(issued[0], TRACEPARENT)
        sweep(stream, 0)
        run_until_idle("readmodel")
        run_until_idle("access")

    store = next(way for way in spans.ways() if way.endswith("store"))
    request = store.removesuffix(" > store")
    assert spans.ways() == {
        request,
        store,
        f"{store} > append",
        f"{store} > consume readmodel",
        f"{store} > consume readmodel > bulk",
        f"{store} > consume access",
        f"{store} > tell",
    }
    assert request.startswith("POST api/tickets/")
    sent = [call.headers["traceparent"] for call in gate.calls]
    assert [header.split("-")[1] for header in sent] == [TRACE]
    private = (FIELDS["holder_name"], FIELDS["holder_email"], "user-")
    texts = [json.dumps(json.loads(span.to_json()), ensure_ascii=False) for span in spans.all()]
    assert not any(str(text) in span for text in private for span in texts)


def test_a_batch_of_several_requests_is_linked_with_each_and_each_message_is_in_its_own_trace(
    stream: Stream, gate: Gate, issued: list[Ticket]
) -> None:
    with recorded_spans() as spans:
        cancel(issued[0], TRACEPARENT)
        cancel(issued[1], OTHER_TRACEPARENT)
        sweep(stream, 0)
        run_until_idle("access")

    [consumed] = spans.named("consume access")
    traces = {span.context.trace_id for span in spans.named("store")}
    assert {link.context.trace_id for link in consumed.links} == traces
    assert {span.context.trace_id for span in spans.named("tell")} == traces


def test_a_search_is_a_part_of_its_request(issued: list[Ticket], elasticsearch: Elasticsearch) -> None:
    client = client_with_all()
    with recorded_spans() as spans:
        client.get("/api/search/tickets/", {"q": "Lovelace"}, headers={"traceparent": TRACEPARENT})

    assert {way.partition(" > ")[2] for way in spans.ways()} >= {"search"}
    assert not any("ovelace" in span.to_json() for span in spans.all())


def test_a_collector_that_hangs_costs_spans_and_nothing_else(stream: Stream, gate: Gate, issued: list[Ticket]) -> None:
    with ExitStack() as stack:
        hanging = socket.create_server(("127.0.0.1", 0))  # Nobody accepts or answers.
        exporter = OTLPSpanExporter(f"http://127.0.0.1:{hanging.getsockname()[1]}/v1/traces", timeout=600)
        provider = TracerProvider(shutdown_on_exit=False)
        stack.callback(provider.shutdown)
        stack.callback(exporter.shutdown)
        stack.callback(hanging.close)  # First: the provider would wait for the attempt.
        provider.add_span_processor(
            BatchSpanProcessor(exporter, max_queue_size=4, max_export_batch_size=1, schedule_delay_millis=1)
        )
        tracing.trace_by(OpenTelemetryTracer(provider.get_tracer("tests")))
        stack.callback(tracing.trace_by, None)
        before = LogEntry.objects.count()
        for ticket in issued:
            cancel(ticket, TRACEPARENT)
        sweep(stream, 0)
        run_until_idle("readmodel")
        run_until_idle("access")

    assert LogEntry.objects.count() == before + 4
    assert {call.ticket for call in gate.calls} == {ticket.id for ticket in issued}
