"""Search everything for a person: tables with log and dead letters, the stream, and what the groups have written."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any, NamedTuple

from django.apps import apps
from django.db import router
from django.db.models import Model
from django.utils.translation import gettext as _

from events.conf import conf
from events.exceptions import RetryLater, StreamUnavailable, TargetLost
from events.operations.forgetting import stream as streams
from events.operations.forgetting.columns import rows_with, text_columns
from events.personal_data import Person, Sighting, texts_in
from events.stream.interface import Stream
from events.subscriber import load_subscriber

SECRET = {"password", "digest", "secret", "key", "session_key", "session_data", "token"}
"""Columns that a report leaves out: they say nothing about a person, and open doors."""


class Searched(NamedTuple):
    """A place that was searched to its end: how much it has, and in how much of it the person is. Or why it was not."""

    place: str
    searched: int
    found: int
    problem: str = ""

    @property
    def is_clean(self) -> bool:
        return not (self.found or self.problem)


def sightings(person: Person, stream: Stream) -> Iterator[Sighting | Searched]:
    """Search place by place; a place that can't be searched now is a Searched with its problem."""
    for model in _tables():
        yield from _in_table(model, person)
    yield from _or_problem(_("stream"), streams.sightings(stream, person))
    for group in sorted(conf.subscribers):
        with closing(load_subscriber(group)) as subscriber:
            yield from _or_problem(_("what %(group)s has written") % {"group": group}, subscriber.sightings(person))


def prove(person: Person, stream: Stream) -> list[Searched]:
    """Search everything, and return what was found in each place."""
    places: dict[str, Searched] = {}
    for step in sightings(person, stream):
        if isinstance(step, Searched):
            places[step.place] = step
            continue
        before = places.get(step.place, Searched(step.place, 0, 0))
        searched, found = before.searched + step.searched, before.found + len(step.found)
        places[step.place] = before._replace(searched=searched, found=found)
    return list(places.values())


def _or_problem(place: str, steps: Iterable[Sighting]) -> Iterator[Sighting | Searched]:
    try:
        yield from steps
    except (RetryLater, StreamUnavailable, TargetLost) as error:
        yield Searched(place, 0, 0, str(error))


def _tables() -> list[type[Model]]:
    """Return all models that have a table with texts, by the table's name."""
    tables = {model._meta.db_table: model for model in apps.get_models() if model._meta.managed and text_columns(model)}
    return [tables[name] for name in sorted(tables)]


def _in_table(model: type[Model], person: Person) -> Iterator[Sighting]:
    place = _("table %(name)s") % {"name": model._meta.db_table}
    columns = text_columns(model)
    rows = model._base_manager.using(router.db_for_write(model))
    yield Sighting(place, rows.count())
    names = [field.attname for field in model._meta.concrete_fields]
    for row in rows_with(rows, columns, [person.identity]).values(*names).iterator():
        if any(person.occurs_in(text) for column in columns for text in texts_in(row[column])):
            yield Sighting(place, 0, [_shown(row)])


def _shown(row: dict[str, Any]) -> dict[str, object]:
    return {name: value for name, value in row.items() if name not in SECRET}
