"""Spans are of one trace where their events are, linked where a batch joins several, and have nothing personal."""

from collections.abc import Iterator

import pytest
from django.test import Client

from events import tracing
from events.envelope import Envelope
from events.recording.collector import Collector, collecting
from events.testing import run_until_idle
from events.tracing import Kind
from tests.letters import Ordered, happen
from tests.spans import OTHER_TRACEPARENT, TRACE, TRACEPARENT, Spans, recorded_spans


@pytest.fixture
def spans() -> Iterator[Spans]:
    with recorded_spans() as spans:
        yield spans


def test_without_a_tracer_nothing_is_traced() -> None:
    with tracing.span("store") as span:
        span.set(a=1)
        span.fail("it")

    assert not tracing.is_on()
    assert (span.traceparent, tracing.current_traceparent(), tracing.headers()) == ("", "", {})


def test_a_span_continues_the_trace_of_its_parent_and_is_one_for_those_that_are_called(spans: Spans) -> None:
    with tracing.span("store", parent=TRACEPARENT) as span:
        headers = tracing.headers()

    assert spans.ways() == {"store"}
    assert headers == {"traceparent": span.traceparent}
    assert span.traceparent.startswith(f"00-{TRACE}-")


@pytest.mark.parametrize(
    "parent", ["", "nonsense", f"00-{'0' * 32}-{'1' * 16}-01", f"ff-{TRACE}-{'1' * 16}-01", "\u2028"]
)
def test_a_parent_that_is_none_begins_a_trace(spans: Spans, parent: str) -> None:
    with tracing.span("store", parent=parent):
        pass

    [span] = spans.all()
    assert span.parent is None


def test_a_failure_tells_its_class_and_no_message(spans: Spans) -> None:
    with pytest.raises(ValueError, match="Ada"), tracing.span("consume", kind=Kind.CONSUMER):
        raise ValueError("Ada Lovelace")

    [span] = spans.all()
    assert span.attributes == {"error.type": "ValueError"}
    assert "Ada" not in span.to_json()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("stream")
class TestEvents:
    def test_events_of_one_trace_are_handled_below_their_recording(self, spans: Spans) -> None:
        record_under(TRACEPARENT, "a", "b")

        run_until_idle("things", Ordered())

        assert spans.ways() == {"store", "store > append", "store > consume things"}

    def test_events_of_several_traces_are_linked(self, spans: Spans) -> None:
        record_under(TRACEPARENT, "a")
        record_under(OTHER_TRACEPARENT, "b")

        run_until_idle("things", Ordered())

        [consumed] = spans.named("consume things")
        stored = [span.context.span_id for span in spans.named("store")]
        assert consumed.parent is None
        assert [link.context.span_id for link in consumed.links] == stored

    def test_an_event_that_a_handler_records_belongs_to_the_trace_of_its_cause(self, spans: Spans) -> None:
        record_under(TRACEPARENT, "a")

        run_until_idle("things", Causing())

        assert spans.ways() >= {"store > consume things > store"}

    def test_without_a_tracer_events_keep_the_context_of_the_request(self) -> None:
        tracing.trace_by(None)
        seen = Causing()

        record_under(TRACEPARENT, "a")
        run_until_idle("things", seen)

        assert seen.contexts[0] == TRACEPARENT


@pytest.mark.django_db
def test_a_request_has_a_span_with_its_route_and_neither_query_nor_user(spans: Spans) -> None:
    Client().get("/api/tickets/?q=Lovelace", headers={"traceparent": TRACEPARENT, "X-Request-ID": "find-me"})
    Client().get("/healthz")

    [span] = spans.named("GET api/tickets/$")
    assert (span.kind.name, f"{span.context.trace_id:032x}") == ("SERVER", TRACE)
    assert span.attributes == {
        "http.request.method": "GET",
        "http.route": "api/tickets/$",
        "http.response.status_code": 401,
        "request_id": "find-me",
    }
    assert len(spans.all()) == 1


@pytest.mark.django_db
def test_a_method_that_is_none_is_not_a_name(spans: Spans) -> None:
    Client().generic("LOVELACE", "/api/tickets/")

    [span] = spans.all()
    assert (span.name, span.attributes["http.request.method"]) == ("_OTHER", "_OTHER")  # type: ignore[index]


class Causing(Ordered):
    """Records an event for each first one."""

    def __init__(self) -> None:
        super().__init__()
        self.contexts: list[str] = []

    def handle(self, batch: list[Envelope]) -> None:  # type: ignore[override]
        for envelope in batch:
            self.contexts.append(envelope.traceparent)
            if envelope.subject == "a":
                happen("caused")


def record_under(traceparent: str, *names: str) -> None:
    collector = Collector(traceparent=traceparent)
    with collecting(collector):
        happen(*names)
    collector.close()
