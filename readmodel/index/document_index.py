"""Search the index behind an alias.

In:   requests in Elasticsearch's query language.
Out:  its answers.
Next: readmodel/tickets/search/search.py
"""

from collections.abc import Mapping, Sequence
from functools import cache
from http import HTTPStatus
from typing import Any, NamedTuple

from events import tracing
from events.exceptions import RetryLater, TargetLost
from events.tracing import Kind
from readmodel.conf import conf
from readmodel.exceptions import PointInTimeLost
from readmodel.index.aliases import Indices
from readmodel.index.bulk import expect_all_shards
from readmodel.index.client import Client, errors_translated, open_client, refuse_if_not_allowed, shared_client
from readmodel.index.copies import Copies
from readmodel.index.documents import Documents
from readmodel.index.notes import Target
from readmodel.projection import Projection


class Searched(NamedTuple):
    """The index behind the alias, and whether its shards have several copies."""

    target: Target
    is_replicated: bool


class DocumentIndex:
    """The index behind a projection's alias. Every method raises RetryLater if Elasticsearch can't answer now."""

    def __init__(self, client: Client, projection: Projection) -> None:
        self._client = client
        self._alias = projection.alias
        self.projection = projection
        self.indices = Indices(self._client, projection)
        self._copies = Copies()

    def documents(self, target: Target) -> Documents:
        """Return the documents of one of the kept indices."""
        return Documents(self._client, self.projection, target)

    def kept(self) -> list[Documents]:
        """Return the documents of each kept index, the searched one first."""
        return [self.documents(target) for target in self.indices.kept()]

    def stored_version(self, document_id: str) -> int | None:
        """Return the document's version, or None if there is no document; raise TargetLost if there is no index.

        This needs no refresh.
        """
        with errors_translated():
            answer = self._client.options(ignore_status=404).get(index=self._alias, id=document_id, source=False)
            if "found" not in answer:
                raise self._lost()
            return answer["_version"] if answer["found"] else None

    def searched(self) -> Searched:
        """Return the index behind the alias, in one small request; raise TargetLost if there is none."""
        with errors_translated():
            found = self._client.indices.get_settings(
                index=self._alias, name="index.uuid,index.number_of_replicas", filter_path="*.settings.index"
            )
        if len(found.body) != 1:
            raise self._lost()
        [(name, described)] = found.body.items()
        settings = described["settings"]["index"]
        return Searched(Target(name, settings["uuid"]), settings["number_of_replicas"] != "0")

    def search(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the answer to a search request; raise TargetLost if there is no index.

        A request with a point in time raises PointInTimeLost once Elasticsearch no longer keeps it.
        """
        has_point_in_time = "pit" in request
        # A point in time belongs to an index, and to copies of its shards, already.
        where: dict[str, Any] = (
            {} if has_point_in_time else {"index": self._alias, "preference": self._copies.of(request)}
        )
        try:
            with tracing.span("search", kind=Kind.CLIENT, index=self._alias), self._copies.watched():
                answer = self._client.search(**where, allow_partial_search_results=False, body=dict(request))
        except TargetLost as error:
            if has_point_in_time:
                raise PointInTimeLost(f"Elasticsearch no longer keeps the point in time: {error}") from error
            raise self._lost() from error
        return answer.body  # type: ignore[no-any-return]

    def search_many(self, requests: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
        """Return the answers to several searches, sent as one request; raise TargetLost if there is no index."""
        lines = [line for request in requests for line in ({"index": self._alias}, request)]
        with errors_translated():
            answers = self._client.msearch(searches=lines)["responses"]
        for failed in (answer for answer in answers if "error" in answer):
            if failed["status"] == HTTPStatus.NOT_FOUND:
                raise self._lost()
            refuse_if_not_allowed(failed)
            raise RetryLater(f"Elasticsearch can't search now: {failed['error'].get('reason')}")
        for answer in answers:
            expect_all_shards(answer)
        return answers  # type: ignore[no-any-return]

    def open_point_in_time(self, keep_alive: str) -> str:
        """Keep the index's current state for searches, and return its id; raise TargetLost if there is no index."""
        try:
            with errors_translated():
                return self._client.open_point_in_time(index=self._alias, keep_alive=keep_alive)["id"]  # type: ignore[no-any-return]
        except TargetLost as error:
            raise self._lost() from error

    def close_point_in_time(self, point_in_time: str) -> None:
        with errors_translated():
            self._client.options(ignore_status=404).close_point_in_time(id=point_in_time)

    def close(self) -> None:
        self._client.close()

    def _lost(self) -> TargetLost:
        return TargetLost(f"there is no index {self._alias!r}: `manage.py consume_events readmodel` creates it")


def connect(projection: type[Projection]) -> DocumentIndex:
    """Return the projection's index with its own client; the caller closes it."""
    return DocumentIndex(open_client(conf.url), projection())


def shared_index(projection: type[Projection]) -> DocumentIndex:
    """Return the projection's index with the client that all threads of this process share."""
    return _shared(conf.url, projection().alias, projection)


@cache
def _shared(url: str, _alias: str, projection: type[Projection]) -> DocumentIndex:
    return DocumentIndex(shared_client(url), projection())
