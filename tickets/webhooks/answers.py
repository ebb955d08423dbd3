"""Tell by the answer to a webhook what becomes of it; the type of the exception is the policy."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpx

from events.exceptions import RetryLater, Unprocessable

QUOTED_CHARACTERS = 200
LONGEST_PAUSE_SECONDS = 3600.0
"""A receiver that asks for a longer pause is asked again after this."""

PASSING = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
UNABLE = {
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}


class ReceiverUnable(RetryLater):
    """The receiver can take no message at all for now, whatever the message is."""


def refusal(response: httpx.Response, beginning: str) -> RetryLater | Unprocessable | None:
    """Return why a message was not taken, with the answer's first characters; None if it was taken."""
    if response.is_success:
        return None
    # As a literal: an answer must neither forge lines of the log nor bring NUL, which PostgreSQL takes in no text.
    said = f"{response.url.host} answered {response.status_code}: {beginning[:QUOTED_CHARACTERS]!r}"
    if response.status_code in UNABLE:
        return ReceiverUnable(said, retry_after_seconds=_wait_seconds(response.headers.get("Retry-After", "")))
    if response.is_client_error and response.status_code not in PASSING:
        return Unprocessable(said)
    return RetryLater(said, retry_after_seconds=_wait_seconds(response.headers.get("Retry-After", "")))


def _wait_seconds(retry_after: str) -> float:
    """Return how long the receiver wants to be left alone; 0 if it does not say, or not so that it can be read."""
    if retry_after.isdecimal():
        seconds = float(retry_after)
    else:
        try:
            date = parsedate_to_datetime(retry_after)
        except ValueError:
            return 0
        seconds = (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return min(max(seconds, 0), LONGEST_PAUSE_SECONDS)
