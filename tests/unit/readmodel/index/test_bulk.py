"""Build a bulk request, and interpret the items of its answer."""

from typing import Any

import msgspec
import pytest

from events.exceptions import RetryLater, TargetLost, Unprocessable
from readmodel.exceptions import VersionRaisedByHand
from readmodel.index.answered import AnsweredDocument
from readmodel.index.bulk import disproof_of, expect_all_shards, results_of, to_ndjson
from readmodel.projection import VERSION_STEP
from tests.ticket_events import document, ticket_id


def item(key: str, status: int, kind: str = "") -> dict[str, Any]:
    error = {"error": {"type": kind, "reason": f"because of {kind}"}} if kind else {}
    return {"index": {"_id": key, "status": status, **error}}


DONE = item("done", 201)
CONFLICT = item("conflict", 409, "version_conflict_engine_exception")
MISFIT = item("misfit", 400, "document_parsing_exception")
BUSY = item("busy", 429, "es_rejected_execution_exception")
NO_SHARD = item("shard", 503, "unavailable_shards_exception")
CLOSED = item("closed", 400, "index_closed_exception")
BLOCKED = item("blocked", 403, "cluster_block_exception")
LOST = item("lost", 404, "index_not_found_exception")


def test_a_request_indexes_each_document_with_its_external_version() -> None:
    lines = to_ndjson([document(1, version=3), document(2)]).splitlines()

    assert [msgspec.json.decode(line) for line in lines[::2]] == [
        {"index": {"_id": str(ticket_id(1)), "version": 3 * 65_536, "version_type": "external"}},
        {"index": {"_id": str(ticket_id(2)), "version": 65_536, "version_type": "external"}},
    ]
    source = msgspec.json.decode(lines[1])
    assert (source["id"], source["price"], source["starts_at"]) == (str(ticket_id(1)), "12.50", "2027-05-01T20:00:00Z")


def test_a_request_ends_with_a_line_break() -> None:
    assert to_ndjson([document(title="two\nlines")]).count(b"\n") == 2


def test_conflicts_are_distinguished_from_successes() -> None:
    assert results_of([DONE, CONFLICT]) == ({"conflict"}, {})


@pytest.mark.parametrize(
    ("failed", "error", "said"),
    [
        (MISFIT, Unprocessable, "misfit .*400 document_parsing_exception.*because of"),
        (BUSY, RetryLater, "busy"),
        (NO_SHARD, RetryLater, "shard"),
        (CLOSED, RetryLater, "closed"),
        (BLOCKED, RetryLater, "blocked"),
    ],
)
def test_each_failed_item_has_its_own_error(failed: dict[str, Any], error: type[Exception], said: str) -> None:
    conflicts, failures = results_of([DONE, failed, CONFLICT])

    assert conflicts == {"conflict"}
    [(key, failure)] = failures.items()
    assert key == failed["index"]["_id"]
    with pytest.raises(error, match=said):
        raise failure


def test_a_lost_index_fails_the_whole_request() -> None:
    with pytest.raises(TargetLost, match="lost"):
        results_of([MISFIT, BUSY, LOST])


def stored(external: int, **fields: Any) -> AnsweredDocument:
    """Return what Elasticsearch answers for a document that may have been altered."""
    return answered(external, msgspec.to_builtins(document(1).source) | fields)


def answered(external: int, source: Any) -> AnsweredDocument:
    return AnsweredDocument(id="1", version=external, content=msgspec.Raw(msgspec.json.encode(source)))


@pytest.mark.parametrize(
    "found",
    [
        stored(VERSION_STEP),
        stored(VERSION_STEP + 3),  # Repaired three times.
        stored(2 * VERSION_STEP, version=2, status="checked_in"),
    ],
)
def test_a_conflict_with_the_same_or_a_newer_state_is_a_success(found: AnsweredDocument) -> None:
    assert disproof_of(document(1), found, "version") is None


@pytest.mark.parametrize(
    "found",
    [
        stored(VERSION_STEP, title="Altered"),
        stored(2 * VERSION_STEP),
        stored(1_000 * VERSION_STEP),
        answered(2 * VERSION_STEP, {"title": "Without a version"}),
    ],
)
def test_a_conflict_with_a_version_that_does_not_fit_the_content_is_an_error(found: AnsweredDocument) -> None:
    assert isinstance(disproof_of(document(1), found, "version"), VersionRaisedByHand)


@pytest.mark.parametrize("found", [AnsweredDocument(id="1"), stored(VERSION_STEP)])
def test_a_conflict_without_a_newer_version_is_retried(found: AnsweredDocument) -> None:
    error = disproof_of(document(1, version=2), found, "version")

    assert type(error) is RetryLater


def test_an_answer_that_lacks_a_shard_is_no_answer() -> None:
    failure = {"shard": 1, "reason": {"type": "no_shard_available_action_exception", "reason": None}}

    with pytest.raises(RetryLater, match="1 of 3 shards do not answer: no_shard_available_action_exception"):
        expect_all_shards({"count": 11, "_shards": {"total": 3, "successful": 2, "failed": 1, "failures": [failure]}})
    expect_all_shards({"count": 11, "_shards": {"total": 3, "successful": 3, "failed": 0}})
