"""Why a change of a ticket did not come about; nothing was changed where one of these is raised."""


class TicketError(Exception):
    """A ticket could not be changed."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class TransitionRefused(TicketError):
    """The ticket's status allows no such change."""


class ConcurrentChange(TicketError):
    """Somebody else changed the ticket since it was read: read it again, and decide anew."""


class DeletionRefused(TicketError):
    """Tickets are cancelled, never deleted: call cancel()."""
