"""The body of a bulk request, and what the answer's items mean; pure.

A bulk request answers 200 with failed items inside: each has its own status.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

import msgspec

from events.exceptions import RetryLater, TargetLost, Unprocessable
from readmodel.projections import VersionedDocument

encoder = msgspec.json.Encoder()


def to_ndjson(documents: Sequence[VersionedDocument]) -> bytes:
    """Return the lines that index the documents, each only over an older version."""
    lines: list[bytes] = []
    for document in documents:
        action = {"_id": document.id, "version": document.version, "version_type": "external"}
        lines += encoder.encode({"index": action}), encoder.encode(document.source)
    return b"\n".join(lines) + b"\n"


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
