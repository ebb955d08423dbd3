"""What Elasticsearch's errors mean to whoever writes or searches."""

from collections.abc import Generator
from contextlib import contextmanager
from http import HTTPStatus

from elasticsearch import ApiError, TransportError

from events.exceptions import RetryLater, TargetLost, Unprocessable


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
