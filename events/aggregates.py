"""What an aggregate type declares, in the setting EVENTS_AGGREGATES, so that its table can be compared with the log."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from django.db.models import Model, QuerySet
from django.utils.module_loading import import_string

from events.conf import conf
from events.event import Event


class Aggregate[Row: Model](ABC):
    """The table of one aggregate type. The subject of an event is the row's primary key, as text."""

    version_field = "version"
    """The column with the row's version, which its newest event carries too."""

    @abstractmethod
    def rows(self) -> QuerySet[Row]:
        """Return all rows, with whatever else `state_of` reads of them."""

    @abstractmethod
    def state_of(self, row: Row) -> Mapping[str, object]:
        """Return the row as an event of now would tell it, by names."""

    @abstractmethod
    def state_in(self, event: Event) -> Mapping[str, object]:
        """Return the state that an event of this type carries, under the same names."""

    @abstractmethod
    def correction(self, row: Row) -> Event:
        """Return an event that says that the row is as it is, against what the log told so far."""


def load_aggregates() -> dict[str, Aggregate[Model]]:
    """Return the declared aggregates by their types."""
    return {name: import_string(path)() for name, path in conf.aggregates.items()}
