"""Forget the persons of the list again whom a restored backup has brought back; finish what was interrupted."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from events import forgotten
from events.aggregates import load_aggregates, rows_in_database
from events.event import decode
from events.exceptions import EventError, Unprocessable
from events.forgotten import ForgottenPerson, hash_keys
from events.models import Forgetting, LogEntry
from events.operations.forgetting.find import names_of
from events.operations.forgetting.run import OnStep, forget
from events.operations.forgetting.search import prove
from events.personal_data import Person, identities_in
from events.stream.interface import Stream
from events.texts.spellings import normal


class KeyMissing(EventError):
    """The list has hashes of a key that the settings lack: add it to EVENTS_FORGOTTEN_KEYS or SECRET_KEY_FALLBACKS."""


class Again(NamedTuple):
    """How many forgettings were due, how many of their persons the database had, and what could not be reached."""

    due: int
    found: int
    problems: list[str]


def forget_again(stream: Stream, *, on_step: OnStep = lambda _: None) -> Again:
    """Forget again whom the database has again; safe to repeat. Raise KeyMissing, and what `forget` does."""
    if unknown := forgotten.unknown_keys():
        raise KeyMissing(f"{KeyMissing.__doc__} (ids of keys: {', '.join(sorted(unknown))})")
    due = _due()
    identities = _identities(due) if due else {}
    problems: list[str] = []
    for digest, forgettings in due.items():
        if digest in identities:
            problems += _forget(identities[digest], forgettings[0], stream, on_step)
    if not problems:
        for forgettings in due.values():
            for forgetting in forgettings:
                forgotten.finish(forgetting)
    forgotten.write_missing(Forgetting.objects.order_by("id"))
    return Again(sum(map(len, due.values())), len(identities), problems)


def _forget(identity: str, forgetting: Forgetting, stream: Stream, on_step: OnStep) -> list[str]:
    """Forget the person, search for it, and return what was not reached, and where it is left."""
    person = Person(identity, names_of(Person(identity)))
    outcome = forget(person, stream, forgetting=forgetting, on_step=on_step)
    left = [
        f"{place.place}: {place.problem or 'the person is left'}"
        for place in prove(person, stream)
        if not place.is_clean
    ]
    return outcome.problems + left


def _due() -> dict[str, list[Forgetting]]:
    """Return by digest what the table lacks or has not finished; rows that it lacks are saved when they are done."""
    due: dict[str, list[Forgetting]] = {}
    for row in Forgetting.objects.filter(finished_at=None).order_by("id"):
        due.setdefault(row.digest, []).append(row)
    for line in forgotten.returned():
        due.setdefault(line.digest, []).append(_row_of(line))
    return due


def _row_of(line: ForgottenPerson) -> Forgetting:
    return Forgetting(id=line.id, key=line.key, digest=line.digest, begun_at=line.at)


def _identities(due: Mapping[str, object]) -> dict[str, str]:
    """Return the identities that have these digests, as far as tables and log have them."""
    keys = hash_keys()
    found: dict[str, str] = {}
    for identity in _all_identities():
        plain = normal(identity)
        found |= {digest: identity for key in keys if (digest := key.digest(plain)) in due}
    return found


def _all_identities() -> Iterator[str]:
    for aggregate in load_aggregates().values():
        for row in rows_in_database(aggregate).iterator():
            yield from identities_in(aggregate.correction(row))
    for entry in LogEntry.objects.values_list("type", "schema_version", "data").iterator():
        try:
            yield from identities_in(decode(*entry))
        except Unprocessable:
            continue
