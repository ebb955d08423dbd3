"""Keep the tickets' documents in Elasticsearch; only readmodel/index/stored_documents.py speaks to it too.

In:   documents with their versions.
Out:  the index behind the alias, which holds the newest version of each.
Next: readmodel/search/search.py
"""

from collections.abc import Mapping, Sequence
from functools import cache
from http import HTTPStatus
from typing import Any

from django.conf import settings
from elasticsearch import Elasticsearch, NotFoundError

from events.exceptions import RetryLater, TargetLost, Unprocessable
from readmodel.exceptions import PointInTimeLost
from readmodel.index.aliases import Indices, Target
from readmodel.index.bulk import disproof_of, expect_read, results_of, to_ndjson
from readmodel.index.errors import errors_translated
from readmodel.projections.definitions import DEFINITIONS, TICKETS, Definition
from readmodel.projections.tickets import VersionedDocument

REQUEST_TIMEOUT_SECONDS = 5
BULK_TIMEOUT_SECONDS = 30


class DocumentIndex:
    """The index behind an alias. Every method raises RetryLater if Elasticsearch can't answer now."""

    def __init__(self, url: str, definition: Definition = TICKETS) -> None:
        # The callers decide what to try again and when; the client's own retries would multiply the time-outs.
        self._client = Elasticsearch(
            url, request_timeout=REQUEST_TIMEOUT_SECONDS, max_retries=0, retry_on_timeout=False
        )
        self.indices = Indices(self._client, definition)
        self._alias = definition.alias

    @property
    def client(self) -> Elasticsearch:
        """For readmodel/index/stored_documents.py, which looks into the documents of one index."""
        return self._client

    def write(self, target: Target, documents: Sequence[VersionedDocument]) -> Mapping[str, RetryLater | Unprocessable]:
        """Store each document unless its version, or a newer one, is stored already; return why others were not.

        LiftedByHand is returned for those whose stored version is not that of what is stored.

        Raise TargetLost if there is no index of the target's name. That it is the same index, `Indices.kept` tells.
        """
        with errors_translated():
            answer = self._client.options(request_timeout=BULK_TIMEOUT_SECONDS).bulk(
                index=target.name,
                operations=to_ndjson(documents),  # type: ignore[arg-type]  # the client sends bytes as they are
                timeout=f"{REQUEST_TIMEOUT_SECONDS}s",
                filter_path=["items.index._id", "items.index.status", "items.index.error"],
            )
            conflicts, failures = results_of(answer["items"])
            if not conflicts:
                return failures
            return {
                **failures,
                **self._disproved(target, [document for document in documents if document.id in conflicts]),
            }

    def stored_version(self, document_id: str) -> int | None:
        """Return the document's version, in real time, None if there is none; raise TargetLost if there is no index."""
        with errors_translated():
            answer = self._client.options(ignore_status=404).get(index=self._alias, id=document_id, source=False)
            if "found" not in answer:
                raise TargetLost(f"there is no index {self._alias!r}")
            return answer["_version"] if answer["found"] else None

    def searched(self) -> Target:
        """Return the index that the alias names at this moment, in one small request; raise TargetLost without one."""
        with errors_translated():
            found = self._client.indices.get_settings(
                index=self._alias, name="index.uuid", filter_path="*.settings.index.uuid"
            )
        if len(found.body) != 1:
            raise self._lost()
        [(name, described)] = found.body.items()
        return Target(name, described["settings"]["index"]["uuid"])

    def versions(self, target: Target, ids: Sequence[str]) -> Mapping[str, int]:
        """Return the versions of those documents that exist, in real time; raise TargetLost if the index is gone."""
        with errors_translated():
            answer = self._client.mget(
                index=target.name,
                ids=ids,
                source=False,
                filter_path=["docs._id", "docs._version", "docs.error.reason"],
            )
        if any("error" in document for document in answer["docs"]):
            raise TargetLost(f"{target.name} is gone")
        return {document["_id"]: document["_version"] for document in answer["docs"] if "_version" in document}

    def refresh(self, target: Target) -> None:
        """Let searches see all that was written before; raise TargetLost if the index is gone."""
        with errors_translated():
            self._client.indices.refresh(index=target.name)

    def search(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the answer to a search request; raise TargetLost if there is no index.

        A request with a point in time raises PointInTimeLost once that is not kept any more.
        """
        index = None if "pit" in request else self._alias  # the point in time is of an index already
        with errors_translated():
            try:
                answer = self._client.search(index=index, allow_partial_search_results=False, body=dict(request))
            except NotFoundError as error:
                if "pit" in request:
                    raise PointInTimeLost(f"The point in time is not kept any more: {error}") from error
                raise self._lost() from error
            return answer.body  # type: ignore[no-any-return]

    def search_many(self, requests: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
        """Return the answers to several search requests, made at once; raise TargetLost if there is no index."""
        lines = [line for request in requests for line in ({"index": self._alias}, request)]
        with errors_translated():
            answers = self._client.msearch(searches=lines)["responses"]
        for failed in (answer for answer in answers if "error" in answer):
            if failed["status"] == HTTPStatus.NOT_FOUND:
                raise self._lost()
            raise RetryLater(f"Elasticsearch can't search now: {failed['error'].get('reason')}")
        return answers  # type: ignore[no-any-return]

    def open_point_in_time(self, keep_alive: str) -> str:
        """Keep the tickets as they are now; return the id to search them by; raise TargetLost if there is no index."""
        with errors_translated():
            try:
                return self._client.open_point_in_time(index=self._alias, keep_alive=keep_alive)["id"]  # type: ignore[no-any-return]
            except NotFoundError as error:
                raise self._lost() from error

    def close_point_in_time(self, point_in_time: str) -> None:
        with errors_translated():
            self._client.options(ignore_status=404).close_point_in_time(id=point_in_time)

    def _lost(self) -> TargetLost:
        return TargetLost(f"there is no index {self._alias!r}: `manage.py consume_events readmodel` makes and fills it")

    def close(self) -> None:
        self._client.close()

    def _disproved(self, target: Target, documents: Sequence[VersionedDocument]) -> dict[str, RetryLater]:
        """Believe a conflict only if the stored document bears it out, and return the others; a GET is real time."""
        answers = self._client.mget(index=target.name, ids=[document.id for document in documents])["docs"]
        expect_read(answers)
        stored = {answer["_id"]: answer for answer in answers}
        disproved = {document.id: disproof_of(document, stored[document.id]) for document in documents}
        return {key: error for key, error in disproved.items() if error}


def connect(definition: Definition = TICKETS) -> DocumentIndex:
    """Return the index of the definition, with a client of its own: the caller closes it."""
    return DocumentIndex(settings.ELASTICSEARCH_URL, definition)


def shared_index(definition: Definition = TICKETS) -> DocumentIndex:
    """Return the index of the definition, with the client that all threads of this process share."""
    return _shared(settings.ELASTICSEARCH_URL, definition.alias, definition.name)


@cache
def _shared(url: str, _alias: str, name: str) -> DocumentIndex:
    return DocumentIndex(url, DEFINITIONS[name])
