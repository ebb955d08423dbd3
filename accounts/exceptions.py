"""Why a log-in is not even tried; its type decides the answer."""

from http import HTTPStatus


class NotTried(Exception):
    """The password was not looked at; try again after some seconds."""

    status = HTTPStatus.SERVICE_UNAVAILABLE

    def __init__(self, seconds: int) -> None:
        super().__init__(f"try again in {seconds} s")
        self.seconds = seconds


class LockedOut(NotTried):
    """Too many wrong passwords for the account, or from the address."""

    status = HTTPStatus.TOO_MANY_REQUESTS


class TooBusy(NotTried):
    """As many passwords are hashed now as the process may hash at once."""
