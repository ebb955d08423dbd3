"""What a bulk request says, and how the answer's items are taken."""

from typing import Any

import msgspec
import pytest

from events.exceptions import RetryLater, TargetLost, Unprocessable
from readmodel.bulk import results_of, to_ndjson
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


def test_request_indexes_each_document_with_its_external_version() -> None:
    lines = to_ndjson([document(1, version=3), document(2)]).splitlines()

    assert [msgspec.json.decode(line) for line in lines[::2]] == [
        {"index": {"_id": str(ticket_id(1)), "version": 3 * 65_536, "version_type": "external"}},
        {"index": {"_id": str(ticket_id(2)), "version": 65_536, "version_type": "external"}},
    ]
    source = msgspec.json.decode(lines[1])
    assert (source["id"], source["price"], source["starts_at"]) == (str(ticket_id(1)), "12.50", "2027-05-01T20:00:00Z")


def test_request_ends_with_a_line_break() -> None:
    assert to_ndjson([document(title="two\nlines")]).count(b"\n") == 2


def test_conflicts_are_told_apart_from_what_is_done() -> None:
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
def test_each_failed_item_has_an_error_of_its_own(failed: dict[str, Any], error: type[Exception], said: str) -> None:
    conflicts, failures = results_of([DONE, failed, CONFLICT])

    assert conflicts == {"conflict"}
    [(key, failure)] = failures.items()
    assert key == failed["index"]["_id"]
    with pytest.raises(error, match=said):
        raise failure


def test_a_lost_index_is_lost_for_all() -> None:
    with pytest.raises(TargetLost, match="lost"):
        results_of([MISFIT, BUSY, LOST])
