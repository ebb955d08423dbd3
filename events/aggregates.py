"""The base class of aggregates, which EVENTS_AGGREGATES names: their tables are compared with the log.

A project whose events are about persons overrides the second half of the methods too: forget_person and person_report
call them.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping

from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.utils.module_loading import import_string

from events import database
from events.conf import conf
from events.event import Event
from events.personal_data import Leftover, Person


class Aggregate[Row: Model](ABC):
    """The table of one aggregate type. The subject of an event is the row's primary key, as text."""

    version_field = "version"
    """The column with the row's version, which equals that of its newest event."""

    @abstractmethod
    def rows(self) -> QuerySet[Row]:
        """Return all rows, together with the related rows that `state_of` reads."""

    @abstractmethod
    def state_of(self, row: Row) -> Mapping[str, object]:
        """Return the row's state by field names, as an event recorded now would have it."""

    @abstractmethod
    def state_in(self, event: Event) -> Mapping[str, object]:
        """Return the state in an event of this aggregate, by the same field names."""

    @abstractmethod
    def correction(self, row: Row) -> Event:
        """Return an event that corrects the log: it carries the row's state as it is."""

    def identity_of(self, key: str) -> str:  # noqa: ARG002 (not all aggregates are about persons)
        """Return the identity of the person whom the aggregate with this id, or other name, is about; "" for none."""
        return ""

    def rows_of(self, person: Person) -> QuerySet[Row]:  # noqa: ARG002
        """Return the rows that are about the person now; what they were before is found in the log."""
        return self.rows().none()

    def redact(self, row: Row, person: Person) -> Collection[str]:  # noqa: ARG002
        """Remove the person from the row, without saving it, and return the names of the columns that changed."""
        return ()

    def redaction(self, row: Row) -> Event:
        """Return the event that tells readers to forget a person: it carries the row's state as it is now."""
        return self.correction(row)

    def belongings(self, row: Row) -> Mapping[str, object]:  # noqa: ARG002
        """Return what other tables have about the row's person, for person_report."""
        return {}

    def leftovers(self) -> Iterable[Leftover]:
        """Name the places near the table in which data of a forgotten person may stay for a while."""
        return ()


def database_of(aggregate: Aggregate[Model]) -> str:
    """Return the alias of the database in which the rows are written."""
    return aggregate.rows().select_for_update().db


def rows_in_database[Row: Model](aggregate: Aggregate[Row]) -> QuerySet[Row]:
    """Return all rows from the database of the log: a router may read them from a replica, which is out of date."""
    return aggregate.rows().using(database.alias())


def key_of(aggregate: Aggregate[Model], subject: str) -> object:
    """Return the primary key of the aggregate with this id; None if no row can have it."""
    try:
        return aggregate.rows().model._meta.pk.to_python(subject)
    except ValidationError:
        return None


def locked_rows[Row: Model](aggregate: Aggregate[Row], keys: Collection[object]) -> list[Row]:
    """Lock and return the rows with these primary keys, in their order."""
    rows = rows_in_database(aggregate).filter(pk__in=keys).order_by("pk")
    # Two statements: the first waits for the locks; the second then reads rows and joined rows of the same age.
    list(rows.select_related(None).select_for_update(no_key=True))
    return list(rows)


def load_aggregates() -> dict[str, Aggregate[Model]]:
    """Return the declared aggregates by their types."""
    return {name: import_string(path)() for name, path in conf.aggregates.items()}
