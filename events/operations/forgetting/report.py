"""Collect all that is stored about a person, as an answer to who asks for it (access export)."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import msgspec
from django.utils import timezone

from events import database
from events.aggregates import load_aggregates
from events.operations.forgetting.search import Searched, sightings
from events.personal_data import Person
from events.stream.interface import Stream

JSON_COLUMNS = ("data", "edited_data")


class Report(msgspec.Struct, frozen=True):
    """What is stored about a person: by place, and what belongs to their aggregates in other tables."""

    person: str
    as_of: str
    places: Mapping[str, list[Mapping[str, Any]]]
    belongings: Mapping[str, list[Mapping[str, Any]]]
    not_searched: Mapping[str, str]

    @property
    def count(self) -> int:
        return sum(map(len, self.places.values()))


def report(person: Person, stream: Stream) -> Report:
    """Search everything, and return what has the person's identity."""
    places: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    not_searched = {}
    for step in sightings(person, stream):
        if isinstance(step, Searched):
            not_searched[step.place] = step.problem
        elif step.found:
            places[step.place] += map(_readable, step.found)
    return Report(person.identity, timezone.now().isoformat(), dict(places), _belongings(person), not_searched)


def _readable(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a row with its JSON as values, not as text."""
    return {name: _parsed(value) if name in JSON_COLUMNS else value for name, value in found.items()}


def _parsed(value: Any) -> Any:
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, TypeError):
        return value


def _belongings(person: Person) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for name, aggregate in load_aggregates().items():
        for row in aggregate.rows_of(person).using(database.alias()).order_by("pk"):
            if belongings := aggregate.belongings(row):
                found[name].append({"id": str(row.pk), **belongings})
    return dict(found)
