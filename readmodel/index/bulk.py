"""The body of a bulk request, and what the answer's items mean; pure.

A bulk request answers 200 with failed items inside: each has its own status.
"""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

import msgspec

from events.exceptions import RetryLater, TargetLost, Unprocessable
from readmodel.exceptions import LiftedByHand
from readmodel.projection import VERSION_STEP, VersionedDocument

encoder = msgspec.json.Encoder()


def to_ndjson(documents: Sequence[VersionedDocument]) -> bytes:
    """Return the lines that index the documents, each only over an older version."""
    lines: list[bytes] = []
    for document in documents:
        action = {"_id": document.id, "version": document.version, "version_type": "external"}
        lines += encoder.encode({"index": action}), encoder.encode(document.source)
    return b"\n".join(lines) + b"\n"


def to_deletions(documents: Iterable[tuple[str, int, int]]) -> bytes:
    """Return the lines that delete documents, by id, sequence number and primary term; b"" for none."""
    actions = [
        {"delete": {"_id": key, "if_seq_no": sequence_number, "if_primary_term": primary_term}}
        for key, sequence_number, primary_term in documents
    ]
    return b"".join(encoder.encode(action) + b"\n" for action in actions)


class Results(NamedTuple):
    """What became of the documents that were not stored, by their ids."""

    conflicts: frozenset[str]
    """A newer version is said to be stored."""
    failures: Mapping[str, RetryLater | Unprocessable]


def results_of(items: Sequence[Mapping[str, Any]]) -> Results:
    """Tell what failed; raise TargetLost if the index is gone."""
    failed = [item["index"] for item in items if "error" in item["index"]]
    conflicts = frozenset(item["_id"] for item in failed if item["status"] == HTTPStatus.CONFLICT)
    return Results(conflicts, {item["_id"]: error_of(item) for item in failed if item["_id"] not in conflicts})


def error_of(item: Mapping[str, Any]) -> RetryLater | Unprocessable:
    kind, reason = item["error"]["type"], item["error"].get("reason", "no reason given")
    message = f"Elasticsearch refuses document {item['_id']} ({item['status']} {kind}): {reason}"
    if item["status"] == HTTPStatus.NOT_FOUND:
        raise TargetLost(message)
    # A closed index answers 400 too, and will be opened again.
    if item["status"] == HTTPStatus.BAD_REQUEST and kind != "index_closed_exception":
        return Unprocessable(message)
    return RetryLater(message)


def expect_read(answers: Sequence[Mapping[str, Any]]) -> None:
    """Raise TargetLost if the index was gone when documents were read, RetryLater if they could not be."""
    for failed in (answer["error"] for answer in answers if "error" in answer):
        lost = failed["type"] == "index_not_found_exception"
        raise (TargetLost if lost else RetryLater)(f"Elasticsearch can't read documents: {failed['reason']}")


def disproof_of(document: VersionedDocument, stored: Mapping[str, Any], version_field: str) -> RetryLater | None:
    """Tell why a conflict with what is stored is no success; None if that is the document's state, or a newer one.

    A version lifted by hand gives itself away: it is not the one that the content has, or the content is not ours.
    """
    version = stored.get("_version", -1)
    if version < document.version:
        return RetryLater(
            f"Elasticsearch refuses version {document.version} of {document.id} for a newer one, but holds {version}; "
            "after a deletion by hand that passes at once"
        )
    is_same = version // VERSION_STEP == document.version // VERSION_STEP
    expected = msgspec.to_builtins(document.source) if is_same else version // VERSION_STEP
    if (stored["_source"] if is_same else stored["_source"].get(version_field)) == expected:
        return None
    return LiftedByHand(f"{document.id} has version {version}, but another content than that says")
