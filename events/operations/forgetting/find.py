"""Find the aggregates whose events have a person, by one pass through the log and the declared tables."""

from collections.abc import Collection, Iterator
from itertools import batched, groupby
from operator import itemgetter
from typing import NamedTuple

from django.db.models import Max, QuerySet
from django.utils.translation import gettext

from events import database
from events.aggregates import load_aggregates
from events.event import decode, registered_types
from events.exceptions import EventError, Unprocessable
from events.models import LogEntry
from events.operations.forgetting.columns import rows_with
from events.personal_data import REMOVED, Person, all_marks_of, is_named_in, names_in, redacted_data
from events.texts.storable import storable

ROWS_AT_ONCE = 20_000
AGGREGATES_AT_ONCE = 100
SHORTEST_IDENTITY = 5
ENTRY = ("type", "schema_version", "data")
COLUMNS = ("data", "actor", "correlation_id", "extensions")
"""The columns of the log in which a person may be."""

type _Entry = tuple[str, int, str]


class PersonRefused(EventError):
    """This does not identify a person."""


class Batch(NamedTuple):
    """Some aggregates to look into, and how far the pass has come."""

    aggregate_type: str
    subjects: Collection[str]
    is_of_others: bool = False
    """Whether only those count that are not about the person, but may name it in a free text."""
    done: int = 0
    total: int = 0


class Extent(NamedTuple):
    """How much there is about a person, and the names by which free texts may tell of it."""

    rows: int
    events: int
    names: frozenset[str]


def person_meant(text: str) -> Person:
    """Return the person with this identity, or whom the aggregate of this name is about; raise PersonRefused."""
    if text != storable(text):
        raise PersonRefused(gettext("an identity is text in UTF-8, without a zero byte"))
    for aggregate in load_aggregates().values():
        if identity := aggregate.identity_of(text):
            return _expect_identity(identity)
    return _expect_identity(text)


def _expect_identity(text: str) -> Person:
    """Refuse what would be found everywhere, and whoever is forgotten already."""
    identity = text.strip()
    replacements = {
        mark.replacement for event in registered_types() for mark in all_marks_of(event.event_class) if mark.identifies
    }
    if identity in replacements:
        raise PersonRefused(gettext("the person was forgotten already"))
    if len(identity) < SHORTEST_IDENTITY or REMOVED in identity:
        too_short = gettext("write an identity of %(fewest)s characters at least, such as an e-mail address")
        raise PersonRefused(too_short % {"fewest": SHORTEST_IDENTITY})
    return Person(identity)


def batches(person: Person, *, names: bool) -> Iterator[Batch]:
    """Yield the aggregates that may have the person; with `names`, before them others that may name it.

    What was redacted is not found again, so this may begin anew at any time. The others come first: only the person's
    own rows and events tell the names.
    """
    if names and person.names:
        yield from _of_log(person.names, is_of_others=True)
    for name, aggregate in load_aggregates().items():
        keys = aggregate.rows_of(person).using(database.alias()).order_by("pk").values_list("pk", flat=True)
        for some in batched(keys.iterator(), AGGREGATES_AT_ONCE, strict=False):
            yield Batch(name, [str(key) for key in some])
    yield from _of_log([person.identity], is_of_others=False)


def _of_log(texts: Collection[str], *, is_of_others: bool) -> Iterator[Batch]:
    """Yield the aggregates with one of the texts in their events, going through the log once."""
    last = _last_entry()
    for start in range(0, last, ROWS_AT_ONCE):
        end = min(start + ROWS_AT_ONCE, last)
        found = candidates(texts).filter(id__gt=start, id__lte=end).order_by("aggregate_type", "subject")
        aggregates = list(found.values_list("aggregate_type", "subject").distinct())
        for aggregate_type, group in groupby(aggregates, key=itemgetter(0)):
            for some in batched((subject for _, subject in group), AGGREGATES_AT_ONCE, strict=False):
                yield Batch(aggregate_type, some, is_of_others, end, last)
        yield Batch("", (), is_of_others, end, last)


def candidates(texts: Collection[str]) -> QuerySet[LogEntry]:
    """Return the log's rows with one of the texts in them, in any spelling, possibly within a longer word."""
    return rows_with(LogEntry.objects.all(), COLUMNS, texts)


def extent(person: Person) -> Extent:
    """Count what there is about a person, and collect the names by which free texts may tell of it."""
    rows, events = 0, 0
    names: set[str] = set()
    for aggregate in load_aggregates().values():
        for row in aggregate.rows_of(person).using(database.alias()).iterator():
            rows += 1
            names.update(names_in(aggregate.correction(row), person))
    for entry in candidates([person.identity]).values_list(*ENTRY).iterator():
        if _has(entry, person):
            events += 1
            names.update(_names_in_entry(entry, person))
    return Extent(rows, events, frozenset(names))


def names_of(person: Person) -> frozenset[str]:
    return extent(person).names


def count_mentions(person: Person) -> int:
    """Count the events that are not about the person, but have one of the names in a free text."""
    entries = candidates(person.names).values_list(*ENTRY).iterator()
    return sum(not _has(entry, person) and _is_named_in_entry(entry, person) for entry in entries)


def _has(entry: _Entry, person: Person) -> bool:
    return redacted_data(*entry, person=person, names=False)[0] != entry[2]


def _is_named_in_entry(entry: _Entry, person: Person) -> bool:
    try:
        return is_named_in(decode(*entry), person)
    except Unprocessable:
        return False


def _names_in_entry(entry: _Entry, person: Person) -> set[str]:
    try:
        return set(names_in(decode(*entry), person))
    except Unprocessable:
        return set()


def _last_entry() -> int:
    return LogEntry.objects.aggregate(last=Max("id"))["last"] or 0
