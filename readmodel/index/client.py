"""Connect to Elasticsearch, and translate its errors.

Loading Elasticsearch's client takes a second, so this module imports it only when it is needed.
"""

from collections.abc import Generator
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

from events.exceptions import RetryLater, TargetLost, Unprocessable

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

type Client = Elasticsearch

REQUEST_TIMEOUT_SECONDS = 5


class AlreadyExists(Unprocessable):
    """An index with this name exists already."""


def open_client(url: str) -> "Client":
    """Return a client that does not retry: callers retry, and retries of both would multiply the time-outs."""
    from elasticsearch import Elasticsearch  # noqa: PLC0415 (see above)

    return Elasticsearch(url, request_timeout=REQUEST_TIMEOUT_SECONDS, max_retries=0, retry_on_timeout=False)


def load_client() -> None:
    """Load the client now, so that the first request does not wait for it."""
    import elasticsearch  # noqa: F401, PLC0415 (see above)


@contextmanager
def errors_translated() -> Generator[None]:
    """Raise RetryLater, TargetLost (404), Unprocessable (400, 413) or AlreadyExists for Elasticsearch's errors."""
    from elasticsearch import ApiError, TransportError  # noqa: PLC0415 (see above)

    try:
        yield
    except TransportError as error:
        raise RetryLater(f"Elasticsearch does not answer: {error}") from error
    except ApiError as error:
        if error.status_code == HTTPStatus.NOT_FOUND:
            raise TargetLost(f"the index is gone: {error}") from error
        if error.error == "resource_already_exists_exception":
            raise AlreadyExists(str(error)) from error
        if error.status_code in {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}:
            raise Unprocessable(f"Elasticsearch refuses the request: {error}") from error
        raise RetryLater(f"Elasticsearch can't do this now: {error}") from error


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
