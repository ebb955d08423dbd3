"""The body of a bulk request, and what the answer's items mean; pure.

A bulk request answers 200 with failed items inside: each has its own status.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

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


def conflicts_of(items: Sequence[Mapping[str, Any]]) -> set[str]:
    """Return the ids of the documents that a newer version is said to be stored of.

    Raise for any other failure: TargetLost, then RetryLater, then Unprocessable, because what is split after
    Unprocessable had better not meet a server that is short of breath.
    """
    failed = [item["index"] for item in items if "error" in item["index"]]
    conflicts = {item["_id"] for item in failed if item["status"] == HTTPStatus.CONFLICT}
    errors = [error_of(item) for item in failed if item["_id"] not in conflicts]
    for kind in (TargetLost, RetryLater, Unprocessable):
        for error in errors:
            if isinstance(error, kind):
                raise error
    return conflicts


def error_of(item: Mapping[str, Any]) -> TargetLost | RetryLater | Unprocessable:
    kind, reason = item["error"]["type"], item["error"].get("reason", "no reason given")
    message = f"Elasticsearch refuses document {item['_id']} ({item['status']} {kind}): {reason}"
    if item["status"] == HTTPStatus.NOT_FOUND:
        return TargetLost(message)
    # A closed index answers 400 too, and will be opened again.
    if item["status"] == HTTPStatus.BAD_REQUEST and kind != "index_closed_exception":
        return Unprocessable(message)
    return RetryLater(message)
