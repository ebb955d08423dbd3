"""Define why a change of a ticket is refused. Nothing has changed when one of these is raised."""


class TicketError(Exception):
    """A ticket could not be changed."""

    def __init__(self, message: str | None = None, *, outline: str = "") -> None:
        """`outline` says the same without what only those who may see the ticket may know."""
        super().__init__(message or (self.__doc__ or "").strip())
        self.outline = outline or (self.__doc__ or "").strip()


class TransitionRefused(TicketError):
    """The ticket's status does not allow this change."""


class ConcurrentChange(TicketError):
    """Somebody else has changed the ticket since it was read: read it again, then decide again."""


class DeletionRefused(TicketError):
    """Tickets are never deleted: cancel the ticket with cancel()."""
