"""Choose what a shown ticket has: some of its members, and other tickets in the place of their ids.

A ticket names the one that it replaces, and its replacement. `expand=replaces.replaces` answers the ticket before that
one too.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Self

from tickets.models import Ticket
from tickets.models.queries import TicketQuerySet

NAMES = (
    "id",
    "code",
    "title",
    "venue",
    "starts_at",
    "time_zone",
    "seat",
    "holder_name",
    "holder_email",
    "price",
    "currency",
    "status",
    "replaces",
    "replacement",
    "version",
    "created_at",
    "updated_at",
)
LINKS = ("replacement", "replaces")
EXPANSIONS = (*LINKS, *(f"{first}.{second}" for first in LINKS for second in LINKS))

type Tree = Mapping[str, "Tree"]


class Representation(NamedTuple):
    """The members to show, all if none are named, and the links to follow."""

    names: Collection[str] = ()
    expanded: Tree = {}

    @classmethod
    def chosen_by(cls, parameters: Mapping[str, Any]) -> Self:
        return cls(parameters["fields"], _tree(parameters["expand"]))

    def select(self, tickets: TicketQuerySet) -> TicketQuerySet:
        """Read the tickets with all that is shown of others by one query; each one's replacement is shown by its id."""
        return tickets.select_related(*_paths(self.expanded))

    def tickets_in(self, ticket: Ticket) -> Iterable[Ticket]:
        """Return the ticket and the expanded ones."""
        return _shown(ticket, self.expanded)


def linked(ticket: Ticket, name: str) -> Ticket | None:
    """Return the ticket that is replaced, or the replacement."""
    found: Ticket | None = getattr(ticket, name, None)
    return found


def _tree(paths: Sequence[str]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path in sorted(paths):
        level = tree
        for name in path.split("."):
            level = level.setdefault(name, {})
    return tree


def _paths(tree: Tree) -> Iterable[str]:
    yield "replacement"
    for name, below in tree.items():
        yield from (f"{name}__{path}" for path in _paths(below))


def _shown(ticket: Ticket, tree: Tree) -> Iterable[Ticket]:
    yield ticket
    for name, below in tree.items():
        if other := linked(ticket, name):
            yield from _shown(other, below)
