"""Keep the tickets' documents in Elasticsearch; only readmodel/documents.py speaks to it too.

In:   documents with their versions.
Out:  the index behind the alias, which holds the newest version of each.
Next: readmodel/search.py
"""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from http import HTTPStatus
from typing import Any

import msgspec
from django.conf import settings
from elasticsearch import ApiError, BadRequestError, Elasticsearch, NotFoundError, TransportError

from events.exceptions import RetryLater, TargetLost, Unprocessable
from readmodel.bulk import results_of, to_ndjson
from readmodel.exceptions import PointInTimeLost
from readmodel.mapping import MAPPINGS, template_for
from readmodel.projections import VersionedDocument

REQUEST_TIMEOUT_SECONDS = 5
BULK_TIMEOUT_SECONDS = 30


class Target(msgspec.Struct, frozen=True):
    """A concrete index: its name, and the UUID that no other index has, not even a later one of that name."""

    name: str
    uuid: str


class TicketIndex:
    """The index behind an alias. Every method raises RetryLater if Elasticsearch can't answer now."""

    def __init__(self, url: str, alias: str) -> None:
        # The callers decide what to try again and when; the client's own retries would multiply the time-outs.
        self._client = Elasticsearch(
            url, request_timeout=REQUEST_TIMEOUT_SECONDS, max_retries=0, retry_on_timeout=False
        )
        self._alias = alias

    @property
    def client(self) -> Elasticsearch:
        """For readmodel/documents.py, which looks into the documents of one index."""
        return self._client

    def ensure(self) -> Target:
        """Return the index behind the alias; make it if there is none. Any number of processes may do so at once."""
        try:
            with errors_translated():
                self._client.indices.put_index_template(name=self._alias, **template_for(self._alias))
                target = self._find() or self._create()
                self._complete_mapping(target)
                return target
        except (TargetLost, Unprocessable) as error:
            # A hand at work beside us, or one that has to help: to go on trying mends the one and tells of the other.
            raise RetryLater(str(error)) from error

    def find_searched(self) -> Target:
        """Return the index that is searched; make none, but raise TargetLost if there is none."""
        with errors_translated():
            if found := self._find():
                return found
            raise self._lost()

    def check(self, target: Target) -> None:
        """Raise TargetLost if the target is not behind the alias any more: deleted, or made anew under its name."""
        with errors_translated():
            if self._find() != target:
                raise TargetLost(f"{self._alias!r} is not {target.name} ({target.uuid}) any more")

    def write(self, target: Target, documents: Sequence[VersionedDocument]) -> Mapping[str, RetryLater | Unprocessable]:
        """Store each document unless its version, or a newer one, is stored already; return why others were not.

        Raise TargetLost if there is no index of the target's name. That it is the same index, `check` tells.
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

    def replace(self) -> None:
        """Put an empty index behind the alias, under the next number, and delete the one that was there, if any.

        In one step, and under a name that was never used: a late write to the old one must not end in the new one.
        """
        with errors_translated():
            if old := self._find():
                name = f"{self._alias}-{int(old.name.rpartition('-')[2]) + 1:06}"
                self._client.indices.create(index=name)
                added = {"add": {"index": name, "alias": self._alias}}
                self._client.indices.update_aliases(actions=[added, {"remove_index": {"index": old.name}}])

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
        """Keep the tickets as they are now; return the id to search them with; raise TargetLost if there is no index."""
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

    def _find(self) -> Target | None:
        try:
            found = self._client.indices.get(index=self._alias, features="settings").body
        except NotFoundError:
            return None
        if self._alias in found or len(found) != 1:
            names = ", ".join(sorted(found))
            raise RetryLater(
                f"{self._alias!r} must be the alias of one index, but it is {names}: delete or rename that"
            )
        [(name, description)] = found.items()
        return Target(name, description["settings"]["index"]["uuid"])

    def _create(self) -> Target:
        name = f"{self._alias}-000001"
        try:
            self._client.indices.create(index=name, aliases={self._alias: {}})
        except BadRequestError as error:
            if error.error != "resource_already_exists_exception":
                raise
            # Another process was faster, which makes this a repetition, or the index has lost its alias.
            self._client.indices.put_alias(index=name, name=self._alias)
        created = self._find()
        if created is None:
            raise TargetLost(f"{name} was deleted as soon as it was made")
        return created

    def _complete_mapping(self, target: Target) -> None:
        """Add the fields that this release has and the index has not; a release that lacks some changes nothing."""
        try:
            self._client.indices.put_mapping(index=target.name, **MAPPINGS)
        except BadRequestError as error:
            raise RetryLater(
                f"{target.name} can't take this release's mapping: delete it, and the log fills a new one; {error}"
            ) from error

    def _disproved(self, target: Target, documents: Sequence[VersionedDocument]) -> dict[str, RetryLater]:
        """Believe a conflict only if the stored version says so, and return the others; a GET is real time."""
        answer = self._client.mget(index=target.name, ids=[document.id for document in documents], source=False)
        stored = {found["_id"]: found.get("_version", -1) for found in answer["docs"]}
        return {
            document.id: RetryLater(
                f"Elasticsearch refuses version {document.version} of {document.id} for a newer one, but holds "
                f"{stored[document.id]}; after a deletion by hand that passes at once"
            )
            for document in documents
            if stored[document.id] < document.version
        }


@contextmanager
def errors_translated() -> Generator[None]:
    try:
        yield
    except TransportError as error:
        raise RetryLater(f"Elasticsearch does not answer: {error}") from error
    except ApiError as error:
        if error.status_code == HTTPStatus.NOT_FOUND:
            raise TargetLost(f"the index is gone: {error}") from error
        if error.status_code in {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}:
            raise Unprocessable(f"Elasticsearch refuses the request: {error}") from error
        raise RetryLater(f"Elasticsearch can't do this now: {error}") from error


def connect() -> TicketIndex:
    """Return the index that the settings name, with a client of its own: the caller closes it."""
    return TicketIndex(settings.ELASTICSEARCH_URL, settings.READMODEL_ALIAS)


def shared_index() -> TicketIndex:
    """Return the index that the settings name, with the client that all threads of this process share."""
    return _shared(settings.ELASTICSEARCH_URL, settings.READMODEL_ALIAS)


_shared = cache(TicketIndex)
