"""Connect to Elasticsearch, and translate its errors.

Loading Elasticsearch's client takes a second, so this module imports it only when it is needed.
"""

from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from events.exceptions import RetryLater, TargetLost, Unprocessable
from events.processes.optional_packages import without_packages
from readmodel.conf import conf
from readmodel.exceptions import SearchRefused
from readmodel.server_url import ServerURL

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

type Client = Elasticsearch

REQUEST_TIMEOUT_SECONDS = 5
OTHER_HTTP_CLIENTS = ("httpx", "requests", "aiohttp")
"""Elasticsearch's client loads them for requests that it could send by them; ours go by urllib3."""
EXPENSIVE_QUERIES = "search.allow_expensive_queries"


class AlreadyExists(Unprocessable):
    """An index with this name exists already."""


def open_client(url: str, **options: Any) -> "Client":
    """Return a client that tries each node once, and none after a time-out; raise ImproperlyConfigured.

    Callers retry: retries of both would multiply the time-outs. `options` are passed on to the client.
    """
    load_client()
    from elasticsearch import Elasticsearch  # noqa: PLC0415 (see above)

    from readmodel.index.nodes import LeastBusy, ProbedNode, WatchedNode  # noqa: PLC0415 (see above)
    from readmodel.index.unparsed import UnparsedDocuments  # noqa: PLC0415 (see above)

    server = ServerURL.parse(url)
    server.check_files()
    return Elasticsearch(
        **server.client_options(),
        node_class=ProbedNode if len(server.nodes) > 1 else WatchedNode,
        node_selector_class=LeastBusy,
        serializer=UnparsedDocuments(),
        request_timeout=REQUEST_TIMEOUT_SECONDS,
        max_retries=len(server.nodes) - 1,
        retry_on_timeout=False,
        **options,
    )


@cache
def shared_client(url: str) -> "Client":
    """Return the client that all requests of this process share, with their guard against a hung server."""
    load_client()
    from readmodel.index.guarded_transport import GuardedTransport  # noqa: PLC0415 (see above)

    # A request that waits for a connection waits for all time-outs before it: each that may wait has a connection.
    return open_client(url, transport_class=GuardedTransport, connections_per_node=conf.max_waiting)


def load_client() -> None:
    """Load the client now, so that the first request does not wait for it."""
    with without_packages(*OTHER_HTTP_CLIENTS):
        import elasticsearch  # noqa: F401, PLC0415 (see above)


@contextmanager
def errors_translated() -> Generator[None]:
    """Raise RetryLater, TargetLost (404), Unprocessable (400, 413) or AlreadyExists for Elasticsearch's errors."""
    from elasticsearch import ApiError, TransportError  # noqa: PLC0415 (see above)

    try:
        yield
    except TransportError as error:
        # As text it is the kind of the error alone, such as "TLS error", if there was one attempt.
        cause = "" if str(error.message) in str(error) else f": {error.message}"
        raise RetryLater(f"Elasticsearch does not answer: {error}{cause}") from error
    except ApiError as error:
        if error.status_code == HTTPStatus.NOT_FOUND:
            raise TargetLost(f"the index is gone: {error}") from error
        if error.error == "resource_already_exists_exception":
            raise AlreadyExists(str(error)) from error
        refuse_if_not_allowed(error.body)
        if error.error == "index_closed_exception":
            raise RetryLater(f"Elasticsearch can't do this now: {error}") from error
        if error.status_code in {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}:
            raise Unprocessable(f"Elasticsearch refuses the request: {error}") from error
        raise RetryLater(f"Elasticsearch can't do this now: {error}") from error


def refuse_if_not_allowed(answer: object) -> None:
    """Raise SearchRefused if the answer says that the cluster allows no such query."""
    if EXPENSIVE_QUERIES in str(answer):
        raise SearchRefused


@contextmanager
def refusals_retried() -> Generator[None]:
    """Translate errors like errors_translated(), but raise RetryLater for a refused request.

    A refused read, for example from a closed index, is not the fault of a document.
    """
    try:
        with errors_translated():
            yield
    except Unprocessable as error:
        raise RetryLater(str(error)) from error
