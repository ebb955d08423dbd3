"""Judge the answer to a webhook; the exception's type decides what follows, see tickets/webhooks/patience.py."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpx

from events.exceptions import RetryLater, Unprocessable

QUOTED_CHARACTERS = 200
LONGEST_RETRY_AFTER_SECONDS = 3600.0
"""The longest pause that a receiver can ask for."""

RETRIABLE = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
OFTEN_PASSING = {
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.PAYMENT_REQUIRED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED,
    HTTPStatus.PROXY_AUTHENTICATION_REQUIRED,
    HTTPStatus.MISDIRECTED_REQUEST,
}
"""Client errors of a receiver that is being deployed, or whose address or secret has just been changed."""


class ReceiverFails(RetryLater):
    """The receiver did not take the message, which is no fault of the message."""

    def __init__(self, message: str, *, status: int | None = None, retry_after_seconds: float = 0) -> None:
        """`status` is None if there was no answer."""
        super().__init__(message, retry_after_seconds=retry_after_seconds)
        self.status = status


class ReceiverRefuses(ReceiverFails):
    """The receiver refused the message: it may be deployed, or wrongly configured, or not want this message."""


class ReceiverGone(ReceiverFails):
    """The receiver answered 410: it wants no more messages."""


class MessageRefused(Unprocessable):
    """The receiver will never take this message."""

    def __init__(self, message: str, *, status: int | None) -> None:
        super().__init__(message)
        self.status = status


type Failure = ReceiverFails | MessageRefused


def failure_of(response: httpx.Response, beginning: str) -> Failure | None:
    """Return why a message was not taken, with the beginning of the answer; None if it was."""
    if response.is_success:
        return None
    status = response.status_code
    # repr: an answer must not forge log lines, and PostgreSQL stores no NUL.
    reason = f"{response.url.host} answered {status}: {beginning[:QUOTED_CHARACTERS]!r}"
    if status == HTTPStatus.GONE:
        return ReceiverGone(reason, status=status)
    if status in OFTEN_PASSING:
        return ReceiverRefuses(reason, status=status)
    if response.is_client_error and status not in RETRIABLE:
        return MessageRefused(reason, status=status)
    wait_seconds = _wait_seconds(response.headers.get("Retry-After", ""))
    return ReceiverFails(reason, status=status, retry_after_seconds=wait_seconds)


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
