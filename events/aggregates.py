"""The base class of aggregates, which EVENTS_AGGREGATES names: verify_log compares their tables with the log."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from django.db.models import Model, QuerySet
from django.utils.module_loading import import_string

from events.conf import conf
from events.event import Event


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


def database_of(aggregate: Aggregate[Model]) -> str:
    """Return the alias of the database in which the rows are written."""
    return aggregate.rows().select_for_update().db


def load_aggregates() -> dict[str, Aggregate[Model]]:
    """Return the declared aggregates by their types."""
    return {name: import_string(path)() for name, path in conf.aggregates.items()}
