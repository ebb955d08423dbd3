"""Define why a change of a ticket is refused. Nothing has changed when one of these is raised."""

from collections.abc import Mapping
from datetime import UTC, datetime

from django.utils.translation import gettext


class TicketError(Exception):
    """A ticket could not be changed."""

    kind = ""
    """The last part of the type of the REST interface's problem."""
    facts: Mapping[str, str | None] = {}
    """What a program needs to know of it, by name; nothing personal."""

    def __init__(self, message: str | None = None, *, outline: str = "") -> None:
        """`outline` says the same without what only those who may see the ticket may know."""
        super().__init__(message or self.in_general())
        self.outline = outline or self.in_general()

    @classmethod
    def in_general(cls) -> str:
        """Return the class's docstring in the language of the reader; `make messages` collects those of this module."""
        return gettext(str(cls.__doc__))


class TransitionRefused(TicketError):
    """The ticket's status does not allow this change."""

    kind = "transition-refused"


class AlreadyCheckedIn(TransitionRefused):
    """The ticket was checked in before."""

    kind = "already-checked-in"

    def __init__(self, message: str, *, outline: str, at: datetime | None, device: str) -> None:
        super().__init__(message, outline=outline)
        self.facts = {"checked_in_at": _written(at), "device": device}


class AlreadyCanceled(TransitionRefused):
    """The ticket is canceled, so nobody can be let in with it."""

    kind = "already-canceled"

    def __init__(self, message: str, *, outline: str, at: datetime) -> None:
        super().__init__(message, outline=outline)
        self.facts = {"canceled_at": _written(at)}


class NonceReused(TicketError):
    """The device has reported the check-in of another ticket under this nonce: make a new one for each."""

    kind = "nonce-reused"


class UnknownCode(TicketError):
    """There is no ticket with this code."""

    kind = "unknown-code"


class NotGenuine(TicketError):
    """This QR code was not made by this service, or its key is no longer known. Type the ticket's code."""

    kind = "qr-not-genuine"


class ConcurrentChange(TicketError):
    """Somebody else has changed the ticket since it was read: read it again, then decide again."""

    kind = "concurrent-change"


class DeletionRefused(TicketError):
    """Tickets are never deleted: cancel the ticket with cancel()."""


def _written(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at else None
