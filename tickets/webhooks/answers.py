"""Decide by the answer to a webhook whether to retry it or to park it; the exception's type is the policy."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpx

from events.exceptions import RetryLater, Unprocessable

QUOTED_CHARACTERS = 200
LONGEST_RETRY_AFTER_SECONDS = 3600.0
"""The longest pause that a receiver can ask for."""

RETRIABLE = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
UNABLE = {
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}


class ReceiverUnable(RetryLater):
    """The receiver can't take any message at the moment."""


def refusal(response: httpx.Response, beginning: str) -> RetryLater | Unprocessable | None:
    """Return why a message was refused, with the beginning of the answer; None if it was accepted."""
    if response.is_success:
        return None
    # repr: an answer must not forge log lines, and PostgreSQL stores no NUL.
    reason = f"{response.url.host} answered {response.status_code}: {beginning[:QUOTED_CHARACTERS]!r}"
    if response.status_code in UNABLE:
        return ReceiverUnable(reason, retry_after_seconds=_wait_seconds(response.headers.get("Retry-After", "")))
    if response.is_client_error and response.status_code not in RETRIABLE:
        return Unprocessable(reason)
    return RetryLater(reason, retry_after_seconds=_wait_seconds(response.headers.get("Retry-After", "")))


def _wait_seconds(retry_after: str) -> float:
    """Return how long the receiver asks to pause; 0 if the header is missing or can't be read."""
    if retry_after.isdecimal():
        seconds = float(retry_after)
    else:
        try:
            date = parsedate_to_datetime(retry_after)
        except (ValueError, OverflowError):
            return 0
        seconds = (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return min(max(seconds, 0), LONGEST_RETRY_AFTER_SECONDS)
