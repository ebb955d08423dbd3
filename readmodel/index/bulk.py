"""Build the body of a bulk request, and interpret the items of the answer; pure.

The answer to a bulk request has the status 200 even if items have failed: each item has its own status.
"""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

import msgspec

from events.exceptions import RetryLater, TargetLost, Unprocessable
from readmodel.exceptions import VersionRaisedByHand
from readmodel.index.answered import AnsweredDocument
from readmodel.projection import VERSION_STEP, Document, VersionedDocument

encoder = msgspec.json.Encoder()


def to_json(source: Document) -> bytes:
    """Return a document's content as it is sent, and as Elasticsearch gives it back later."""
    return encoder.encode(source)


def to_ndjson(documents: Sequence[VersionedDocument]) -> bytes:
    """Return the lines that index the documents; each replaces only an older version."""
    lines: list[bytes] = []
    for document in documents:
        action = {"_id": document.id, "version": document.version, "version_type": "external"}
        lines += encoder.encode({"index": action}), to_json(document.source)
    return b"\n".join(lines) + b"\n"


def to_deletions(documents: Iterable[tuple[str, int, int]]) -> bytes:
    """Return the lines that delete documents, given by id, sequence number and primary term; b"" for none."""
    actions = [
        {"delete": {"_id": key, "if_seq_no": sequence_number, "if_primary_term": primary_term}}
        for key, sequence_number, primary_term in documents
    ]
    return b"".join(encoder.encode(action) + b"\n" for action in actions)


class Results(NamedTuple):
    """The ids of the documents that were not stored."""

    conflicts: frozenset[str]
    """Elasticsearch says that it has this version or a newer one."""
    failures: Mapping[str, RetryLater | Unprocessable]
    """Elasticsearch refused these for another reason."""


def results_of(items: Sequence[Mapping[str, Any]]) -> Results:
    """Return what failed; raise TargetLost if the index is gone."""
    failed = [item["index"] for item in items if "error" in item["index"]]
    conflicts = frozenset(item["_id"] for item in failed if item["status"] == HTTPStatus.CONFLICT)
    return Results(conflicts, {item["_id"]: _error_of(item) for item in failed if item["_id"] not in conflicts})


def _error_of(item: Mapping[str, Any]) -> RetryLater | Unprocessable:
    kind, reason = item["error"]["type"], item["error"].get("reason", "no reason given")
    message = f"Elasticsearch refuses document {item['_id']} ({item['status']} {kind}): {reason}"
    if item["status"] == HTTPStatus.NOT_FOUND:
        raise TargetLost(message)
    # A closed index answers 400 too, but will be opened again.
    if item["status"] == HTTPStatus.BAD_REQUEST and kind != "index_closed_exception":
        return Unprocessable(message)
    return RetryLater(message)


def expect_all_shards(answer: Mapping[str, Any]) -> None:
    """Raise RetryLater if the answer to a read or a refresh lacks a shard: its status is 200 all the same."""
    shards = answer["_shards"]
    if shards["failed"]:
        reasons = sorted({str(failure["reason"].get("type")) for failure in shards.get("failures", ())})
        raise RetryLater(f"{shards['failed']} of {shards['total']} shards do not answer: {', '.join(reasons)}")


def disproof_of(document: VersionedDocument, stored: AnsweredDocument, version_field: str) -> RetryLater | None:
    """Return why a version conflict is not a success; None if the document's state or a newer one is stored.

    A version that was raised by hand is recognized by the stored content, which has another version or differs.
    """
    version = stored.version
    if version is None or version < document.version:
        return RetryLater(
            f"Elasticsearch refuses version {document.version} of {document.id} as too old, but has version {version}; "
            "if the document was just deleted by hand, a retry succeeds"
        )
    is_same = version // VERSION_STEP == document.version // VERSION_STEP
    expected = msgspec.to_builtins(document.source) if is_same else version // VERSION_STEP
    if (stored.source if is_same else stored.source.get(version_field)) == expected:
        return None
    return VersionRaisedByHand(f"the stored document {document.id} has version {version}, but other content")
